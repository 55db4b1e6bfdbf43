import json
import pickle

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal

import pipelines
from pipelines import run_folder
from pipelines.config import PredictConfig
from pipelines.images import ImageEntry, find_images, read_image, read_mask
from pipelines.overlap_tile import Net


def test_the_mask_of_an_array_is_the_one_that_predict_writes(run, discs, tmp_path):
    images = find_images(str(discs / "images"))
    written = pipelines.predict(
        PredictConfig(model=str(run), images=str(discs / "images"), out=str(tmp_path))
    )
    predictor = pipelines.Predictor(run)
    for entry, path in zip(images, written, strict=True):
        mask = predictor.mask(read_image(entry)[..., 0])
        assert_array_equal(mask, read_mask(ImageEntry(path)))


def test_probabilities_are_those_of_the_net_on_the_scaled_image(
    random_net, save_run, tmp_path
):
    net = random_net(channels=2, num_classes=3)
    run = save_run(tmp_path / "run", net, scaling="dtype", pixel_type="uint8")
    image = np.random.default_rng(0).integers(0, 255, (9, 21, 2)).astype(np.uint8)
    predictor = pipelines.Predictor(run)
    expected = Net(net).probability(image.astype(np.float32) / 255)
    found = predictor.probability(image)
    assert_allclose(found, expected, atol=1e-5)
    assert_array_equal(predictor.mask(image), found.argmax(axis=-1))


@pytest.mark.parametrize(
    ("num_classes", "changes"),
    [
        (1, {}),
        (2, {"object_threshold": 0.54, "settings": {"smallest_object": 3}}),
        (2, {"object_threshold": 0.4}),
        (3, {"settings": {"smallest_object": 4}}),
    ],
)
def test_the_objects_of_an_array_are_those_that_predict_writes(
    random_net, save_run, tmp_path, num_classes, changes
):
    run = save_run(tmp_path / "run", random_net(num_classes=num_classes))
    record = json.loads((run / run_folder.RECORD).read_text())
    (run / run_folder.RECORD).write_text(json.dumps(record | changes))
    image = np.random.default_rng(0).integers(0, 255, (50, 70)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image)
    settings = PredictConfig(
        model=str(run),
        images=str(tmp_path / "a.tif"),
        out=str(tmp_path / "out"),
        output="instances",
    )
    [path] = pipelines.predict(settings)
    found = pipelines.Predictor(run).objects(image)
    assert found.dtype == np.uint32 and found.max() > 1
    assert_array_equal(found, tifffile.imread(path))


def test_a_pickled_one_is_loaded_from_its_run_in_another_folder(
    run, tmp_path, monkeypatch
):
    monkeypatch.chdir(run.parent)
    predictor = pipelines.Predictor(run.name, precision="bfloat16")
    content = pickle.dumps(predictor)
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (30, 40)).astype(np.uint8)
    found = pickle.loads(content).probability(image)
    assert_array_equal(found, predictor.probability(image))


def test_a_type_that_would_be_scaled_to_another_range_is_refused(
    random_net, save_run, tmp_path
):
    run = save_run(tmp_path / "run", random_net(), scaling="dtype", pixel_type="uint8")
    with pytest.raises(ValueError, match="Pixels are int64, but .* from uint8"):
        pipelines.Predictor(run).mask(np.ones((4, 5), np.int64))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 5, 2)), "1 channels expected, got 2"),
        (np.zeros((0, 5)), r"got the shape \(0, 5\)"),
        (np.zeros((1, 4, 5, 1)), r"got the shape \(1, 4, 5, 1\)"),
        ("images/0.png", "of <U12. `predict` takes files"),
        (np.zeros((4, 5), complex), "must be numbers.* of complex128"),
        (np.full((4, 5), np.nan), "NaN, infinite or beyond float32"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(run, image, said):
    with pytest.raises(ValueError, match=said):
        pipelines.Predictor(run).mask(image)


def test_a_model_is_sent_to_save_run(random_net):
    with pytest.raises(
        ValueError, match=r"folder of a run, got .* pipelines\.save_run"
    ):
        pipelines.Predictor(random_net())
