import logging

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

from pipelines import export, exporting, predict
from pipelines.config import ExportConfig, PredictConfig
from pipelines.images import ImageEntry, read_mask


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The first version of the shared run's export."""
    target = tmp_path_factory.mktemp("saved_models") / "discs"
    return export(ExportConfig(model=str(run), to=str(target)))


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported.path))


@pytest.fixture
def quick_write(monkeypatch):
    """Leaves out the net: what is published is a folder with one file."""

    def write(run, path):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"graph")
        return ("serving_default", "image_bytes")

    monkeypatch.setattr(exporting, "_write", write)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_first_export_is_version_1_with_both_signatures(exported):
    assert exported.version == 1
    assert exported.path.name == "1"
    assert exported.signatures == ("serving_default", "image_bytes")
    assert (exported.path / "saved_model.pb").is_file()
    assert names(exported.path.parent) == ["1"]
    assert f"keras-unet serve {exported.path.parent}" in str(exported)


def test_signatures_name_their_inputs_and_outputs(loaded):
    arrays = loaded.signatures["serving_default"]
    _, inputs = arrays.structured_input_signature
    assert inputs["image"].shape.as_list() == [None, None, None, 1]
    assert inputs["image"].dtype == tf.float32
    assert set(arrays.structured_outputs) == {"probability"}
    files = loaded.signatures["image_bytes"]
    _, inputs = files.structured_input_signature
    assert inputs["image_bytes"].shape.as_list() == [None]
    assert set(files.structured_outputs) == {"mask_bytes"}


def test_the_served_mask_is_the_file_that_predict_writes(loaded, run, discs, tmp_path):
    images = sorted((discs / "images").iterdir())
    paths = predict(
        PredictConfig(model=str(run), images=str(discs / "images"), out=str(tmp_path))
    )
    served = loaded.signatures["image_bytes"](
        image_bytes=tf.constant([path.read_bytes() for path in images])
    )["mask_bytes"]
    for path, data in zip(paths, served.numpy(), strict=True):
        expected = read_mask(ImageEntry(path))
        np.testing.assert_array_equal(imagecodecs.png_decode(data), expected)


def test_served_probabilities_are_those_that_predict_writes(
    loaded, run, discs, tmp_path
):
    image = discs / "images" / "cell_3.png"
    [path] = predict(
        PredictConfig(
            model=str(run), images=str(image), out=str(tmp_path), output="probability"
        )
    )
    pixels = imagecodecs.png_decode(image.read_bytes())[np.newaxis, ..., np.newaxis]
    served = loaded.signatures["serving_default"](
        image=tf.constant(pixels.astype(np.float32))
    )["probability"]
    expected = imagecodecs.png_decode(path.read_bytes()) / 65535
    np.testing.assert_allclose(served[0, ..., 0], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("channels", "signatures"),
    [(2, ("serving_default",)), (4, ("serving_default", "image_bytes"))],
)
def test_files_are_served_for_the_channels_that_files_have(
    random_net, save_run, tmp_path, caplog, channels, signatures
):
    model = random_net(channels=channels, num_classes=3)
    run = save_run(tmp_path / "run", model)
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        result = export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert result.signatures == signatures
    assert ("2 channels" in caplog.text) == (channels == 2)
    served = tf.saved_model.load(str(result.path)).signatures["serving_default"]
    probability = served(image=tf.random.uniform((1, 9, 5, channels)))["probability"]
    assert probability.shape == (1, 9, 5, 3)
    np.testing.assert_allclose(np.sum(probability, axis=-1), 1, atol=1e-5)


def test_the_paper_net_with_two_classes_serves_masks_of_0_and_255(
    random_net, save_run, tmp_path
):
    model = random_net("paper", 2, num_classes=2)
    run = save_run(tmp_path / "run", model)
    result = export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    served = tf.saved_model.load(str(result.path)).signatures["image_bytes"]
    random = np.random.default_rng(seed=0)
    image = random.integers(0, 65536, (31, 50), dtype=np.uint16)
    data = served(image_bytes=tf.constant([imagecodecs.png_encode(image)]))
    mask = imagecodecs.png_decode(data["mask_bytes"].numpy()[0])
    assert mask.shape == (31, 50)
    assert set(np.unique(mask)) <= {0, 255}


def test_each_export_is_the_next_version(quick_write, run, tmp_path):
    config = ExportConfig(model=str(run), to=str(tmp_path / "deep" / "discs"))
    assert [export(config).version for _ in range(3)] == [1, 2, 3]
    assert names(tmp_path / "deep" / "discs") == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("existing", "version"),
    # Whatever a server would take for a version counts, also with leading zeros.
    [("7", 8), ("00000010", 11), ("notes.txt", 1), (".part-old", 1), ("99" * 20, 1)],
)
def test_a_stray_name_is_never_overwritten(
    quick_write, run, tmp_path, existing, version
):
    (tmp_path / existing).write_text("kept")
    result = export(ExportConfig(model=str(run), to=str(tmp_path)))
    assert result.version == version
    assert (tmp_path / existing).read_text() == "kept"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_export_leaves_nothing_behind(run, tmp_path, monkeypatch, error):
    def fail(run, path):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"half")
        assert names(tmp_path) == [path.name]
        assert not path.name.isdecimal()
        raise error

    monkeypatch.setattr(exporting, "_write", fail)
    with pytest.raises(error):
        export(ExportConfig(model=str(run), to=str(tmp_path)))
    assert names(tmp_path) == []


def test_what_a_killed_export_left_is_no_part_of_the_next(quick_write, run, tmp_path):
    left = tmp_path / ".part-1234"
    left.mkdir()
    (left / "stale").write_text("stale")
    result = export(ExportConfig(model=str(run), to=str(tmp_path)))
    assert names(result.path) == ["saved_model.pb"]


def test_a_version_published_meanwhile_is_stepped_over(
    quick_write, run, tmp_path, monkeypatch
):
    rename = exporting.os.rename

    def other_was_faster(source, target):
        monkeypatch.setattr(exporting.os, "rename", rename)
        target.mkdir()
        (target / "saved_model.pb").write_bytes(b"of another")
        rename(source, target)

    monkeypatch.setattr(exporting.os, "rename", other_was_faster)
    result = export(ExportConfig(model=str(run), to=str(tmp_path)))
    assert result.version == 2
    assert (tmp_path / "1" / "saved_model.pb").read_bytes() == b"of another"


def test_a_file_in_the_place_of_the_folder_is_refused(run, tmp_path):
    (tmp_path / "discs").write_text("not a folder")
    with pytest.raises(ValueError, match="discs is a file; name a folder"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "discs")))


def test_what_is_no_run_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ValueError, match="config.json is missing"):
        export(ExportConfig(model=str(tmp_path), to=str(tmp_path / "served")))
    assert names(tmp_path) == []
