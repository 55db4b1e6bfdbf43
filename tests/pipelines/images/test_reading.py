import threading
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images import ImageEntry, read_image, read_mask
from pipelines.images.reading import check_channels


@pytest.fixture
def colour(random):
    return random.integers(0, 256, (6, 9, 3), "uint8")


def entry(path, page=None):
    return ImageEntry(path, page)


# Pixels.


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_is_read_exactly(tmp_path, random, dtype, channels):
    image = random.integers(0, np.iinfo(dtype).max + 1, (6, 9, channels), dtype)
    path = tmp_path / "image.png"
    path.write_bytes(imagecodecs.png_encode(image[..., 0] if channels == 1 else image))
    read = read_image(entry(path))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("dtype", ["int16", "uint32", "float16", "float32", "float64"])
def test_a_tiff_keeps_its_type_of_number(tmp_path, random, dtype):
    image = (random.random((6, 9)) * 100 - 20).astype(dtype)
    tifffile.imwrite(tmp_path / "image.tif", image)
    read = read_image(entry(tmp_path / "image.tif"))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read[..., 0], image)


@pytest.mark.parametrize(("suffix", "white"), [(".png", 255), (".tif", 1)])
def test_files_of_one_bit_become_uint8(tmp_path, suffix, white):
    bits = np.array([[True, False, True]])
    path = tmp_path / f"image{suffix}"
    PIL.Image.fromarray(bits).save(path)
    for read in (read_image(entry(path))[..., 0], read_mask(entry(path))):
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, bits * white)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_a_palette_is_colours_in_an_image_and_indices_in_a_mask(tmp_path, suffix):
    indices = np.array([[0, 1, 2]], "uint8")
    image = PIL.Image.fromarray(indices)
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 100, 50])
    path = tmp_path / f"image{suffix}"
    image.save(path)
    np.testing.assert_array_equal(
        read_image(entry(path)), [[[0, 0, 0], [200, 0, 0], [0, 100, 50]]]
    )
    np.testing.assert_array_equal(read_mask(entry(path)), indices)


# Masks.


def test_a_mask_in_colour_is_refused(tmp_path, colour):
    path = tmp_path / "mask.png"
    PIL.Image.fromarray(colour).save(path)
    with pytest.raises(ValueError, match=r"mask\.png: a mask must have one channel.*3"):
        read_mask(entry(path))


def test_a_mask_of_two_planes_is_refused_and_not_halved(tmp_path):
    path = tmp_path / "mask.tif"
    planes = np.array([[[0, 1]], [[1, 0]]], "uint8")
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ValueError, match="one channel, got 2"):
        read_mask(entry(path))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_mask_of_whole_floats_becomes_integers(tmp_path, dtype):
    mask = np.array([[0, 1, 300]], dtype)
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    read = read_mask(entry(tmp_path / "mask.tif"))
    assert read.dtype == np.int64
    np.testing.assert_array_equal(read, mask)


@pytest.mark.parametrize("value", [0.5, -0.25, np.nan, np.inf, -np.inf, 1e30])
def test_a_mask_of_other_floats_is_refused_with_the_value(tmp_path, value):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, np.array([[0, 1, value]]))
    with pytest.raises(ValueError, match=r"mask\.tif: .*whole numbers.*") as error:
        read_mask(entry(path))
    assert f"got {value} (float64)" in str(error.value)


# Files that cannot be read.


def encoded(kind, colour, path):
    """The bytes of an image, and how many of the last ones are no pixels."""
    if kind == "tif":
        tifffile.imwrite(path, colour, photometric="rgb", compression="zlib")
        return path.read_bytes(), 1
    PIL.Image.fromarray(colour).save(path)
    # The last chunk of a PNG is empty; the last two bytes of a JPEG say that it ends.
    return path.read_bytes(), {"png": 12, "jpg": 2}[kind]


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
@pytest.mark.parametrize("reader", [read_image, read_mask])
def test_a_file_cut_anywhere_in_its_pixels_is_refused_by_name(
    tmp_path, colour, kind, reader
):
    colour[...] = colour[..., :1]
    path = tmp_path / f"image.{kind}"
    data, num_no_pixels = encoded(kind, colour, path)
    for length in range(0, len(data) - num_no_pixels, 5):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError) as error:
            reader(entry(path))
        said = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[kind]
        assert str(error.value).startswith(f"{path}: cannot be read as {said} (")
        assert str(error.value).endswith("Replace or remove the file.")


def test_a_png_with_a_changed_bit_is_refused(tmp_path, colour):
    path = tmp_path / "image.png"
    data = bytearray(encoded("png", colour, path)[0])
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"image\.png: cannot be read as PNG"):
        read_image(entry(path))


def test_a_jpeg_for_print_is_refused_with_its_colours(tmp_path, colour):
    path = tmp_path / "image.jpg"
    PIL.Image.fromarray(colour).convert("CMYK").save(path)
    with pytest.raises(ValueError, match=r"image\.jpg.*CMYK, not grey or RGB"):
        read_image(entry(path))


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "wave.tif", np.zeros((3, 4), "complex64"))
    with pytest.raises(ValueError, match=r"wave\.tif.*real numbers.*complex64"):
        read_image(entry(tmp_path / "wave.tif"))


# What decoders say besides.


def test_an_image_larger_than_pillow_likes_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 4)
    image = PIL.Image.fromarray(np.full((6, 9), 7, "uint8"))
    for name in ("image.jpg", "image.png"):
        image.save(tmp_path / name)
        assert (read_mask(entry(tmp_path / name)) == 7).all()
    # The limit of the program around us stays.
    assert PIL.Image.MAX_IMAGE_PIXELS == 4


def test_damaged_metadata_of_a_jpeg_raise_no_warning(tmp_path, colour):
    path = tmp_path / "image.jpg"
    # An Exif block that promises an entry and ends.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x09\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\0\0"
    PIL.Image.fromarray(colour).save(path, exif=exif)
    assert read_image(entry(path)).shape == (6, 9, 3)


def test_an_unknown_chunk_of_a_png_raises_no_warning(tmp_path):
    path = tmp_path / "image.png"
    PIL.Image.fromarray(np.zeros((2, 2), "uint8")).save(path)
    data = path.read_bytes()
    body = b"abCd" + b"text"
    chunk = b"\0\0\0\x04" + body + zlib.crc32(body).to_bytes(4, "big")
    path.write_bytes(data[:33] + chunk + data[33:])
    assert read_mask(entry(path)).shape == (2, 2)


def test_threads_may_read_at_once(tmp_path, colour):
    path = tmp_path / "image.jpg"
    PIL.Image.fromarray(colour).save(path)
    shapes = []
    threads = [
        threading.Thread(target=lambda: shapes.append(read_image(entry(path)).shape))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(6, 9, 3)] * 8


# Channels.


@pytest.mark.parametrize(
    ("found", "channels"), [(1, 1), (3, 3), (5, 5), (2, 1), (4, 3)]
)
def test_alpha_may_be_left_out(found, channels):
    check_channels(found, channels, "a.png", alpha=True)


@pytest.mark.parametrize(
    ("found", "channels", "alpha"),
    [
        *[(1, 3, True), (3, 1, True), (4, 1, True), (4, 2, True), (3, 4, True)],
        # Two dyes, and a band beside the colours.
        *[(2, 1, False), (4, 3, False)],
    ],
)
def test_other_channels_are_refused_with_both_numbers(found, channels, alpha):
    with pytest.raises(ValueError, match=rf"a\.png: {channels} .*got {found}\."):
        check_channels(found, channels, "a.png", alpha=alpha)
