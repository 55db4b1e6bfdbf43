import numpy as np
import pytest
import zarr

from pipelines.images import PixelSize, find_images, read_image
from pipelines.images.layout import ImageLayout, ImageToWrite
from pipelines.images.zarr_writing import write_zarr


def to_write(image, **about):
    windows = (
        (top, left, image[top : top + 96, left : left + 128])
        for top in range(0, image.shape[0], 96)
        for left in range(0, image.shape[1], 128)
    )
    return ImageToWrite(ImageLayout(*image.shape, image.dtype, **about), windows)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("averaged", [False, True])
def test_levels_hold_the_image_in_halves(tmp_path, random, channels, averaged):
    image = random.integers(0, 200, (1100, 530, channels), dtype=np.uint8)
    if averaged:
        # Squares of four pixels, which their means leave as they are.
        image = np.kron(image[:275, :133], np.ones((4, 4, 1), np.uint8))[:1100, :530]
    path = tmp_path / "a.zarr"
    write_zarr(path, [to_write(image, averaged=averaged)], pyramid=True)
    root = zarr.open_group(path, mode="r")
    (scales,) = root.attrs["ome"]["multiscales"]
    names = [part["path"] for part in scales["datasets"]]
    assert names == ["0", "1", "2"]
    shapes = [root[name].shape[-2:] for name in names]
    assert shapes == [(1100, 530), (550, 265), (275, 133)]
    found = root["0"][:]
    expected = image.transpose(2, 0, 1) if channels > 1 else image[..., 0]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(root["2"][:], expected[..., ::4, ::4])


def test_a_smaller_level_is_the_mean(tmp_path, random):
    image = random.integers(0, 200, (1030, 600, 1), dtype=np.uint16)
    write_zarr(tmp_path / "a.zarr", [to_write(image, averaged=True)], pyramid=True)
    found = zarr.open_group(tmp_path / "a.zarr", mode="r")["1"][:]
    blocks = image[..., 0].reshape(515, 2, 300, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found, blocks, atol=0.5)


def test_a_size_without_a_unit_has_none(tmp_path, random):
    image = random.integers(0, 200, (20, 30, 1), dtype=np.uint8)
    size = PixelSize(0.5, 0.25, "chains")
    write_zarr(tmp_path / "a.zarr", [to_write(image, pixel_size=size)])
    ome = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]
    (scales,) = ome["multiscales"]
    assert scales["axes"][0] == {"name": "y", "type": "space"}
    transformations = scales["datasets"][0]["coordinateTransformations"]
    assert transformations == [{"type": "scale", "scale": [0.5, 0.25]}]


def test_axes_and_pixel_size_are_those_of_ome(tmp_path, random):
    image = random.integers(0, 200, (20, 30, 2), dtype=np.uint8)
    size = PixelSize(0.5, 0.25, "\u00b5m")
    write_zarr(tmp_path / "a.zarr", [to_write(image, pixel_size=size)])
    ome = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]
    assert ome["version"] == "0.5"
    (scales,) = ome["multiscales"]
    assert scales["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    (level,) = scales["datasets"]
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 0.5, 0.25]}
    ]


def test_pages_are_groups(tmp_path, random):
    images = [random.integers(0, 9, (20, 30, 1), dtype=np.uint8) for _ in range(2)]
    path = tmp_path / "a.zarr"
    write_zarr(path, map(to_write, images), several=True)
    root = zarr.open_group(path, mode="r")
    assert root.attrs["ome"] == {"version": "0.5", "bioformats2raw.layout": 3}
    for number, image in enumerate(images):
        np.testing.assert_array_equal(root[f"{number}/0"][:], image[..., 0])
    for entry, image in zip(find_images(str(path)), images, strict=True):
        np.testing.assert_array_equal(read_image(entry), image)
