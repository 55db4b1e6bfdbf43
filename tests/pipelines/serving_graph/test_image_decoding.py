import io
import struct
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from pipelines.images import ImageEntry, read_image
from pipelines.serving_graph.image_decoding import decode_image, largest_value

LIMIT = 10_000


def encoded(image, suffix=".png", **settings):
    buffer = io.BytesIO()
    kind = "PNG" if suffix == ".png" else "JPEG"
    image = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def grey_png(width, height, bits, rows):
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")


def png_with_a_size_before_its_own():
    """A PNG of 20000x20000 whose first chunk, of no meaning, looks like one of 1x1."""
    first = chunk(b"teSt", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    large = grey_png(20_000, 20_000, 8, b"\0")
    return large[:8] + first + large[8:]


def grey_png_of_bits(bits):
    """A PNG of 2 rows of 16 bits, whose samples have 1, 2 or 4 of them."""
    return grey_png(16 // bits, 2, bits, b"\0\x1b\xe4\0\x1b\xff")


def jpeg_of_size(width, height, channels=1):
    """A small JPEG whose frame header (SOF0) tells another size."""
    data = encoded(pixels(channels), ".jpg")
    frame = data.index(b"\xff\xc0")
    size = struct.pack(">HH", height, width)
    return data[: frame + 5] + size + data[frame + 9 :]


def pixels(channels, dtype=np.uint8, height=9, width=14):
    random = np.random.default_rng(seed=channels)
    shape = (height, width, channels) if channels > 1 else (height, width)
    return random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def palette(colours=6):
    return PIL.Image.fromarray(pixels(3)).quantize(colours)


FILES = {
    "grey.png": encoded(pixels(1)),
    "grey_16_bits.png": imagecodecs.png_encode(pixels(1, np.uint16)),
    "grey_alpha.png": encoded(pixels(2)),
    "rgb.png": encoded(pixels(3)),
    "rgb_16_bits.png": imagecodecs.png_encode(pixels(3, np.uint16)),
    "rgba.png": encoded(pixels(4)),
    "rgba_16_bits.png": imagecodecs.png_encode(pixels(4, np.uint16)),
    "palette.png": encoded(palette()),
    "palette_transparent.png": encoded(palette(), transparency=2),
    "grey_transparent.png": encoded(pixels(1), transparency=int(pixels(1)[0, 0])),
    "rgb_transparent.png": encoded(
        pixels(3), transparency=tuple(pixels(3)[0, 0].tolist())
    ),
    "1_bit.png": grey_png_of_bits(1),
    "2_bits.png": grey_png_of_bits(2),
    "4_bits.png": grey_png_of_bits(4),
    "grey.jpg": encoded(pixels(1), ".jpg"),
    "rgb.jpg": encoded(np.kron(pixels(3), np.ones((5, 5, 1), np.uint8)), ".jpg"),
    "progressive.jpg": encoded(pixels(3), ".jpg", progressive=True, quality=40),
    "1x1.png": encoded(pixels(1, height=1, width=1)),
    "100x100.png": encoded(pixels(1, height=100, width=100)),
}
CHANNELS_OF_MODELS = {1: 1, 2: 1, 3: 3, 4: 4}


@pytest.fixture(scope="module")
def decode():
    """Decodes in a graph, as a server does, for a model of some channels."""
    made = {}

    def run(data, channels):
        if channels not in made:
            made[channels] = tf.function(
                lambda data: decode_image(data, channels, LIMIT),
                input_signature=[tf.TensorSpec((), tf.string)],
            )
        return made[channels](tf.constant(data)).numpy()

    return run


@pytest.mark.parametrize("name", FILES)
def test_an_image_is_decoded_as_predict_reads_it(tmp_path, decode, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    image = read_image(ImageEntry(path))
    channels = CHANNELS_OF_MODELS[image.shape[2]]
    decoded = decode(FILES[name], channels)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, image[..., :channels])
    assert largest_value(tf.constant(FILES[name])) == np.iinfo(image.dtype).max


@pytest.mark.parametrize(
    "name", ["rgba.png", "palette_transparent.png", "rgb_transparent.png"]
)
def test_alpha_is_dropped_where_the_model_takes_three_channels(decode, name):
    image = np.asarray(PIL.Image.open(io.BytesIO(FILES[name])).convert("RGBA"))
    np.testing.assert_array_equal(decode(FILES[name], 3), image[..., :3])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expected a PNG or JPEG file.*0"),
        (b"GIF89a", "Expected a PNG or JPEG file"),
        (b"\x89PNG\r\n\x1a\n", "Expected a PNG or JPEG file"),
        (FILES["grey.png"][:16], "Expected an image of 1 to"),
        (png_with_a_size_before_its_own(), "Expected a PNG or JPEG file"),
        (FILES["grey.png"][:30], "Invalid PNG"),
        (FILES["grey.png"][:60], "Invalid PNG"),
        (b"\xff\xd8\xff", "Invalid JPEG|JPEG"),
        (FILES["grey.jpg"][:300], "Invalid JPEG|JPEG"),
        (FILES["rgb.png"], "images of 1 channels, got.*3"),
        # Cut: a decoder would say so, and has not been asked.
        (FILES["rgba_16_bits.png"][:60], "images of 1 channels, got.*4"),
        (FILES["rgb.jpg"], "images of 1 channels, got.*3"),
        (
            encoded(PIL.Image.fromarray(pixels(3)).convert("CMYK"), ".jpg"),
            "must be grey or RGB.*4",
        ),
        (grey_png(0, 5, 8, b"\0" * 5), "Expected an image of 1 to"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_words(decode, data, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decode(data, 1)


def test_rgb_without_a_transparent_colour_is_no_image_of_four_channels(decode):
    with pytest.raises(tf.errors.InvalidArgumentError, match="of 4 channels, got.*3"):
        decode(FILES["rgb.png"], 4)


def test_a_jpeg_of_more_values_than_the_decoder_takes_is_told_so():
    # 32768 x 5462 x 3 is the first multiple of the row beyond 2**29; one row less fits.
    data = jpeg_of_size(32768, 5462, channels=3)
    refused = tf.function(lambda: decode_image(tf.constant(data), 3, 2**28))
    words = "fewer than 536870912 values.*5462.*32768.*3"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        refused()


@pytest.mark.parametrize(
    ("data", "height", "width"),
    [
        (encoded(pixels(1, height=101, width=100)), 101, 100),
        (grey_png(60_000, 50_000, 8, b"\0"), 50_000, 60_000),
        # The largest that a header can say, of which the product fits no 64 bits.
        (grey_png(2**32 - 1, 2**32 - 1, 8, b"\0"), 2**32 - 1, 2**32 - 1),
        (grey_png(2**31, 2**31, 16, b"\0"), 2**31, 2**31),
        (jpeg_of_size(101, 100), 100, 101),
        (jpeg_of_size(65_000, 64_000), 64_000, 65_000),
    ],
)
def test_an_image_beyond_the_limit_is_refused_before_it_is_decoded(
    decode, data, height, width
):
    words = f"1 to {LIMIT} pixels.*height and width.*{height}.*{width}"
    # The bytes after the header are damaged: a decoder would say so.
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decode(data[:-30] if len(data) > 100 else data, 1)
