import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr
from scipy import ndimage

from pipelines import decision, predict, run_folder, scaling, scores
from pipelines.config import PredictConfig
from pipelines.files import appearing
from pipelines.images import ImageEntry, PixelSize, find_images, open_image, read_image
from pipelines.images.stack_axes import StackAxis
from pipelines.overlap_tile import Net, plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass
from pipelines.prediction import image_prediction
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.results import png_writing
from pipelines.results.done_files import RECORD
from pipelines.results.writing import write_image


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


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


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
    assert visible(tmp_path / "new" / "out") == [path.name for path in paths]
    for path, name in zip(paths, sorted(arrays), strict=True):
        image = read_image(ImageEntry(images / name))
        mask = read_image(ImageEntry(path))
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask[..., 0], expected_mask(net, image))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_a_stack_over_time_and_depth_stays_one(nets, random, tmp_path, name):
    run, net = nets()
    images = random.integers(0, 2**16, (2, 3, 12, 17), dtype=np.uint16)
    about = {"axes": "TZYX", "spacing": 0.5, "unit": "um", "finterval": 2.5}
    # ImageJ writes in big-endian order.
    tifffile.imwrite(tmp_path / "s.tif", images, imagej=True, metadata=about)
    [path] = predicted(run, tmp_path / "s.tif", tmp_path / "out" / name)
    found = find_images(str(path))
    assert len(found) == 6
    with open_image(found[0]) as image:
        expected = StackAxis("t", 2, 2.5, "s"), StackAxis("z", 3, 0.5, "\u00b5m")
        assert image.stack == expected
    for entry, image in zip(found, images.reshape(6, 12, 17), strict=True):
        mask = read_image(entry)[..., 0]
        np.testing.assert_array_equal(mask, expected_mask(net, image))


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


def test_masks_drawn_by_hand_are_not_replaced(nets, random, tmp_path):
    run, _ = nets()
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a.png", "b.png"):
        PIL.Image.fromarray(grey(random)).save(tmp_path / "images" / name)
    (tmp_path / "masks" / "b.png").write_bytes(b"drawn by hand")
    with pytest.raises(ValueError, match=r"masks/b\.png is already there, and is no"):
        predicted(run, tmp_path / "images", tmp_path / "masks")
    assert visible(tmp_path / "masks") == ["b.png"]
    assert (tmp_path / "masks" / "b.png").read_bytes() == b"drawn by hand"
    (tmp_path / "masks" / "b.png").unlink()
    # Results are replaced by those of the next prediction.
    for _ in range(2):
        predicted(run, tmp_path / "images", tmp_path / "masks")
    assert visible(tmp_path / "masks") == ["a.png", "b.png"]


def test_two_images_of_one_name_are_refused_before_any_work(nets, random, tmp_path):
    run, _ = nets()
    for name in ("a.png", "a.jpg"):
        PIL.Image.fromarray(grey(random)).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png would both be written"):
        predicted(run, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_pixels_that_are_not_finite_name_the_file(nets, tmp_path, value):
    run, _ = nets()
    image = np.zeros((8, 8), np.float32)
    image[3, 3] = value
    tifffile.imwrite(tmp_path / "hole.tif", image)
    with pytest.raises(ValueError, match=r"hole\.tif: holds NaN or infinite"):
        predicted(run, tmp_path / "hole.tif", tmp_path / "out")


def test_a_png_that_becomes_a_tiff_does_not_replace_anothers(
    nets, random, tmp_path, monkeypatch
):
    run, _ = nets()
    for name, side in (("a.png", 40), ("a.tif", 8)):
        write_image(tmp_path / name, grey(random, side, side))
    monkeypatch.setattr(png_writing, "MOST_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"a\.png: its result .*a\.tif is that of an"):
        predicted(run, tmp_path / "a.*", tmp_path / "out")
    assert visible(tmp_path / "out") == ["a.tif"]
    written = read_image(ImageEntry(tmp_path / "out" / "a.tif"))
    assert written.shape == (8, 8, 1)


def test_a_png_that_becomes_a_tiff_does_not_replace_what_was_drawn_by_hand(
    nets, random, tmp_path, monkeypatch
):
    run, _ = nets()
    write_image(tmp_path / "a.png", grey(random, 40, 40))
    (tmp_path / "out").mkdir()
    drawn = tmp_path / "out" / "a.tif"
    drawn.write_bytes(b"drawn by hand")
    monkeypatch.setattr(png_writing, "MOST_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"a\.tif is already there, and is no result"):
        predicted(run, tmp_path / "a.png", tmp_path / "out")
    assert drawn.read_bytes() == b"drawn by hand"


def test_a_summary_names_every_image_that_failed(nets, random, tmp_path, caplog):
    run, _ = nets()
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    PIL.Image.fromarray(grey(random)).save(tmp_path / "c.png")
    colour = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    PIL.Image.fromarray(colour).save(tmp_path / "d.png")
    (tmp_path / "e.tif").write_bytes(b"II*\0 no more")
    with pytest.raises(ValueError, match="4 of 5 files failed") as error:
        predicted(run, tmp_path, tmp_path / "out")
    expected = ("a.png: cannot", "b.png: cannot", "d.png: 1 channels", "e.tif: cannot")
    for name in expected:
        assert name in str(error.value)
    assert visible(tmp_path / "out") == ["c.png"]


def test_resume_leaves_out_what_is_done(nets, random, tmp_path):
    run, _ = nets()
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for name in ("a", "b", "c"):
        PIL.Image.fromarray(grey(random)).save(images / f"{name}.png")
    paths = predicted(run, images, out)
    times = {path.name: path.stat().st_mtime_ns for path in paths}
    paths[0].unlink()
    PIL.Image.fromarray(grey(random, 9, 9)).save(images / "b.png")
    assert predicted(run, images, out, resume=True) == paths
    again = {path.name for path in paths if path.stat().st_mtime_ns != times[path.name]}
    assert again == {"a.png", "b.png"}
    assert read_image(ImageEntry(out / "b.png")).shape == (9, 9, 1)
    # Other settings, other files.
    times = {path.name: path.stat().st_mtime_ns for path in paths}
    predicted(run, images, out, resume=True, output="probability")
    assert all(path.stat().st_mtime_ns != times[path.name] for path in paths)


KILLABLE = """
import os, signal, sys
from pipelines import cli
from pipelines.overlap_tile import plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass
from pipelines.prediction import image_prediction
from pipelines.prediction.output_values import OutputValues

def small_tiles(net, memory, demand, budget, *, flips, **_):
    size = demand.layout.height, demand.layout.width
    plan = plan_tiles(*size, 16, net.depth, net.variant)
    return TilePass(net, plan, flips)

image_prediction.largest_plan = small_tiles
left, encode = int(os.environ.get("TILES_LEFT", "1000000")), OutputValues.encode

def encode_or_die(values, probability):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(values, probability)

OutputValues.encode = encode_or_die
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_prediction_that_is_really_killed_goes_on(nets, random, tmp_path):
    run, _ = nets()
    tifffile.imwrite(tmp_path / "a.tif", grey(random, 400, 300))
    out, straight = tmp_path / "out", tmp_path / "straight"
    words = ["predict", "--model", str(run), "--images", str(tmp_path / "a.tif")]

    def run_it(folder, *more, **variables):
        command = [sys.executable, "-c", KILLABLE, *words, "--out", str(folder), *more]
        return subprocess.run(
            command, capture_output=True, env=os.environ | variables, text=True
        )

    killed = run_it(out, TILES_LEFT="175")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = out / ".a.tif.0.windows"
    # Nothing has the name of a result.
    left = [path.name for path in out.iterdir()]
    assert kept.name in left and all(name.startswith(".") for name in left)
    # Of 475 tiles.
    for folder, more, most in ((out, ["--resume"], "375"), (straight, [], "475")):
        done = run_it(folder, *more, TILES_LEFT=most)
        assert done.stdout.split() == [f"{folder / 'a.tif'}"], done.stderr
    assert (out / "a.tif").read_bytes() == (straight / "a.tif").read_bytes()
    assert {path.name for path in out.iterdir()} == {"a.tif", RECORD}


KILLED_BEFORE_A_NAME = """
import os, signal, sys
from pipelines import cli

replace = os.replace

def replace_or_die(source, target):
    if os.fspath(target) == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = replace_or_die
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ome.zarr"])
def test_a_prediction_that_is_killed_before_its_result_has_its_name(
    nets, random, tmp_path, name
):
    run, _ = nets()
    tifffile.imwrite(tmp_path / "a.tif", grey(random, 40, 30))
    out = tmp_path / "out" / name
    [straight] = predicted(
        run, tmp_path / "a.tif", tmp_path / "straight" / name, output="probability"
    )
    predicted(run, tmp_path / "a.tif", out)
    mask = read_image(ImageEntry(out))
    words = ["predict", "--model", str(run), "--images", str(tmp_path / "a.tif")]
    words += ["--out", str(out), "--output", "probability"]
    command = [sys.executable, "-c", KILLED_BEFORE_A_NAME, str(out), *words]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if name == "a.ome.zarr":
        assert visible(tmp_path / "out") == []
    else:
        np.testing.assert_array_equal(read_image(ImageEntry(out)), mask)
    predicted(run, tmp_path / "a.tif", out, output="probability", resume=True)
    np.testing.assert_array_equal(
        read_image(ImageEntry(out)), read_image(ImageEntry(straight))
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {name, RECORD}


class Killed(BaseException):
    """Nothing of the process runs after it."""


def test_a_zarr_that_was_killed_between_two_names_gets_its_name_again(
    nets, random, tmp_path, monkeypatch
):
    run, _ = nets()
    tifffile.imwrite(tmp_path / "a.tif", grey(random))
    out = tmp_path / "out" / "a.zarr"
    predicted(run, tmp_path / "a.tif", out)
    replace = os.replace

    def killed(source, target):
        if target == out:
            raise Killed
        replace(source, target)

    settings = {"output": "probability"}
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        patch.setattr(appearing, "remove", lambda path: None)
        with pytest.raises(Killed):
            predicted(run, tmp_path / "a.tif", out, **settings)
    assert visible(tmp_path / "out") == []
    monkeypatch.setattr(appearing, "_TOKEN", "another")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(OutputValues, "encode", interrupted)
    # Also a run that comes to nothing has put it in its place.
    with pytest.raises(KeyboardInterrupt):
        predicted(run, tmp_path / "a.tif", out)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.zarr", RECORD}
    assert read_image(ImageEntry(out)).dtype == np.uint16
    assert predicted(run, tmp_path / "a.tif", out, resume=True, **settings) == [out]


@pytest.mark.parametrize("output", ["mask", "probability", "instances"])
def test_a_large_image_goes_on_where_it_was_stopped(
    nets, random, tmp_path, monkeypatch, output
):
    run, _ = nets()
    tifffile.imwrite(tmp_path / "a.tif", grey(random, 60, 50))

    def small_tiles(net, memory, demand, budget, *, flips, **_):
        size = demand.layout.height, demand.layout.width
        plan = plan_tiles(*size, 8, net.depth, net.variant)
        return TilePass(net, plan, flips)

    monkeypatch.setattr(image_prediction, "largest_plan", small_tiles)
    [straight] = predicted(
        run, tmp_path / "a.tif", tmp_path / "straight", output=output
    )
    encode, calls = OutputValues.encode, []

    def stopping(values, probability):
        calls.append(probability.shape)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return encode(values, probability)

    monkeypatch.setattr(OutputValues, "encode", stopping)
    with pytest.raises(KeyboardInterrupt):
        predicted(run, tmp_path / "a.tif", tmp_path / "out", output=output)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".a.tif.0.windows"]
    [path] = predicted(
        run, tmp_path / "a.tif", tmp_path / "out", output=output, resume=True
    )
    # 8 rows of 7 tiles, of which 29 were done.
    assert len(calls) == 30 + 56 - 29
    assert path.read_bytes() == straight.read_bytes()
    assert not list((tmp_path / "out").glob(".*.windows"))


def test_an_image_that_changes_meanwhile_is_not_written(
    nets, random, tmp_path, monkeypatch
):
    run, _ = nets()
    for name in ("a.png", "b.png"):
        PIL.Image.fromarray(grey(random)).save(tmp_path / name)
    encode = OutputValues.encode

    def slow(values, probability):
        # Two files are predicted at once; replaced, b.png is whole at any moment.
        new = tmp_path / f"new{threading.get_ident()}"
        PIL.Image.fromarray(grey(random, 40, 3)).save(new, "PNG")
        os.replace(new, tmp_path / "b.png")
        return encode(values, probability)

    monkeypatch.setattr(OutputValues, "encode", slow)
    with pytest.raises(ValueError, match=r"b\.png: the file has changed while"):
        predicted(run, tmp_path, tmp_path / "out")
    assert visible(tmp_path / "out") == ["a.png"]


def test_a_folder_that_cannot_be_written_to_is_found_at_once(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file/out: cannot be written to \(Not a dir"):
        predicted(run, tmp_path / "a.png", tmp_path / "file" / "out")


def test_tiles_give_the_same_file_as_one_piece(nets, random, tmp_path, monkeypatch):
    run, net = nets()
    image = grey(random, 700, 90)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64))
    resident = MemoryModel.of_warm(net).resident
    monkeypatch.setattr(MemoryModel, "of_warm", lambda net: fixed(net, resident))
    [whole] = predicted(run, tmp_path / "a.tif", tmp_path / "whole", memory="10GB")
    planned = []
    largest_plan = image_prediction.largest_plan

    def spy(*args, **settings):
        planned.append(largest_plan(*args, **settings))
        return planned[-1]

    monkeypatch.setattr(image_prediction, "largest_plan", spy)
    least = -(-(resident + 122 * 10**6) // 10**6)
    [tiled] = predicted(run, tmp_path / "a.tif", tmp_path / "t", memory=f"{least}MB")
    assert planned[0].plan.num_tiles > 1
    np.testing.assert_array_equal(tifffile.imread(tiled), tifffile.imread(whole))


@pytest.mark.parametrize(("name", "whole"), [("out.png", True), ("out.tif", False)])
def test_a_png_is_held_whole_and_counted(
    nets, random, tmp_path, monkeypatch, name, whole
):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    planned = []
    largest_plan = image_prediction.largest_plan

    def spy(net, memory, demand, *args, **settings):
        planned.append(demand.whole)
        return largest_plan(net, memory, demand, *args, **settings)

    monkeypatch.setattr(image_prediction, "largest_plan", spy)
    predicted(run, tmp_path / "a.png", tmp_path / name)
    assert planned == [whole]


def fixed(net, resident):
    return MemoryModel(resident, net.base_filters, net.channels, net.output_channels)


def test_too_little_memory_says_what_would_do(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    message = r"a\.png: memory is 100MB, but this net takes at least \d+MB"
    with pytest.raises(ValueError, match=message):
        predicted(run, tmp_path / "a.png", tmp_path / "out", memory="100MB")


def test_more_memory_is_advised_once_where_it_saves_time(
    nets, random, tmp_path, caplog, monkeypatch
):
    run, _ = nets()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, grey(random, 100, 120))
    monkeypatch.setattr(
        image_prediction, "memory_advice", lambda name, *_: f"{name}: more is faster"
    )
    predicted(run, tmp_path / "*.tif", tmp_path / "out")
    told = [r.message for r in caplog.records if "more is faster" in r.message]
    assert len(told) == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_probabilities_have_a_stated_scale(nets, random, tmp_path, dtype):
    run, net = nets()
    image = grey(random)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    [path] = predicted(
        run,
        tmp_path / "a.png",
        tmp_path / "out",
        output="probability",
        probability_dtype=dtype,
    )
    assert path.suffix == (".tif" if dtype == "float32" else ".png")
    found = read_image(ImageEntry(path))[..., 0]
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    scaled = np.asarray(scaling.scale_image(image[..., np.newaxis]))
    expected = net.probability(scaled)[..., -1] * scale
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-6 if scale == 1 else 0.51)


def test_flips_give_another_mask_of_the_same_kind(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random, 21, 34)).save(tmp_path / "a.png")
    found = []
    for flips in (False, True):
        [path] = predicted(
            run,
            tmp_path / "a.png",
            tmp_path / str(flips),
            flips=flips,
            output="probability",
        )
        found.append(read_image(ImageEntry(path)).astype(int))
    assert found[0].shape == found[1].shape
    assert np.abs(found[0] - found[1]).max() > 100


def test_zarr_comes_out_as_zarr_with_its_pixel_size(nets, random, tmp_path, caplog):
    run, _ = nets()
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        grey(random, 40, 30),
        metadata={
            "axes": "YX",
            "PhysicalSizeX": 0.25,
            "PhysicalSizeXUnit": "\u00b5m",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "\u00b5m",
        },
    )
    [tiff] = predicted(run, tmp_path / "a.ome.tif", tmp_path / "out")
    [store] = predicted(run, tmp_path / "a.ome.tif", tmp_path / "out", format="zarr")
    assert (tiff.name, store.name) == ("a.ome.tif", "a.ome.zarr")
    assert "pixel size" not in caplog.text
    predicted(run, tmp_path / "a.ome.tif", tmp_path / "out", format="png")
    assert "a.ome.png: the pixel size of its image is not kept" in caplog.text
    for path in (tiff, store):
        with open_image(ImageEntry(path)) as mask:
            assert mask.pixel_size == PixelSize(0.5, 0.25, "\u00b5m")
            assert (mask.height, mask.width) == (40, 30)
    np.testing.assert_array_equal(
        read_image(ImageEntry(tiff)), read_image(ImageEntry(store))
    )


def test_a_mask_of_ome_tiff_lies_where_its_image_does(nets, random, tmp_path):
    run, _ = nets(channels=2)
    images = random.integers(0, 2**16, (2, 3, 2, 12, 17), dtype=np.uint16)
    texts = {"Name": "cell", "AcquisitionDate": "2024-05-01T12:00:00"}
    texts["Description"] = "fixed & stained"
    planes = [
        {"DeltaT": t * 2.5, "PositionX": 100.5, "PositionXUnit": "mm", "PositionZ": z}
        for t, z, _ in np.ndindex(2, 3, 2)
    ]
    about = {"axes": "TZCYX", "Channel": {"Name": ["dye", "phase"]}, "Plane": planes}
    tifffile.imwrite(tmp_path / "a.ome.tif", images, metadata={**about, **texts})
    [path] = predicted(run, tmp_path / "a.ome.tif", tmp_path / "out")
    with tifffile.TiffFile(path) as tiff:
        (image,) = ElementTree.fromstring(tiff.ome_metadata).findall("{*}Image")
    assert image.get("Name") == "cell"
    for name in ("AcquisitionDate", "Description"):
        assert image.findtext(f"{{*}}{name}") == texts[name]
    found = [plane.attrib for plane in image.iterfind("{*}Pixels/{*}Plane")]
    expected = [
        {"TheC": "0", "TheZ": str(z), "TheT": str(t), "DeltaT": str(t * 2.5)}
        | {"PositionX": "100.5", "PositionXUnit": "mm", "PositionZ": f"{z}.0"}
        for t, z in np.ndindex(2, 3)
    ]
    assert found == expected
    # Dyes are no classes.
    assert "dye" not in tiff.ome_metadata
    [store] = predicted(run, tmp_path / "a.ome.tif", tmp_path / "out", format="zarr")
    (scales,) = zarr.open_group(store, mode="r").attrs["ome"]["multiscales"]
    assert scales["name"] == "cell"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_mask_of_ome_zarr_lies_where_its_image_does(nets, random, tmp_path, version):
    run, _ = nets()
    group = zarr.open_group(
        tmp_path / "a.zarr", mode="w", zarr_format=2 if version == "0.4" else 3
    )
    group.create_array("0", data=random.integers(0, 99, (2, 600, 30), dtype=np.uint8))
    axes = [{"name": n, "type": "space", "unit": "nanometer"} for n in "zyx"]
    placed = [
        {"type": "scale", "scale": [4.0, 0.5, 0.25]},
        {"type": "translation", "translation": [8.0, -10.0, 20.0]},
    ]
    level = {"path": "0", "coordinateTransformations": placed}
    scales = [{"name": "cell", "axes": axes, "datasets": [level], "version": version}]
    about = {"multiscales": scales}
    group.attrs.update(about if version == "0.4" else {"ome": about})
    for output, moved in (("mask", 0), ("probability", 0.5)):
        [store] = predicted(
            *(run, tmp_path / "a.zarr", tmp_path / output),
            output=output,
            pyramid=True,
        )
        (found,) = zarr.open_group(store, mode="r").attrs["ome"]["multiscales"]
        assert (found["name"], found["axes"]) == ("cell", axes)
        first, second = (one["coordinateTransformations"] for one in found["datasets"])
        assert first == placed
        # Half a pixel, where it is the mean of four.
        assert second == [
            {"type": "scale", "scale": [4.0, 1.0, 0.5]},
            {
                "type": "translation",
                "translation": [8.0, -10 + moved * 0.5, 20 + moved * 0.25],
            },
        ]


def test_a_geotiff_keeps_its_place_and_what_does_not_is_told(
    nets, random, tmp_path, caplog
):
    rasterio = pytest.importorskip("rasterio")
    run, net = nets()
    image = grey(random, 40, 30)
    transform = rasterio.Affine(0.5, 0, 500000, 0, -0.5, 5400000)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=40,
        width=30,
        count=1,
        dtype="uint8",
        crs="EPSG:32633",
        transform=transform,
    ) as dataset:
        dataset.write(image, 1)
    [path] = predicted(run, tmp_path / "a.tif", tmp_path / "out", pyramid=True)
    with rasterio.open(path) as dataset:
        assert (dataset.crs.to_epsg(), dataset.transform) == (32633, transform)
        np.testing.assert_array_equal(dataset.read(1), expected_mask(net, image))
    assert "georeference" not in caplog.text
    predicted(run, tmp_path / "a.tif", tmp_path / "zarr", format="zarr")
    assert "the georeference of its image is not kept (1 such files)" in caplog.text


def test_nodata_in_the_statistics_is_told_once(nets, random, tmp_path, caplog):
    run, _ = nets()
    for name in ("a.tif", "b.tif"):
        image = random.integers(1, 200, (20, 20), dtype=np.uint8)
        image[:5, :4] = 0
        tags = [(42113, "s", 0, "0", True)]
        tifffile.imwrite(tmp_path / name, image, extratags=tags)
    predicted(run, tmp_path, tmp_path / "out")
    assert caplog.text.count("NoData") == 1
    assert "5 % of its pixels are NoData (0)" in caplog.text
    assert "(2 such images)" in caplog.text


def test_lost_digits_of_a_stack_are_told_once(nets, random, tmp_path, caplog):
    run, _ = nets()
    stack = random.random((3, 20, 20)) + 1e7
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    predicted(run, tmp_path / "a.tif", tmp_path / "out")
    told = [r.message for r in caplog.records if "detail is lost" in r.message]
    assert len(told) == 1
    assert "a.tif page 0: pixels are float64" in told[0]
    assert told[0].endswith("(3 such images)")


def test_an_image_that_viewers_turn_is_told(nets, random, tmp_path, caplog):
    run, _ = nets()
    (tmp_path / "images").mkdir()
    for name, orientation in (("a.jpg", 1), ("b.jpg", 6), ("c.jpg", 6)):
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        PIL.Image.fromarray(grey(random)).save(tmp_path / "images" / name, exif=exif)
    predicted(run, tmp_path / "images", tmp_path / "out")
    told = [r.message for r in caplog.records if "orientation" in r.message]
    assert len(told) == 1
    assert "b.jpg: is to be shown turned" in told[0]
    assert "(2 such images)" in told[0]


def test_names_that_are_no_utf8_are_names_like_others(nets, random, tmp_path):
    run, _ = nets()
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    name = os.fsdecode(b"caf\xe9")
    tifffile.imwrite(images / f"{name}.tif", grey(random))
    PIL.Image.fromarray(grey(random)).save(images / f"{name}2.png")
    paths = predicted(run, images, out)
    assert sorted(os.listdir(os.fsencode(out)))[1:] == [b"caf\xe9.tif", b"caf\xe92.png"]
    times = [path.stat().st_mtime_ns for path in paths]
    assert predicted(run, images, out, resume=True) == paths
    assert [path.stat().st_mtime_ns for path in paths] == times


def test_bfloat16_is_near_and_is_recorded(nets, random, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(grey(random)).save(tmp_path / "a.png")
    settings = {"output": "probability", "probability_dtype": "float32"}
    found = []
    for precision in ("float32", "bfloat16"):
        [path] = predicted(
            run,
            tmp_path / "a.png",
            tmp_path / "out",
            precision=precision,
            resume=True,
            **settings,
        )
        found.append(read_image(ImageEntry(path)))
    assert 0 < np.abs(found[0] - found[1]).max() < 0.06


def test_instances_are_the_numbered_objects_of_the_mask(nets, random, tmp_path):
    run, net = nets()
    image = grey(random, 70, 30)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out", output="instances")
    assert path.name == "a.tif"
    found = read_image(ImageEntry(path))[..., 0]
    assert found.dtype == np.uint32 and found.max() > 1
    objects = ndimage.label(expected_mask(net, image))[0]
    np.testing.assert_array_equal(found, objects)
    # A pixel more than the smallest object has: that one goes, in a resumed run too.
    smallest = int(np.bincount(objects.ravel())[1:].min()) + 1
    settings = {"output": "instances", "smallest_object": smallest, "resume": True}
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out", **settings)
    large = read_image(ImageEntry(path))[..., 0]
    assert large.max() < found.max()
    assert np.bincount(large.ravel())[1:].min() >= smallest


def test_instances_are_found_at_their_threshold_and_grow_to_the_mask(
    nets, random, tmp_path
):
    original, net = nets()
    run = shutil.copytree(original, tmp_path / "run")
    config = run / run_folder.RECORD
    record = json.loads(config.read_text())
    image = grey(random, 40, 30)
    scaled = np.asarray(scaling.scale_image(image[..., np.newaxis]))
    probability = net.probability(scaled)[..., 0]
    between = float(np.percentile(probability, 80))
    config.write_text(json.dumps(record | {"object_threshold": between}))
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out", output="instances")
    mask = expected_mask(net, image) > 0
    objects = scores.objects(probability > between, within=mask)
    assert 0 < ndimage.label(mask)[1] < objects.max()
    np.testing.assert_array_equal(read_image(ImageEntry(path))[..., 0], objects)
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out")
    np.testing.assert_array_equal(
        read_image(ImageEntry(path))[..., 0], expected_mask(net, image)
    )


def test_a_constant_image_gives_a_mask(nets, tmp_path):
    run, _ = nets()
    PIL.Image.fromarray(np.full((8, 8), 77, np.uint8)).save(tmp_path / "a.png")
    [path] = predicted(run, tmp_path / "a.png", tmp_path / "out")
    assert set(np.unique(read_image(ImageEntry(path)))) <= {0, 255}
