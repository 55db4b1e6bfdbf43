import dataclasses
import shutil

import pytest

from pipelines import run_folder
from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.evaluation import threshold_choice
from pipelines.evaluation.threshold_choice import (
    Threshold,
    choose_threshold,
    validation_set,
)
from pipelines.overlap_tile import Net
from pipelines.validation import ObjectThresholds, object_thresholds, validate


@pytest.fixture(scope="module")
def loaded(run):
    return run_folder.load(str(run))


@pytest.fixture(scope="module")
def net(loaded):
    return Net(loaded.model)


@pytest.fixture
def dataset(disc_set):
    return disc_set


def test_by_default_it_is_that_of_the_run(loaded, net, dataset):
    found = choose_threshold(None, loaded.record, net, dataset)
    assert found == Threshold(loaded.record.threshold, "run")
    assert str(found).endswith(", of the run")


def test_a_number_is_taken_as_it_is(loaded, net, dataset):
    found = choose_threshold(0.25, loaded.record, net, dataset)
    assert (found, str(found)) == (Threshold(0.25, "given"), "0.25, given")


def test_auto_chooses_on_the_validation_images_alone(loaded, net, dataset, caplog):
    caplog.set_level("INFO")
    # Whatever the run says: it has been changed since.
    record = dataclasses.replace(loaded.record, threshold=0.01)
    found = choose_threshold("auto", record, net, dataset.subset([0]))
    # fit has chosen it on the same image.
    assert found == Threshold(loaded.record.threshold, "validation images")
    assert "chosen on the validation images of the run (1)" in caplog.text


def test_auto_leaves_out_the_validation_images_that_are_scored(
    loaded, net, dataset, monkeypatch, caplog
):
    chosen_on = []

    def remember(net, held_out, **_):
        chosen_on.extend(pair.image.key for pair in held_out.pairs)
        return validate(net, held_out)

    monkeypatch.setattr(threshold_choice, "validate", remember)
    settings = loaded.record.settings | {"validation_stems": ["cell_1", "cell_4"]}
    held_out = {"fingerprint": dataset.subset([1, 4]).fingerprint}
    record = dataclasses.replace(
        loaded.record,
        settings=settings,
        data=loaded.record.data | {"validation": held_out},
    )
    choose_threshold("auto", record, net, dataset.subset([0, 4]))
    assert chosen_on == ["cell_1"]
    assert "1 validation images are to be scored too" in caplog.text


def test_auto_chooses_for_the_objects_of_instances_too(loaded, net, discs, monkeypatch):
    class Fixed(ObjectThresholds):
        def best(self):
            assert self._smallest == 5
            return 0.77

    monkeypatch.setattr(object_thresholds, "ObjectThresholds", Fixed)
    paths = {"images": str(discs / "images"), "masks": str(discs / "masks")}
    dataset = load_dataset(DataConfig(**paths, mask_kind="instances"))
    held_out = {"fingerprint": dataset.subset([4]).fingerprint}
    record = dataclasses.replace(
        loaded.record,
        mask_coding=dataset.coding,
        settings=loaded.record.settings | {"mask_kind": "instances"},
        data=loaded.record.data | {"validation": held_out},
    )
    found = choose_threshold("auto", record, net, dataset.subset([0]), 5)
    assert found.of_objects == 0.77
    assert "(of objects 0.77), chosen on the run's validation images" in str(found)


def test_auto_never_chooses_on_images_that_are_scored(loaded, net, dataset):
    with pytest.raises(ValueError, match="all validation images .* to be scored"):
        choose_threshold("auto", loaded.record, net, dataset)


def test_the_validation_images_are_those_that_fit_held_out(loaded):
    names = [pair.image.key for pair in validation_set(loaded.record).pairs]
    assert names == ["cell_4"]


def test_the_validation_images_are_found_among_others(loaded, discs, tmp_path):
    shutil.copytree(discs, tmp_path / "data")
    for folder in ("images", "masks"):
        files = sorted((tmp_path / "data" / folder).iterdir())
        shutil.copy(files[0], files[0].with_name(f"a_new_one{files[0].suffix}"))
    settings = dict(
        loaded.record.settings,
        images=str(tmp_path / "data" / "images"),
        masks=str(tmp_path / "data" / "masks"),
    )
    record = dataclasses.replace(loaded.record, settings=settings)
    names = [pair.image.key for pair in validation_set(record).pairs]
    assert names == ["cell_4"]


def test_a_training_image_like_a_validation_image_is_none(loaded, discs, tmp_path):
    shutil.copytree(discs, tmp_path / "data")
    for folder in ("images", "masks"):
        path = tmp_path / "data" / folder
        shutil.copy(path / "cell_4.png", path / "cell_0.png")
    settings = dict(
        loaded.record.settings,
        images=str(tmp_path / "data" / "images"),
        masks=str(tmp_path / "data" / "masks"),
    )
    record = dataclasses.replace(loaded.record, settings=settings)
    assert [p.image.key for p in validation_set(record).pairs] == ["cell_4"]


def test_images_that_have_changed_since_are_refused(loaded):
    data = dict(loaded.record.data, validation={"fingerprint": "other"})
    changed = dataclasses.replace(loaded.record, data=data)
    with pytest.raises(ValueError, match="have changed since fit"):
        validation_set(changed)


def test_a_net_of_three_classes_has_no_threshold(loaded, random_net, dataset):
    net = Net(random_net(num_classes=3))
    record = dataclasses.replace(loaded.record, threshold=None)
    assert choose_threshold(None, record, net, dataset) == Threshold(None, None)
    with pytest.raises(ValueError, match="tells 3 classes apart"):
        choose_threshold(0.5, record, net, dataset)


def test_auto_without_memory_for_a_validation_image_asks_for_a_number(
    loaded, net, dataset, monkeypatch
):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(Net, "logits", full)
    with pytest.raises(ValueError, match=r"auto .*cell_4\.png: .* Or give a number"):
        choose_threshold("auto", loaded.record, net, dataset.subset([0]))
