import tempfile

import numpy as np
import pytest
import tifffile

from pipelines import scaling
from pipelines.images import ImageEntry
from pipelines.overlap_tile import Net
from pipelines.prediction import image_prediction
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.results.writing import write_image


@pytest.fixture
def predictor(random_net):
    net = Net(random_net("padded", 1))
    return ImagePredictor(
        net=net,
        values=OutputValues("probability", "float32", 1, 0.5),
        scaling="per_image",
        memory=MemoryModel(0, 2, 1, 1),
        budget=2 * 10**8,
        flips=False,
    )


def test_windows_of_several_images_come_in_order(predictor, random, tmp_path):
    arrays = [random.integers(0, 256, (30, n, 1), dtype=np.uint8) for n in (20, 40)]
    entries = []
    for number, array in enumerate(arrays):
        tifffile.imwrite(tmp_path / f"{number}.tif", array[..., 0])
        entries.append(ImageEntry(tmp_path / f"{number}.tif"))
    done = []
    images = predictor.images(entries, done.append)
    for image, array in zip(images, arrays, strict=True):
        [(top, left, pixels)] = image.windows
        assert (top, left) == (0, 0)
        assert (image.layout.height, image.layout.width) == array.shape[:2]
        expected = predictor.net.probability(np.asarray(scaling.scale_image(array)))
        np.testing.assert_allclose(pixels, expected, atol=1e-5)
    assert done == [30 * 20, 30 * 40]


def test_channels_that_do_not_fit_are_named_before_any_work(predictor, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 5, 3), np.uint8))
    images = predictor.images([ImageEntry(tmp_path / "a.tif")], lambda pixels: None)
    with pytest.raises(ValueError, match=r"a\.tif: 1 channels expected, got 3"):
        next(images)


def test_what_was_decoded_to_disk_goes_with_its_image(
    predictor, random, tmp_path, monkeypatch
):
    monkeypatch.setattr(image_prediction, "MOST_DECODED_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    entries = []
    for number in range(2):
        pixels = random.integers(0, 256, (30, 20), dtype=np.uint8)
        write_image(tmp_path / f"{number}.png", pixels)
        entries.append(ImageEntry(tmp_path / f"{number}.png"))
    for image in predictor.images(entries, lambda pixels: None):
        list(image.windows)
        assert len(list((tmp_path / "temporary").rglob("*.npy"))) == 1
    assert list((tmp_path / "temporary").iterdir()) == []
