import shlex

import numpy as np
import pytest
import tifffile

from pipelines.config import DataConfig
from pipelines.dataset import cut_in_two, load_dataset, split
from pipelines.results import writing


@pytest.fixture
def scene(tmp_path, random):
    """Writes an image and its mask of other names; returns their paths and arrays."""

    def write(shape, channels=3, name="scene.png"):
        pixels = random.integers(0, 256, (*shape, channels)).astype(np.uint8)
        mask = random.integers(0, 700, shape).astype(np.uint16)
        paths = tmp_path / name, tmp_path / "the mask.tif"
        for path, array in zip(paths, (pixels, mask), strict=True):
            writing.write_image(path, array)
        return (*paths, pixels, mask)

    return write


def load(folder):
    images, masks = str(folder / "images"), str(folder / "masks")
    return load_dataset(DataConfig(images=images, masks=masks, mask_kind="instances"))


@pytest.mark.parametrize("shape", [(50, 30), (30, 50), (40, 40)])
def test_the_last_fifth_of_the_longer_side_is_held_out(scene, tmp_path, shape):
    image, mask, pixels, labels = scene(shape)
    cut_in_two(image, mask, tmp_path / "cut")
    axis = int(shape[1] > shape[0])
    training, held_out = split(load(tmp_path / "cut"), ())
    assert held_out.facts[0].height * held_out.facts[0].width == labels.size // 5
    for whole, kind in ((pixels, "images"), (labels, "masks")):
        parts = [tifffile.imread(tmp_path / "cut" / kind / f"{n}.tif") for n in (0, 1)]
        np.testing.assert_array_equal(np.concatenate(parts, axis), whole)
        assert parts[0].dtype == whole.dtype
    assert len(training.pairs) == 1


def test_alpha_is_left_out(scene, tmp_path):
    image, mask, pixels, _ = scene((20, 10), channels=4)
    cut_in_two(image, mask, tmp_path / "cut")
    first = tifffile.imread(tmp_path / "cut" / "images" / "0.tif")
    np.testing.assert_array_equal(first, pixels[:16, :, :3])


def test_a_mask_of_another_size_is_refused(scene, tmp_path):
    image, mask, _, _ = scene((20, 10))
    writing.write_image(mask, np.zeros((10, 20), np.uint8))
    with pytest.raises(ValueError, match=r"the mask.tif has 10x20 .* has 20x10\. Name"):
        cut_in_two(image, mask, tmp_path / "cut")


def test_a_folder_that_exists_is_refused(scene, tmp_path):
    image, mask, _, _ = scene((20, 10))
    with pytest.raises(ValueError, match="exists already. Name a new folder"):
        cut_in_two(image, mask, tmp_path)


def test_several_images_are_refused(scene, tmp_path):
    image, mask, _, _ = scene((20, 10))
    tifffile.imwrite(mask, np.zeros((3, 20, 10), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="expected one image, got 3"):
        cut_in_two(image, mask, tmp_path / "cut")


def test_the_command_in_the_refusal_of_one_image_makes_two_of_it(
    scene, tmp_path, monkeypatch
):
    scene((50, 30), name="it's one.png")
    image, mask = str(tmp_path / "it's one.png"), str(tmp_path / "the mask.tif")
    config = DataConfig(images=image, masks=mask, mask_kind="instances")
    with pytest.raises(ValueError, match="none is left to train on") as refused:
        split(load_dataset(config), ())
    words = shlex.split(str(refused.value)[str(refused.value).index("python -c") :])
    monkeypatch.chdir(tmp_path)
    exec(words[2], {})
    training, held_out = split(load(tmp_path / "cut"), ())
    assert [len(part.pairs) for part in (training, held_out)] == [1, 1]
