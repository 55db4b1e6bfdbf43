import zlib

import numpy as np
import PIL.Image
import pytest

from pipelines.images.png import open_png


def grey_png(values, depth):
    """Writes rows of values of 1, 2 or 4 bits by hand."""
    height, width = values.shape
    bits = np.unpackbits(values[..., None].astype("u1"), axis=2)[..., 8 - depth :]
    rows = np.packbits(bits.reshape(height, -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunks = [(b"IHDR", header + bytes([depth, 0, 0, 0, 0]))]
    chunks += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big")
        + name
        + body
        + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_are_grey_levels_in_images_and_numbers_in_masks(tmp_path, depth):
    values = np.arange(12).reshape(2, 6) % 2**depth
    path = tmp_path / "a.png"
    path.write_bytes(grey_png(values, depth))
    scale = 255 // (2**depth - 1)
    image = open_png(path, "a", None, as_mask=False)
    np.testing.assert_array_equal(image.whole()[..., 0], values * scale)
    mask = open_png(path, "a", None, as_mask=True).whole()[..., 0]
    # One bit is 0 and 255, as other programs write and read such masks.
    np.testing.assert_array_equal(mask, values * (255 if depth == 1 else 1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("transparent", [False, True])
def test_the_header_says_what_the_pixels_are(tmp_path, random, mode, transparent):
    path = tmp_path / "a.png"
    if mode == "I;16":
        picture = PIL.Image.fromarray(random.integers(0, 2**16, (6, 9), "uint16"))
    else:
        colours = random.integers(0, 256, (6, 9, 3), "uint8")
        picture = PIL.Image.fromarray(colours).convert(mode)
    one_colour = {"L": 5, "P": 3, "RGB": (1, 2, 3)}.get(mode)
    if transparent and one_colour is None:
        return
    options = {"transparency": one_colour} if transparent else {}
    picture.save(path, **options)
    image = open_png(path, "a", None, as_mask=False)
    # Windows would not fit if the header had promised something else.
    assert image.whole().shape == (6, 9, image.channels)
    assert image.whole().dtype == image.dtype
    colours = {"P": 3, "RGB": 3, "RGBA": 4, "LA": 2}.get(mode, 1)
    assert image.channels == colours + transparent


def test_opening_decodes_nothing(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.zeros((6, 9), "uint8")).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:45] + bytes(len(data) - 45))
    image = open_png(path, "a", None, as_mask=False)
    assert (image.height, image.width, image.channels) == (6, 9, 1)
    with pytest.raises(ValueError, match="^a: cannot be read as PNG"):
        image.window(0, 0, 1, 1)


def test_a_file_that_changes_after_opening_is_refused(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.zeros((6, 9), "uint8")).save(path)
    image = open_png(path, "a", None, as_mask=False)
    PIL.Image.fromarray(np.zeros((60, 90), "uint8")).save(path)
    with pytest.raises(ValueError, match="^a: the file has changed"):
        image.whole()
