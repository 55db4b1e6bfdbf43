import struct

import numpy as np
import PIL.Image
import pytest

from pipelines.images import ArrayCache, ImageEntry, decoded, read_image
from pipelines.images.pillow_files import open_by_pillow


@pytest.fixture
def colour(random):
    return random.integers(0, 256, (6, 9, 3), "uint8")


def saved(path, colour, mode, **options):
    PIL.Image.fromarray(colour).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("a.jpg", "L"), ("a.jpeg", "RGB")),
        *(("a.bmp", "L"), ("a.bmp", "RGB")),
        *(("a.webp", "RGB"), ("a.webp", "RGBA")),
    ],
)
def test_pixels_are_those_of_pillow(tmp_path, colour, name, mode):
    options = {"lossless": True} if name == "a.webp" else {}
    path = saved(tmp_path / name, colour, mode, **options)
    with PIL.Image.open(path) as picture:
        expected = np.asarray(picture).reshape(6, 9, -1)
    image = open_by_pillow(path, "a", None, as_mask=False)
    assert image.channels == expected.shape[2]
    np.testing.assert_array_equal(image.window(1, 2, 4, 5), expected[1:5, 2:7])


def test_a_bmp_of_one_bit_is_black_and_white(tmp_path, colour):
    path = saved(tmp_path / "a.bmp", colour, "1")
    with PIL.Image.open(path) as picture:
        expected = np.asarray(picture) * 255
    image = open_by_pillow(path, "a", None, as_mask=False)
    np.testing.assert_array_equal(image.whole()[..., 0], expected)


def test_a_bmp_whose_palette_is_taken_for_bits_is_refused(tmp_path):
    # Eight bits a pixel, and a palette of two entries: black and white.
    rows = bytes([0, 1, 0, 1]) * 2
    header = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 0, len(rows), 0, 0, 2, 2)
    palette = bytes([0, 0, 0, 0, 255, 255, 255, 0])
    start = 14 + len(header) + len(palette)
    file = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
    (tmp_path / "a.bmp").write_bytes(file + header + palette + rows)
    with pytest.raises(ValueError, match="a palette of two greys; save it as PNG"):
        read_image(ImageEntry(tmp_path / "a.bmp"))


def test_of_a_camera_s_jpeg_the_photograph_is_read(tmp_path, colour):
    first, second = PIL.Image.fromarray(colour), PIL.Image.fromarray(255 - colour)
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second])
    path = (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    with PIL.Image.open(path) as picture:
        assert picture.n_frames == 2
        expected = np.asarray(picture)
    image = open_by_pillow(path, "a", None, as_mask=False)
    np.testing.assert_array_equal(image.whole(), expected)


def test_a_film_is_refused(tmp_path, colour):
    first, second = PIL.Image.fromarray(colour), PIL.Image.fromarray(255 - colour)
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second])
    with pytest.raises(ValueError, match="it is an animation of 2 frames"):
        open_by_pillow(tmp_path / "a.webp", "a", None, as_mask=False)


@pytest.mark.parametrize(
    ("name", "mode", "options", "expected"),
    [
        ("a.jpg", "L", {}, 1),
        # Pillow has four bytes for a colour.
        ("a.jpg", "RGB", {}, 4),
        ("a.jpg", "RGB", {"progressive": True}, 4 + 2 * 3),
        ("a.bmp", "P", {}, 1),
        ("a.webp", "RGB", {}, 16),
    ],
)
def test_what_decoding_takes_is_told(tmp_path, colour, name, mode, options, expected):
    path = saved(tmp_path / name, colour, mode, **options)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    image = open_by_pillow(path, "a", cache, as_mask=False)
    assert image.decoding_bytes == 6 * 9 * expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_large_file_is_read_row_by_row_alike(tmp_path, colour, mode, monkeypatch):
    path = saved(tmp_path / "a.bmp", colour, mode)
    expected = open_by_pillow(path, "a", None, as_mask=False).whole()
    monkeypatch.setattr(decoded, "BLOCK_BYTES", 1)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    found = open_by_pillow(path, "a", cache, as_mask=False).whole()
    np.testing.assert_array_equal(found, expected)
