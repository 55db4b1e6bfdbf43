import io
import json

import numpy as np
import PIL.Image
import pytest

from pipelines.checking.checking import check
from pipelines.config import CheckConfig


@pytest.fixture
def config(folders):
    return lambda **settings: CheckConfig(**folders, **settings)


def codes(report):
    return [finding.code for finding in report.findings]


HALF = [[0] * 6 + [255] * 6]


def test_a_sound_set_has_no_findings(write_pair, config):
    for number in range(6):
        write_pair(f"{number}.png", HALF)
    report = check(config())
    assert report.findings == ()
    assert (report.images, report.held_out, report.empty_masks) == (6, 1, 0)
    assert report.mask_kind == "binary"
    assert [one.share for one in report.classes] == [0.5, 0.5]


def test_classes_that_are_nowhere_have_a_share_of_0_and_a_warning(write_pair, config):
    for name in "ab":
        write_pair(f"{name}.png", [[0, 0, 1, 3]])
    report = check(config(mask_kind="classes"))
    assert [one.share for one in report.classes] == [0.5, 0.25, 0, 0.25]
    assert codes(report) == ["absent-class"]


def test_classes_are_called_by_their_names(write_pair, config):
    for name in "ab":
        write_pair(f"{name}.png", [[0, 0, 1, 3]])
    names = ("sky", "sea", "<b>", "Fluß")
    report = check(config(mask_kind="classes", class_names=names))
    assert [one.name for one in report.classes] == [*names]
    assert "no mask has a pixel of <b> (id 2)" in str(report)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("sky", "sea"), ["sky", "sea", "class 2"]),
        (("sky", "sea", "ice", "sun"), ["sky", "sea", "ice"]),
    ],
)
def test_other_names_than_classes_are_an_error_beside_the_table(
    write_pair, config, names, shown
):
    for name in "ab":
        write_pair(f"{name}.png", [[0, 0, 1, 2]])
    with pytest.raises(ValueError, match=f"gives {len(names)} names") as error:
        check(config(mask_kind="classes", class_names=names))
    report = error.value.report
    assert [one.name for one in report.classes] == shown
    assert codes(report) == ["class-names"]


def test_what_fit_refuses_of_the_parts_is_found(write_pair, config, tmp_path):
    """Held-out images of other channels; masks of one class to train on."""
    for number in range(2):
        write_pair(f"{number}.png", HALF)
    write_pair("a.png", HALF, np.zeros((1, 12, 3), "uint8"), folder="other_")
    with pytest.raises(ValueError, match="3 channels, but the training images have 1"):
        check(
            config(
                validation_images=str(tmp_path / "other_images"),
                validation_masks=str(tmp_path / "other_masks"),
            )
        )
    write_pair("0.png", [[0] * 12])
    with pytest.raises(ValueError, match="masks to train on are of one class"):
        check(config(validation_stems=("1",)))


def test_held_out_masks_are_read_as_those_of_the_training(write_pair, config, tmp_path):
    for number in range(1, 5):
        ids = np.repeat(np.arange(10 + number * 5), 3)
        write_pair(f"{number}.png", [[0] * 399, np.resize(ids, 399)])
    write_pair("a.png", [[0, 0, 0, 1, 1, 1, 2, 2, 2]], folder="other_")
    report = check(
        config(
            validation_images=str(tmp_path / "other_images"),
            validation_masks=str(tmp_path / "other_masks"),
        )
    )
    assert report.mask_kind == "instances"


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"json": "."}, "is a folder"), ({"preview": "tiles.jpg"}, "is a PNG")],
)
def test_files_that_cannot_be_written_are_told_before_the_reading(
    config, settings, words
):
    # There are no images: that would be said first.
    with pytest.raises(ValueError, match=words):
        check(config(**settings))


def test_a_set_that_cannot_be_trained_on_is_refused_with_its_report(write_pair, config):
    write_pair("a.png", [[0, 0, 0, 0]])
    write_pair("b.png", [[0, 0, 0, 0]])
    with pytest.raises(ValueError, match="all mask pixels have one value") as error:
        check(config())
    report = error.value.report
    assert report.images == 2 and report.empty_masks == 2


@pytest.mark.parametrize("name", ["json", "preview"])
def test_an_input_is_not_written_over(write_pair, config, tmp_path, name):
    write_pair("a.png", [[0, 1]])
    mask = tmp_path / "masks" / "a.png"
    before = mask.read_bytes()
    with pytest.raises(ValueError, match="a.png is an input; writing there would"):
        check(config(**{name: mask}))
    assert mask.read_bytes() == before


def test_the_json_file_is_written_for_sound_and_for_bad_sets(
    write_pair, config, tmp_path
):
    for name in "ab":
        write_pair(f"{name}.png", HALF)
    path = tmp_path / "new" / "found.json"
    check(config(json=path))
    assert json.loads(path.read_text())["images"] == 2
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(ValueError):
        check(config(json=path))
    assert json.loads(path.read_text())["findings"][0]["code"] == "no-mask"


def test_a_single_image_can_be_checked_but_not_split(write_pair, config):
    write_pair("a.png", HALF)
    assert codes(check(config())) == ["split"]


def test_stems_to_hold_out_that_do_not_exist_are_refused(write_pair, config):
    for name in "ab":
        write_pair(f"{name}.png", HALF)
    with pytest.raises(ValueError, match="no image is called c"):
        check(config(validation_stems=("c",)))


# Leaks, in the split that fit would make.


def test_held_out_images_that_are_trained_on_are_told(write_pair, config, random):
    image = random.integers(0, 256, (1, 12)).astype("uint8")
    for number in range(6):
        write_pair(f"{number}.png", HALF, image if number in (0, 4) else None)
    # Of six every fifth is held out: 4.png.
    report = check(config())
    assert codes(report) == ["duplicate", "leak"]
    assert report.findings[1].file.endswith("images/4.png")
    assert "images/0.png" in report.findings[1].message
    report = check(config(validation_stems=("1",)))
    assert codes(report) == ["duplicate"]


def test_validation_images_of_their_own_are_checked_and_compared(
    write_pair, config, tmp_path, random
):
    image = random.integers(0, 256, (1, 12)).astype("uint8")
    write_pair("a.png", HALF, image)
    write_pair("b.png", HALF)
    write_pair("x.png", HALF, image, folder="held_")
    write_pair("y.png", HALF, folder="held_")
    report = check(
        config(
            validation_images=tmp_path / "held_images",
            validation_masks=tmp_path / "held_masks",
        )
    )
    assert report.held_out == 2
    assert codes(report) == ["leak"]
    assert report.findings[0].file.endswith("held_images/x.png")


def test_a_set_with_unreadable_files_is_not_split(write_pair, config, tmp_path):
    for number in range(6):
        write_pair(f"{number}.png", HALF)
    (tmp_path / "images" / "0.png").write_bytes(b"")
    with pytest.raises(ValueError) as error:
        check(config())
    assert (error.value.report.held_out, error.value.report.unreadable) == (0, 1)


# The preview.


def test_a_preview_is_written_as_png(write_pair, config, tmp_path):
    for name in "ab":
        write_pair(f"{name}.png", HALF * 12)
    path = tmp_path / "new" / "tiles.png"
    check(config(preview=path, tile_size=8))
    with PIL.Image.open(io.BytesIO(path.read_bytes())) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")


def test_a_bad_set_has_no_preview(write_pair, config, tmp_path):
    write_pair("a.png", [[0, 0]])
    with pytest.raises(ValueError):
        check(config(preview=tmp_path / "tiles.png"))
    assert not (tmp_path / "tiles.png").exists()
