import numpy as np
import pytest
import zarr

from pipelines.images import PixelSize, find_images, open_image, read_image
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.zarr_writing import write_zarr


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


@pytest.mark.parametrize("channels", [1, 2])
def test_a_stack_is_one_array_a_level(tmp_path, random, channels):
    # In the order of the file that was read; OME-Zarr has time before depth.
    stack = StackAxis("z", 3, 0.5, "\u00b5m"), StackAxis("t", 2, 2.5, "s")
    about = {"stack": stack, "pixel_size": PixelSize(0.5, 0.25, "nm")}
    images = random.integers(0, 200, (6, 600, 40, channels), np.uint8)
    path = tmp_path / "a.zarr"
    planes = (to_write(image, **about) for image in images)
    write_zarr(path, planes, several=True, pyramid=True)
    root = zarr.open_group(path, mode="r")
    (scales,) = root.attrs["ome"]["multiscales"]
    names = "tczyx" if channels > 1 else "tzyx"
    assert [axis["name"] for axis in scales["axes"]] == list(names)
    units = {axis["name"]: axis.get("unit") for axis in scales["axes"]}
    assert (units["t"], units["z"]) == ("second", "micrometer")
    expected = images.reshape(3, 2, 600, 40, channels).transpose(1, 4, 0, 2, 3)
    expected = expected if channels > 1 else expected[:, 0]
    np.testing.assert_array_equal(root["0"][:], expected)
    np.testing.assert_array_equal(root["1"][:], expected[..., ::2, ::2])
    level = scales["datasets"][1]["coordinateTransformations"][0]["scale"]
    steps = dict(zip(names, level, strict=True)) | {"c": 1.0}
    assert steps == {"t": 2.5, "c": 1.0, "z": 0.5, "y": 1.0, "x": 0.5}
    found = find_images(str(path))
    with open_image(found[0]) as image:
        assert image.stack == stack[::-1]
    # Its images are counted in the order of its axes.
    again = images.reshape(3, 2, 600, 40, channels).swapaxes(0, 1)
    for entry, image in zip(found, again.reshape(images.shape), strict=True):
        np.testing.assert_array_equal(read_image(entry), image)


@pytest.mark.parametrize("averaged", [False, True])
def test_levels_lie_on_each_other(tmp_path, averaged):
    # The values of a pixel say where its centre lies.
    rows, columns = np.mgrid[:1100, :530].astype(np.float32)
    image = np.stack([rows * 0.5 + 10, columns * 0.25 - 3], axis=-1)
    about = {"pixel_size": PixelSize(0.5, 0.25, "nm"), "averaged": averaged}
    origin = Origin("a", offset=(10.0, -3.0))
    path = tmp_path / "a.zarr"
    write_zarr(path, [to_write(image, origin=origin, **about)], pyramid=True)
    root = zarr.open_group(path, mode="r")
    (scales,) = root.attrs["ome"]["multiscales"]
    assert scales["name"] == "a"
    assert len(scales["datasets"]) == 3
    for level in scales["datasets"]:
        scale, translation = level["coordinateTransformations"]
        assert (scale["type"], translation["type"]) == ("scale", "translation")
        found = root[level["path"]][:, 100, 50]
        place = np.array([0, 100, 50]) * scale["scale"] + translation["translation"]
        np.testing.assert_allclose(found, place[1:])


def test_without_a_place_only_means_are_moved(tmp_path, random):
    image = random.integers(0, 200, (600, 40, 1), dtype=np.uint8)
    found = {}
    for averaged in (False, True):
        path = tmp_path / f"{averaged}.zarr"
        write_zarr(path, [to_write(image, averaged=averaged)], pyramid=True)
        ome = zarr.open_group(path, mode="r").attrs["ome"]
        (scales,) = ome["multiscales"]
        assert "name" not in scales
        found[averaged] = [
            level["coordinateTransformations"][1:] for level in scales["datasets"]
        ]
    assert found[False] == [[], []]
    # Half a pixel of the first level, whose size is 1.
    moved = {"type": "translation", "translation": [0.5, 0.5]}
    assert found[True] == [[], [moved]]


def test_a_stack_keeps_where_it_lies(tmp_path, random):
    # The step of depth has no unit.
    stack = StackAxis("t", 2, 2.5, "s", 60.0), StackAxis("z", 3, 0.5, "", -7.0)
    about = {"stack": stack, "pixel_size": PixelSize(0.5, 0.25, "nm")}
    about["origin"] = Origin(offset=(10.0, -3.0))
    images = random.integers(0, 200, (6, 20, 30, 1), np.uint8)
    path = tmp_path / "a.zarr"
    write_zarr(path, (to_write(image, **about) for image in images), several=True)
    (scales,) = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"]
    assert "unit" not in scales["axes"][1]
    (level,) = scales["datasets"]
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [2.5, 0.5, 0.5, 0.25]},
        {"type": "translation", "translation": [60.0, -7.0, 10.0, -3.0]},
    ]
    with open_image(find_images(str(path))[0]) as image:
        assert (image.stack, image.origin) == (stack, about["origin"])


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
