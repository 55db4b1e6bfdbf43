import io
import struct
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from pipelines import decision, scaling
from pipelines.images import ImageEntry, match_channels, read_image
from pipelines.overlap_tile import Net, net_geometry
from pipelines.serving_graph import ServingGraph, decode_image

# Small, so that images of a few dozen pixels take several tiles.
LARGEST_CORE = 16


@pytest.fixture(scope="module")
def graph(random_net):
    """Makes the functions (probability, mask_bytes), of any input shape, for a net."""
    made = {}

    def make(variant="padded", channels=1, num_classes=1, threshold=0.4):
        key = (variant, channels, num_classes)
        if key not in made:
            model = random_net(variant, 1, channels, num_classes)
            depth, variant = net_geometry(model)
            serving = ServingGraph(
                lambda tiles: model(tiles, training=False),
                depth=depth,
                variant=variant,
                channels=channels,
                num_channels=num_classes,
                threshold=threshold,
                largest_core=LARGEST_CORE,
            )
            # Shapes unknown, as in a server, which feeds whatever it is sent.
            made[key] = (
                tf.function(serving.probability, [tf.TensorSpec(None, tf.float32)]),
                tf.function(serving.mask_bytes, [tf.TensorSpec(None, tf.string)]),
                model,
            )
        return made[key]

    return make


def encoded(image, suffix=".png", **settings):
    buffer = io.BytesIO()
    kind = "PNG" if suffix == ".png" else "JPEG"
    image = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def grey_png_of_bits(bits):
    """A PNG of 2 rows of 16 bits, whose samples have 1, 2 or 4 of them."""
    header = struct.pack(">IIBBBBB", 16 // bits, 2, bits, 0, 0, 0, 0)
    rows = zlib.compress(b"\0\x1b\xe4\0\x1b\xff")
    data = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


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
    "1_bit.png": grey_png_of_bits(1),
    "2_bits.png": grey_png_of_bits(2),
    "4_bits.png": grey_png_of_bits(4),
    "grey.jpg": encoded(pixels(1), ".jpg"),
    "rgb.jpg": encoded(np.kron(pixels(3), np.ones((5, 5, 1), np.uint8)), ".jpg"),
    "progressive.jpg": encoded(pixels(3), ".jpg", progressive=True, quality=40),
    "1x1.png": encoded(pixels(1, height=1, width=1)),
    "1xN.png": encoded(pixels(1, height=1, width=45)),
    "large.png": encoded(pixels(1, height=37, width=51)),
    "exactly_two_cores.png": encoded(pixels(1, height=32, width=16)),
}


def entry(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    return ImageEntry(path)


def model_channels(image):
    return {1: 1, 2: 1, 3: 3, 4: 4}[image.shape[2]]


@pytest.mark.parametrize("name", FILES)
def test_an_image_is_decoded_as_predict_reads_it(tmp_path, name):
    image = read_image(entry(tmp_path, name))
    channels = model_channels(image)
    decoded = decode_image(tf.constant(FILES[name]), channels)
    assert decoded.dtype == tf.float32
    np.testing.assert_array_equal(decoded, match_channels(image, channels))


@pytest.mark.parametrize("name", ["rgba.png", "palette_transparent.png"])
def test_alpha_is_dropped_where_the_model_takes_three_channels(tmp_path, name):
    image = read_image(entry(tmp_path, name))
    decoded = decode_image(tf.constant(FILES[name]), 3)
    np.testing.assert_array_equal(decoded, image[..., :3])


@pytest.mark.parametrize("name", FILES)
def test_the_served_mask_is_that_of_the_whole_image(tmp_path, graph, name):
    image = read_image(entry(tmp_path, name))
    channels = model_channels(image)
    _, mask_bytes, model = graph(channels=channels)
    image = match_channels(image, channels)
    probability = Net(model).probability(np.asarray(scaling.scale_image(image)))
    expected = np.asarray(decision.mask_from_probability(probability, 0.4))
    data = mask_bytes(tf.constant([FILES[name]]))["mask_bytes"].numpy()[0]
    mask = imagecodecs.png_decode(data)
    assert mask.dtype == np.uint8
    # A pixel whose probability is the threshold to the last digit may go either way.
    certain = np.abs(probability[..., -1] - 0.4) > 1e-5
    np.testing.assert_array_equal(mask[certain], expected[certain])
    assert mask.shape == image.shape[:2]


@pytest.mark.parametrize("variant", ["padded", "paper"])
@pytest.mark.parametrize("num_classes", [1, 2, 3])
def test_probabilities_are_those_of_predict(graph, random, variant, num_classes):
    probability, _, model = graph(variant, num_classes=num_classes)
    images = random.integers(0, 4000, (2, 21, 35, 1)).astype(np.float32)
    found = probability(tf.constant(images))["probability"]
    net = Net(model)
    for image, one in zip(images, found, strict=True):
        expected = net.probability(np.asarray(scaling.scale_image(image)))
        np.testing.assert_allclose(one, expected, atol=1e-5)


def test_three_classes_are_served_as_class_ids(graph):
    _, mask_bytes, model = graph(num_classes=3)
    image = pixels(1, height=20, width=30)
    data = mask_bytes(tf.constant([encoded(image)]))["mask_bytes"].numpy()[0]
    scaled = np.asarray(scaling.scale_image(image[..., np.newaxis]))
    expected = Net(model).probability(scaled).argmax(axis=-1)
    np.testing.assert_array_equal(imagecodecs.png_decode(data), expected)


def test_images_of_several_sizes_go_in_one_request(graph):
    _, mask_bytes, _ = graph()
    names = ["1x1.png", "1xN.png", "grey.jpg", "large.png", "grey_16_bits.png"]
    together = mask_bytes(tf.constant([FILES[name] for name in names]))["mask_bytes"]
    for name, data in zip(names, together.numpy(), strict=True):
        alone = mask_bytes(tf.constant([FILES[name]]))["mask_bytes"].numpy()
        assert data == alone[0]


def test_no_images_give_no_masks(graph):
    _, mask_bytes, _ = graph()
    assert mask_bytes(tf.constant([], tf.string))["mask_bytes"].shape == (0,)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 4), r"\[4,4\] is not compatible"),
        ((4, 4, 1), r"\[4,4,1\] is not compatible"),
        ((1, 1, 4, 4, 1), r"\[1,1,4,4,1\] is not compatible"),
        ((1, 4, 4, 3), r"\[1,4,4,3\] is not compatible"),
        ((0, 4, 4, 1), r"at least one pixel.*\[0 4 4 1\]"),
        ((1, 0, 4, 1), r"at least one pixel.*\[1 0 4 1\]"),
        ((1, 4, 0, 1), r"at least one pixel.*\[1 4 0 1\]"),
    ],
)
def test_arrays_that_are_no_images_are_refused_in_words(graph, shape, words):
    probability, _, _ = graph()
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        probability(tf.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused(graph, value):
    probability, _, _ = graph()
    image = np.zeros((1, 4, 4, 1), np.float32)
    image[0, 2, 2] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be finite"):
        probability(tf.constant(image))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "takes PNG or JPEG"),
        (b"GIF89a", "takes PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n", "Invalid PNG"),
        (FILES["grey.png"][:30], "Invalid PNG"),
        (FILES["grey.png"][:60], "Invalid PNG"),
        (b"\xff\xd8\xff", "Invalid JPEG|JPEG"),
        (FILES["grey.jpg"][:300], "Invalid JPEG|JPEG"),
        (FILES["rgb.png"], "images of 1 channels, got.*3"),
        (FILES["rgb.jpg"], "images of 1 channels, got.*3"),
        (
            encoded(PIL.Image.fromarray(pixels(3)).convert("CMYK"), ".jpg"),
            "must be grey or RGB.*4",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_in_words(graph, data, words):
    _, mask_bytes, _ = graph()
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        mask_bytes(tf.constant([data]))


@pytest.mark.parametrize("files", [FILES["grey.png"], [[FILES["grey.png"]]]])
def test_files_of_another_rank_are_refused(graph, files):
    _, mask_bytes, _ = graph()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        mask_bytes(tf.constant(files))
