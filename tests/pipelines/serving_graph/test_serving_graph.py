import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

from pipelines import decision, scaling
from pipelines.exporting.serving_signatures import make_signatures
from pipelines.images import ArrayImage, ImageEntry, read_image
from pipelines.mirroring import mirrored_window
from pipelines.overlap_tile import Net
from pipelines.serving_graph.served_net import ServedNet
from pipelines.serving_graph.serving_graph import ServingGraph
from pipelines.serving_graph.tiled_graph import margins

# Small, so that images of a few dozen pixels take several tiles.
LARGEST_CORE = 16
LIMIT = 5000
THRESHOLD = 0.4


@pytest.fixture(scope="module")
def serve(random_net):
    """Makes the signatures of a net, of any input shape, and the net."""
    made = {}

    def make(variant="padded", channels=1, num_classes=1, pixel_type=None):
        key = (variant, channels, num_classes, pixel_type)
        if key not in made:
            model = random_net(variant, 1, channels, num_classes)
            net = ServedNet(
                tile_logits=lambda tiles: model(tiles, training=False),
                depth=1,
                variant=variant,
                channels=channels,
                output_channels=num_classes,
                threshold=THRESHOLD,
                pixel_limit=LIMIT,
                pixel_type=pixel_type,
                largest_core=LARGEST_CORE,
            )
            table = make_signatures(ServingGraph(net, '{"a": 1}'), net)
            # Shapes unknown, as in a server, which feeds whatever it is sent.
            functions = {
                name: tf.function(
                    # Functions that differ, so that none is traced anew.
                    lambda *inputs, one=one: one.function(*inputs),
                    [tf.TensorSpec(None, spec.dtype) for spec in one.inputs],
                    # As an export traces them.
                    autograph=False,
                )
                for name, one in table.items()
            }
            made[key] = functions, Net(model)
        return made[key]

    return make


def expected_probability(net, image, how="per_image"):
    mean, std = scaling.statistics_of(ArrayImage(image, "image"), how)
    return net.probability(np.asarray(scaling.scale(image, mean, std)))


def assert_mask(mask, probability):
    expected = np.asarray(decision.mask_from_probability(probability, THRESHOLD))
    # A pixel whose probability is the threshold to the last digit may go either way.
    certain = np.ones(expected.shape, bool)
    if probability.shape[-1] <= 2:
        certain = np.abs(probability[..., -1] - THRESHOLD) > 1e-5
    assert mask.dtype == np.uint8
    assert mask.shape == expected.shape
    np.testing.assert_array_equal(mask[certain], expected[certain])


def pixels(channels=1, dtype=np.uint8, height=21, width=35, number=2):
    random = np.random.default_rng(seed=channels)
    shape = (number, height, width, channels)
    return random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def png(image):
    return imagecodecs.png_encode(image[..., 0] if image.shape[-1] == 1 else image)


# The variant decides what is cut off, the classes what becomes of the logits.
@pytest.mark.parametrize(
    ("variant", "num_classes"), [("padded", 1), ("paper", 2), ("padded", 3)]
)
def test_probabilities_are_those_of_predict(serve, random, variant, num_classes):
    functions, net = serve(variant, num_classes=num_classes)
    images = random.integers(0, 4000, (2, 21, 35, 1)).astype(np.float32)
    found = functions["serving_default"](images)["probability"]
    for image, one in zip(images, found, strict=True):
        np.testing.assert_allclose(one, expected_probability(net, image), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 45), (32, 16), (50, 100)])
def test_sizes_from_one_pixel_to_the_limit_are_segmented(serve, height, width):
    functions, net = serve()
    images = pixels(height=height, width=width)
    found = functions["serving_default"](images.astype(np.float32))["probability"]
    masks = functions["pixels"](images)["mask"].numpy()
    for image, one, mask in zip(images, found, masks, strict=True):
        expected = expected_probability(net, image)
        np.testing.assert_allclose(one, expected, atol=1e-5)
        assert_mask(mask, expected)


@pytest.mark.parametrize(
    ("signature", "dtype", "num_classes"),
    [
        *(("pixels", np.uint8, num_classes) for num_classes in (1, 2, 3)),
        # The same graph, for another type.
        ("pixels_uint16", np.uint16, 2),
    ],
)
def test_masks_of_arrays_are_those_of_predict(serve, signature, dtype, num_classes):
    functions, net = serve(channels=3, num_classes=num_classes)
    images = pixels(3, dtype)
    masks = functions[signature](images)["mask"].numpy()
    for image, mask in zip(images, masks, strict=True):
        assert_mask(mask, expected_probability(net, image))


# The channels decide how a file is decoded, the classes what becomes of the logits.
@pytest.mark.parametrize(("channels", "num_classes"), [(1, 2), (3, 3), (4, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masks_of_files_are_those_of_predict(serve, channels, dtype, num_classes):
    functions, net = serve(channels=channels, num_classes=num_classes)
    image = pixels(channels, dtype)[0]
    [data] = functions["image_bytes"]([png(image)])["mask_bytes"].numpy()
    assert_mask(imagecodecs.png_decode(data), expected_probability(net, image))


@pytest.mark.parametrize("num_classes", [1, 2])
def test_probabilities_as_png_are_those_that_predict_writes(serve, num_classes):
    functions, net = serve("paper", num_classes=num_classes)
    image = pixels()[0]
    found = functions["probability_bytes"]([png(image)])["probability_bytes"]
    levels = imagecodecs.png_decode(found.numpy()[0])
    assert levels.dtype == np.uint16
    expected = expected_probability(net, image)[..., -1] * 65535
    # Half a level from rounding, and 1e-5 of the probability is 0.66 levels.
    np.testing.assert_allclose(levels, expected, atol=1.2)


@pytest.mark.parametrize(
    ("signature", "dtype", "largest"),
    [
        ("pixels", np.uint8, 255),
        ("pixels_uint16", np.uint16, 65535),
        # Floats do not tell; the images that were trained on do.
        ("serving_default", np.float32, 65535),
    ],
)
def test_scaling_by_type_takes_that_of_the_pixels(serve, signature, dtype, largest):
    functions, net = serve(pixel_type="uint16")
    images = (pixels(number=1) // 2).astype(dtype)
    [found] = functions[signature](images).values()
    expected = net.probability(images[0].astype(np.float32) / np.float32(largest))
    if signature == "serving_default":
        np.testing.assert_allclose(found[0], expected, atol=1e-5)
    else:
        assert_mask(found.numpy()[0], expected)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_files_are_scaled_by_their_own_type(serve, dtype, largest):
    functions, net = serve(pixel_type="uint16")
    image = pixels(dtype=dtype)[0]
    [data] = functions["image_bytes"]([png(image)])["mask_bytes"].numpy()
    expected = net.probability(image.astype(np.float32) / np.float32(largest))
    assert_mask(imagecodecs.png_decode(data), expected)


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_regions_with_the_statistics_of_the_image_are_parts_of_it(serve, variant):
    functions, net = serve(variant, channels=3, num_classes=2)
    image = pixels(3)[0]
    source = ArrayImage(image, "image")
    mean, std = scaling.statistics_of(source)
    around = margins(net.depth, variant)
    expected = expected_probability(net, image)
    windows, corners = [], [(0, 0), (0, 24), (10, 2)]
    for top, left in corners:
        sides = [12 + around.before + around.after] * 2
        origin = top - around.before, left - around.before
        windows.append(mirrored_window(source, *origin, *sides))
    found = functions["region"](
        np.stack(windows).astype(np.float32), np.stack([mean] * 3), np.stack([std] * 3)
    )["probability"]
    assert found.shape == (3, 12, 12, 2)
    for (top, left), part in zip(corners, found, strict=True):
        whole = expected[top : top + 12, left : left + 12]
        part = part[: whole.shape[0], : whole.shape[1]]
        np.testing.assert_allclose(part, whole, atol=1e-5)


def test_images_of_several_sizes_go_in_one_request(serve):
    functions, _ = serve()
    images = [pixels(height=h, width=w)[0] for h, w in [(1, 1), (1, 45), (37, 51)]]
    files = [png(image) for image in images] + [png(pixels(dtype=np.uint16)[0])]
    together = functions["image_bytes"](files)["mask_bytes"].numpy()
    for file, data in zip(files, together, strict=True):
        alone = functions["image_bytes"]([file])["mask_bytes"].numpy()
        assert data == alone[0]


@pytest.mark.parametrize("name", ["image_bytes", "probability_bytes", "about"])
def test_no_images_give_no_answers(serve, name):
    functions, _ = serve()
    [output] = functions[name](tf.constant([], tf.string)).values()
    assert output.shape == (0,)


def test_a_jpeg_is_read_as_predict_reads_it(serve, tmp_path):
    functions, net = serve(channels=3, num_classes=3)
    path = tmp_path / "image.jpg"
    path.write_bytes(imagecodecs.jpeg8_encode(pixels(3)[0]))
    image = read_image(ImageEntry(path))[..., :3]
    [data] = functions["image_bytes"]([path.read_bytes()])["mask_bytes"].numpy()
    assert_mask(imagecodecs.png_decode(data), expected_probability(net, image))


def test_about_answers_each_query_with_the_text(serve):
    functions, _ = serve()
    found = functions["about"]([b"", b"anything"])["about"].numpy()
    assert found.tolist() == [b'{"a": 1}'] * 2


def test_about_takes_few_queries(serve):
    functions, _ = serve()
    with pytest.raises(tf.errors.InvalidArgumentError, match="up to 64.*65"):
        functions["about"]([b""] * 65)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((), r"\[\] is not compatible"),
        ((4, 4), r"\[4,4\] is not compatible"),
        ((4, 4, 1), r"\[4,4,1\] is not compatible"),
        ((1, 1, 4, 4, 1), r"\[1,1,4,4,1\] is not compatible"),
        ((1, 4, 4, 3), r"\[1,4,4,3\] is not compatible"),
        ((0, 4, 4, 1), r"at least one image.*\[0 4 4 1\]"),
        ((1, 0, 4, 1), "1 to 5000 pixels.*0.*4"),
        ((1, 51, 100, 1), "1 to 5000 pixels.*51.*100"),
    ],
)
def test_arrays_that_are_no_images_are_refused_in_words(serve, shape, words):
    functions, _ = serve()
    # That each signature begins so is tested with the graph that is saved.
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        functions["serving_default"](tf.zeros(shape))


def test_one_bad_file_is_named_by_what_is_wrong_with_it(serve):
    functions, _ = serve()
    files = [png(pixels()[0]), png(pixels(3)[0])]
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 channels, got.*3"):
        functions["image_bytes"](files)
