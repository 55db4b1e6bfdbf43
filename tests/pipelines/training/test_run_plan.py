import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.tiles import TileShape
from pipelines.training import run_plan
from pipelines.training.run_plan import plan_run


@pytest.fixture
def plan(fit_config):
    def make(**changes):
        return plan_run(fit_config("runs/never_made", **changes))

    return make


def write_set(folder, masks):
    """Writes images of noise with the given masks; returns their settings."""
    random = np.random.default_rng(seed=0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, mask in enumerate(masks):
        image = random.integers(0, 256, mask.shape).astype(np.uint8)
        PIL.Image.fromarray(image).save(folder / "images" / f"{number}.png")
        path = folder / "masks" / f"{number}.png"
        PIL.Image.fromarray(mask.astype(np.uint8)).save(path)
    return {"images": str(folder / "images"), "masks": str(folder / "masks")}


def ids(count, shape=(8, 9)):
    return np.arange(np.prod(shape)).reshape(shape) % count


@pytest.mark.parametrize(
    ("variant", "channels", "batch_norm", "batch_size", "rate", "tile"),
    [
        ("padded", 1, True, 32, 2e-3, TileShape(64, 64)),
        ("paper", 2, False, 1, 2e-4, TileShape(572, 532)),
    ],
)
def test_open_settings_are_decided_by_the_variant(
    plan, variant, channels, batch_norm, batch_size, rate, tile
):
    found = plan(variant=variant, tile_size=None, batch_size=None)
    assert found.network["num_classes"] == channels
    assert found.network["batch_norm"] == batch_norm
    assert found.network["activation"] is None
    assert found.network["input_shape"] == (None, None, 1)
    assert (found.batch_size, found.learning_rate) == (batch_size, rate)
    assert found.tile_shape == tile


def test_the_default_tile_of_another_depth_is_a_legal_one(plan):
    found = plan(variant="paper", depth=5, tile_size=None)
    assert found.tile_shape == TileShape(572, 196)


def test_settings_that_are_given_are_kept(plan):
    found = plan(
        batch_norm=False, learning_rate=0.5, batch_size=3, tile_size=64, dropout=0.1
    )
    assert not found.network["batch_norm"]
    assert found.network["dropout"] == 0.1
    assert (found.batch_size, found.learning_rate) == (3, 0.5)
    assert found.tile_shape == TileShape(64, 64)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"steps": 5}, (5, None)),
        ({"steps": None, "minutes": 0.5}, (None, 0.5)),
        ({"steps": None}, (None, 10.0)),
    ],
)
def test_the_budget_is_steps_or_minutes_and_ten_minutes_by_default(
    plan, given, expected
):
    found = plan(**given)
    assert (found.config.steps, found.config.minutes) == expected


def test_classes_give_the_channels_and_their_names(plan, tmp_path):
    paths = write_set(tmp_path, [ids(3), ids(4)])
    found = plan(**paths, mask_kind="classes")
    assert found.network["num_classes"] == 4
    assert found.class_names == ["class 0", "class 1", "class 2", "class 3"]


def test_channels_beyond_the_classes_of_the_masks_have_names_too(plan):
    found = plan(num_classes=4)
    assert found.class_names == ["background", "foreground", "class 2", "class 3"]
    assert plan(num_classes=1).class_names == ["background", "foreground"]


def test_classes_that_the_masks_do_not_have_yet_are_named_with_their_number(plan):
    names = ("background", "cells", "debris")
    found = plan(num_classes=3, class_names=names)
    assert found.class_names == [*names]
    with pytest.raises(ValueError, match="gives 3 names .* the masks have 2 classes"):
        plan(class_names=names)


def test_fewer_channels_than_classes_are_refused(plan, tmp_path):
    paths = write_set(tmp_path, [ids(3), ids(3)])
    with pytest.raises(ValueError, match="num_classes=2, but the masks have 3"):
        plan(**paths, mask_kind="classes", num_classes=2)


def test_masks_of_one_value_are_refused(plan, tmp_path):
    paths = write_set(tmp_path, [np.zeros((8, 8)), np.zeros((8, 8))])
    with pytest.raises(ValueError, match="masks: all mask pixels have one value"):
        plan(**paths)


def test_classes_that_are_nowhere_are_told_as_by_check(plan, tmp_path, caplog):
    masks = [np.resize([0, 1, 3], (20, 20)) for _ in range(5)]
    plan(**write_set(tmp_path, masks), mask_kind="classes")
    assert "class 2" in caplog.text


def test_training_masks_of_one_class_are_refused(plan, tmp_path):
    masks = [np.zeros((70, 70)) for _ in range(4)] + [ids(2, (70, 70))]
    with pytest.raises(ValueError, match="all pixels of the 4 masks to train on are"):
        plan(**write_set(tmp_path, masks), validation_stems=("4",))


def test_held_out_masks_that_are_all_ignored_are_refused(plan, tmp_path):
    masks = [ids(2, (70, 70)) for _ in range(4)] + [np.full((70, 70), 255)]
    with pytest.raises(ValueError, match="that are held out are ignored"):
        plan(
            **write_set(tmp_path, masks),
            ignore_value=255,
            mask_kind="binary",
            validation_stems=("4",),
        )


def test_a_batch_is_shared_evenly_by_the_devices(plan, monkeypatch):
    monkeypatch.setattr(run_plan.devices, "check_devices", lambda *_: [])
    for variant, batch_size in (("padded", 33), ("paper", 3)):
        found = plan(variant=variant, tile_size=None, batch_size=None, devices=3)
        assert found.batch_size == batch_size


def test_validation_images_of_their_own_are_taken_whole(plan, discs, tmp_path):
    paths = write_set(tmp_path, [ids(2), ids(2)])
    found = plan(validation_images=paths["images"], validation_masks=paths["masks"])
    assert len(found.training_set.pairs) == 5
    assert len(found.validation_set.pairs) == 2


def test_validation_images_of_other_channels_are_refused(plan, tmp_path):
    paths = write_set(tmp_path, [ids(2)])
    image = np.zeros((8, 9, 3), np.uint8)
    PIL.Image.fromarray(image).save(tmp_path / "images" / "0.png")
    with pytest.raises(ValueError, match="3 channels, but .* have 1"):
        plan(validation_images=paths["images"], validation_masks=paths["masks"])


def test_classes_that_are_only_in_the_validation_masks_are_refused(plan, tmp_path):
    training = write_set(tmp_path / "training", [ids(2)])
    held_out = write_set(tmp_path / "held_out", [ids(3)])
    with pytest.raises(
        ValueError, match="class id 2, but the highest in the training masks is 1"
    ):
        plan(
            **training,
            mask_kind="classes",
            validation_images=held_out["images"],
            validation_masks=held_out["masks"],
        )


def test_pages_of_a_stack_are_held_out_by_number(plan, tmp_path, random):
    stack = random.integers(0, 256, (6, 8, 9)).astype(np.uint8)
    for name, pages in (("images", stack), ("masks", stack > 100)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, pages.astype(np.uint8), photometric="minisblack")
    found = plan(
        images=str(tmp_path / "images.tif"),
        masks=str(tmp_path / "masks.tif"),
        validation_stems=("1", "4"),
    )
    assert [pair.image.page for pair in found.validation_set.pairs] == [1, 4]
    assert [pair.image.page for pair in found.training_set.pairs] == [0, 2, 3, 5]
