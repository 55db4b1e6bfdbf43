"""One scaling from training to the server, for a run scaled by the type of pixels."""

import dataclasses

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

from pipelines import evaluate, export, predict, run_folder, scores
from pipelines.config import DataConfig, EvaluateConfig, ExportConfig, PredictConfig
from pipelines.dataset import load_dataset
from pipelines.images import ImageEntry, read_mask
from pipelines.overlap_tile import Net
from pipelines.results import writing


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Noise of 8 and 16 bits, with masks."""
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(5)
    for name, dtype in (("a", "uint8"), ("b", "uint16"), ("c", "uint16")):
        image = random.integers(0, np.iinfo(dtype).max, (24, 17), dtype)
        writing.write_image(folder / "images" / f"{name}.png", image)
        mask = (random.random((24, 17)) > 0.5).astype("uint8") * 255
        mask[:5] = 7
        writing.write_image(folder / "masks" / f"{name}.png", mask)
    return folder


@pytest.fixture(scope="module")
def settings(files):
    return {
        "images": str(files / "images"),
        "masks": str(files / "masks"),
        "ignore_value": 7,
    }


@pytest.fixture(scope="module")
def run(random_net, save_run, settings, tmp_path_factory):
    """A run that was trained with these files, scaled by their type."""
    path = save_run(tmp_path_factory.mktemp("runs") / "run", random_net())
    dataset = load_dataset(DataConfig(**settings), scaling="dtype")
    record = dataclasses.replace(
        run_folder.load_record(path),
        scaling=dataset.scaling,
        mask_coding=dataset.coding,
        data={"training": dataset.describe()},
        threshold=0.45,
    )
    run_folder.publish(path, path / run_folder.MODEL, record)
    return path


@pytest.fixture(scope="module")
def expected(run, settings):
    """Masks by the net on pixels divided by the largest value of their type."""
    net = Net(run_folder.load(str(run)).model)
    dataset = load_dataset(DataConfig(**settings))
    masks = []
    for index, facts in enumerate(dataset.facts):
        image = dataset.image(index).astype(np.float32) / np.iinfo(facts.dtype).max
        masks.append((net.probability(image)[..., 0] > 0.45).astype(np.uint8) * 255)
    assert len({mask.mean() for mask in masks} | {0, 255}) == 5
    return masks


def test_predict_scales_each_file_by_its_own_type(run, settings, expected, tmp_path):
    paths = predict(
        PredictConfig(model=run, images=settings["images"], out=tmp_path / "out")
    )
    for path, mask in zip(paths, expected, strict=True):
        np.testing.assert_array_equal(read_mask(ImageEntry(path)), mask)


def test_evaluate_scores_those_masks_but_not_ignored_pixels(run, settings, expected):
    settings = {name: settings[name] for name in ("images", "masks")}
    found = evaluate(EvaluateConfig(model=run, **settings))
    truth = [
        read_mask(pair.mask)
        for pair in load_dataset(DataConfig(**settings, ignore_value=7)).pairs
    ]
    confusion = sum(
        scores.confusion_matrix(y_true[5:] // 255, y_pred[5:] // 255, 2)
        for y_true, y_pred in zip(truth, expected, strict=True)
    )
    assert found.pixel_error == pytest.approx(scores.pixel_error(confusion))
    assert found.mean_iou == pytest.approx(scores.mean_iou(confusion))


def test_the_server_scales_files_by_their_own_type(run, settings, expected, tmp_path):
    exported = export(ExportConfig(model=run, to=tmp_path / "served"))
    signatures = tf.saved_model.load(str(exported.path)).signatures
    dataset = load_dataset(DataConfig(**settings))
    files = [pair.image.path.read_bytes() for pair in dataset.pairs]
    masks = signatures["image_bytes"](image_bytes=tf.constant(files))["mask_bytes"]
    for found, mask in zip(masks.numpy(), expected, strict=True):
        np.testing.assert_array_equal(imagecodecs.png_decode(found), mask)
    # Arrays have no type of their own: that of most training images decides.
    image = dataset.image(1)[np.newaxis].astype(np.float32)
    found = signatures["serving_default"](image=tf.constant(image))["probability"]
    np.testing.assert_array_equal(found[0, ..., 0].numpy() > 0.45, expected[1] == 255)
