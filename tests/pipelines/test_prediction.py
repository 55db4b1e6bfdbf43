import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines import decision, predict, scaling
from pipelines.config import PredictConfig
from pipelines.images import ImageEntry, read_image
from pipelines.overlap_tile import Net


@pytest.fixture(scope="module")
def nets(random_net, save_run, tmp_path_factory):
    """Makes (run folder, net) with random weights, once for each kind."""
    made = {}

    def make(channels=1, num_classes=1):
        key = (channels, num_classes)
        if key not in made:
            model = random_net("padded", 1, channels, num_classes)
            path = tmp_path_factory.mktemp("runs") / "run"
            made[key] = save_run(path, model, threshold=0.45), Net(model)
        return made[key]

    return make


def predicted(run, images, out, **settings):
    return predict(
        PredictConfig(model=str(run), images=str(images), out=str(out), **settings)
    )


def expected_mask(net, image):
    if image.ndim == 2:
        image = image[..., np.newaxis]
    probability = net.probability(np.asarray(scaling.scale_image(image)))
    return np.asarray(decision.mask_from_probability(probability, 0.45))


def grey(random, height=12, width=17, dtype=np.uint8):
    return random.integers(0, np.iinfo(dtype).max, (height, width), dtype)


def test_masks_are_named_like_their_images_and_as_large(nets, random, tmp_path):
    run, net = nets()
    images = tmp_path / "images"
    images.mkdir()
    arrays = {"b.png": grey(random), "a.jpg": grey(random, 1, 30)}
    for name, array in arrays.items():
        PIL.Image.fromarray(array).save(images / name)
    arrays["c.tif"] = grey(random, 9, 1, np.uint16)
    tifffile.imwrite(images / "c.tif", arrays["c.tif"])
    paths = predicted(run, images, tmp_path / "new" / "out")
    assert [path.name for path in paths] == ["a.png", "b.png", "c.tif"]
    assert sorted((tmp_path / "new" / "out").iterdir()) == paths
    for path, name in zip(paths, sorted(arrays), strict=True):
        image = read_image(ImageEntry(images / name))
        mask = read_image(ImageEntry(path))
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask[..., 0], expected_mask(net, image))


def test_a_stack_gives_a_stack(nets, random, tmp_path):
    run, net = nets()
    stack = np.stack([grey(random, dtype=np.uint16) for _ in range(3)])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    paths = predicted(run, tmp_path / "stack.tif", tmp_path / "out")
    assert paths == [tmp_path / "out" / "stack.tif"]
    with tifffile.TiffFile(paths[0]) as tiff:
        assert len(tiff.pages) == 3
        masks = [page.asarray() for page in tiff.pages]
    for image, mask in zip(stack, masks, strict=True):
        np.testing.assert_array_equal(mask, expected_mask(net, image))


@pytest.mark.parametrize("num_classes", [1, 2])
def test_probability_is_uint16_of_the_foreground(nets, random, tmp_path, num_classes):
    run, net = nets(num_classes=num_classes)
    image = grey(random)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out", output="probability")
    assert path.name == "a.png"
    found = imagecodecs.png_decode(path.read_bytes())
    assert found.dtype == np.uint16
    scaled = np.asarray(scaling.scale_image(image[..., np.newaxis]))
    expected = net.probability(scaled)[..., -1] * 65535
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_several_classes_give_ids_and_probabilities_of_each(nets, random, tmp_path):
    run, net = nets(num_classes=3)
    image = grey(random)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    scaled = np.asarray(scaling.scale_image(image[..., np.newaxis]))
    probability = net.probability(scaled)
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "ids")
    found = read_image(ImageEntry(path))[..., 0]
    np.testing.assert_array_equal(found, probability.argmax(axis=-1))
    [path] = predicted(
        run, tmp_path / "a.png", tmp_path / "chances", output="probability"
    )
    assert path.name == "a.tif"
    found = read_image(ImageEntry(path))
    assert (found.dtype, found.shape) == (np.uint16, (12, 17, 3))
    np.testing.assert_allclose(found, probability * 65535, atol=0.51)


def test_one_image_may_be_written_to_a_named_file(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    target = tmp_path / "made" / "mask.tif"
    assert predicted(run, tmp_path / "a.png", target) == [target]
    assert tifffile.imread(target).shape == (12, 17)


def test_alpha_is_left_out(nets, random, tmp_path):
    run, net = nets(channels=3)
    image = random.integers(0, 256, (12, 17, 4), dtype=np.uint8)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out")
    found = read_image(ImageEntry(path))[..., 0]
    np.testing.assert_array_equal(found, expected_mask(net, image[..., :3]))


@pytest.mark.parametrize("out", [".", "a.png"])
def test_an_input_is_never_overwritten(nets, random, tmp_path, out):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(ValueError, match="a.png is an input"):
        predicted(run, tmp_path / "a.png", tmp_path / out)
    assert (tmp_path / "a.png").read_bytes() == before


def test_two_images_of_one_name_are_refused_before_any_work(nets, random, tmp_path):
    run, _ = nets()
    for name in ("a.png", "a.jpg"):
        PIL.Image.fromarray(grey(random)).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png would both be written"):
        predicted(run, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_channels_name_the_file(nets, random, tmp_path):
    run, _ = nets()
    image = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    PIL.Image.fromarray(image).save(tmp_path / "colour.png")
    with pytest.raises(ValueError, match=r"colour\.png: 1 channels expected, got 3"):
        predicted(run, tmp_path / "colour.png", tmp_path / "out")


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_pixels_that_are_not_finite_name_the_file(nets, tmp_path, value):
    run, _ = nets()
    image = np.zeros((8, 8), np.float32)
    image[3, 3] = value
    tifffile.imwrite(tmp_path / "hole.tif", image)
    with pytest.raises(ValueError, match=r"hole\.tif: holds NaN or infinite"):
        predicted(run, tmp_path / "hole.tif", tmp_path / "out")


def test_images_before_a_damaged_one_are_done(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"b\.png: cannot be read as PNG"):
        predicted(run, tmp_path, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_constant_image_gives_a_mask(nets, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(np.full((8, 8), 77, np.uint8)).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out")
    assert set(np.unique(read_image(ImageEntry(path)))) <= {0, 255}
