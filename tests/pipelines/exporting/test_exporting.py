import ast
import contextlib
import json
import logging
import pathlib
import random
import re
import subprocess
import sys
import time

import imagecodecs
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pipelines import export, predict, run_folder, scaling
from pipelines.client.golden import compare, decoded
from pipelines.config import ExportConfig, PredictConfig
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.dev_server.warm_up import warm_up
from pipelines.exporting import exporting
from pipelines.exporting.publishing import HIGHEST
from pipelines.images import ImageEntry, read_mask
from pipelines.overlap_tile import Net

ROOT = pathlib.Path(__file__).parents[3]
SIGNATURES = (
    *("serving_default", "pixels", "pixels_uint16", "region", "about"),
    *("image_bytes", "probability_bytes"),
)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The first version of the shared run's export."""
    target = tmp_path_factory.mktemp("saved models") / "discs"
    return export(ExportConfig(model=str(run), to=str(target), pixel_limit=0.5))


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported.path))


@pytest.fixture(scope="module")
def on_a_server(exported):
    """The same, as the development server loads it."""
    return LoadedModel(exported.path)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != HIGHEST)


def test_the_first_export_is_version_1_with_all_signatures(exported):
    assert exported.version == 1
    assert exported.path.name == "1"
    assert exported.signatures == SIGNATURES
    assert (exported.path / "saved_model.pb").is_file()
    assert names(exported.path.parent) == ["1"]


def test_the_result_tells_size_times_and_what_comes_next(exported):
    text = str(exported)
    # There is a space in the path.
    assert f"keras-unet serve '{exported.path.parent}'" in text
    assert f"On disk {exported.size / 1e6:.1f} MB" in text
    files = [path for path in exported.path.rglob("*") if path.is_file()]
    assert exported.size == sum(path.stat().st_size for path in files)
    assert min(exported.load_seconds, exported.first_seconds) > 0
    assert "512 x 512 pixels in" in text


def test_signatures_name_their_inputs_and_outputs(loaded):
    assert set(loaded.signatures) == set(SIGNATURES)
    outputs = {
        name: set(signature.structured_outputs)
        for name, signature in loaded.signatures.items()
    }
    assert outputs == {
        "serving_default": {"probability"},
        "pixels": {"mask"},
        "pixels_uint16": {"mask"},
        "region": {"probability"},
        "about": {"about"},
        "image_bytes": {"mask_bytes"},
        "probability_bytes": {"probability_bytes"},
    }
    _, inputs = loaded.signatures["serving_default"].structured_input_signature
    assert inputs["image"].shape.as_list() == [None, None, None, 1]
    assert inputs["image"].dtype == tf.float32


WRONG_RANKS = [
    *(
        ("serving_default", "image", shape)
        for shape in [(), (4, 4, 1), (1, 1, 4, 4, 1)]
    ),
    ("serving_default", "image", (1, 4, 4, 3)),
    ("pixels", "pixels", (4, 4, 1)),
    ("pixels_uint16", "pixels", (4, 4, 1)),
    ("region", "image", (4, 4, 1)),
    ("region", "mean", (1,)),
    ("region", "std", (1, 2)),
    *((name, "image_bytes", ()) for name in ("image_bytes", "probability_bytes")),
    ("image_bytes", "image_bytes", (1, 1)),
    ("about", "query", (1, 1)),
]


@pytest.fixture(scope="module")
def graph_session(exported):
    """A session and the definitions of signatures, as a server in C++ has them."""
    # Closed at the end, and no default in between: other tests are no part of it.
    with contextlib.closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        with session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(
                session, ["serve"], str(exported.path)
            )
        yield session, loaded.signature_def


@pytest.mark.parametrize(("signature", "name", "shape"), WRONG_RANKS)
def test_the_saved_graph_itself_refuses_other_ranks(
    graph_session, signature, name, shape
):
    # As a server in C++ feeds it: Python compares no shapes before the graph does.
    session, definitions = graph_session
    definition = definitions[signature]
    feeds, arrays = [], []
    for key, info in definition.inputs.items():
        dtype = tf.as_dtype(info.dtype).as_numpy_dtype
        usual = [size.size for size in info.tensor_shape.dim]
        given = shape if key == name else [max(1, size) for size in usual]
        feeds.append(info.name)
        arrays.append(np.full(given, b"" if dtype is object else 1, dtype))
    run = session._make_callable_from_options(
        config_pb2.CallableOptions(
            feed=feeds, fetch=[info.name for info in definition.outputs.values()]
        )
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        run(*arrays)


def test_an_export_tells_of_its_run(loaded, run):
    [text] = loaded.signatures["about"](query=tf.constant([""]))["about"].numpy()
    about = json.loads(text)
    record = run_folder.load_record(run)
    assert about["threshold"] == record.threshold
    assert about["classes"] == record.classes
    assert about["training"]["fingerprint"] == record.data["training"]["fingerprint"]
    assert about["batch_norm_folded"] is True
    assert re.fullmatch("[0-9a-f]{64}", about["training"]["weights"])
    assert about["pixel_limit"] == 500_000


def test_weights_are_told_apart_by_their_checksum(random_net):
    net = random_net()
    same = keras.models.clone_model(net)
    same.set_weights(net.get_weights())
    assert exporting._checksum(same) == exporting._checksum(net)
    first, *others = net.get_weights()
    same.set_weights([first + 1e-6, *others])
    assert exporting._checksum(same) != exporting._checksum(net)


def test_warm_up_requests_run_as_on_a_server(exported, on_a_server):
    model = on_a_server
    file = exported.path / "assets.extra/tf_serving_warmup_requests"
    signatures = set()
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        arrays = {
            name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
        }
        signature = model.signature(request.model_spec.signature_name)
        outputs = model.run(signature, arrays)
        assert set(outputs) == set(signature.outputs)
        signatures.add(request.model_spec.signature_name)
    assert signatures == set(SIGNATURES)


def test_golden_requests_are_answered_as_written(exported, on_a_server):
    model = on_a_server
    document = json.loads((exported.path / "assets.extra/golden.json").read_text())
    signatures = set()
    for request in document["requests"]:
        inputs = {name: decoded(one) for name, one in request["inputs"].items()}
        outputs = model.run(model.signature(request["signature"]), inputs)
        assert set(outputs) == set(request["outputs"])
        for name, expected in request["outputs"].items():
            difference = compare(
                outputs[name], decoded(expected), expected["tolerance"]
            )
            assert difference is None, request["name"]
        signatures.add(request["signature"])
    assert signatures == set(SIGNATURES)


def test_golden_probabilities_are_those_of_predict(exported, run):
    document = json.loads((exported.path / "assets.extra/golden.json").read_text())
    net = Net(run_folder.load(str(run)).model)
    for request in document["requests"]:
        if request["signature"] == "serving_default":
            [image] = decoded(request["inputs"]["image"])
            [found] = decoded(request["outputs"]["probability"])
            expected = net.probability(np.asarray(scaling.scale_image(image)))
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_served_mask_is_the_file_that_predict_writes(loaded, run, discs, tmp_path):
    images = sorted((discs / "images").iterdir())
    paths = predict(
        PredictConfig(model=str(run), images=str(discs / "images"), out=str(tmp_path))
    )
    served = loaded.signatures["image_bytes"](
        image_bytes=tf.constant([path.read_bytes() for path in images])
    )["mask_bytes"]
    for path, data in zip(paths, served.numpy(), strict=True):
        expected = read_mask(ImageEntry(path))
        np.testing.assert_array_equal(imagecodecs.png_decode(data), expected)


def test_several_tiles_of_a_file_are_served_as_predict_writes_them(
    loaded, run, tmp_path
):
    # Wider and higher than the 512 pixels that a tile keeps: four tiles.
    random = np.random.default_rng(seed=9)
    coarse = random.integers(0, 256, (67, 75), np.uint8)
    pixels = np.kron(coarse, np.ones((8, 8), np.uint8))[:530]
    image = tmp_path / "image.png"
    image.write_bytes(imagecodecs.png_encode(pixels))
    [data] = loaded.signatures["image_bytes"](
        image_bytes=tf.constant([image.read_bytes()])
    )["mask_bytes"].numpy()
    [levels] = loaded.signatures["probability_bytes"](
        image_bytes=tf.constant([image.read_bytes()])
    )["probability_bytes"].numpy()
    threshold = run_folder.load_record(run).threshold
    written = {}
    for output in ("mask", "probability"):
        config = PredictConfig(
            model=str(run),
            images=str(image),
            out=str(tmp_path / output),
            output=output,
        )
        [path] = predict(config)
        written[output] = imagecodecs.png_decode(path.read_bytes())
    assert written["probability"].shape == (530, 600)
    levels = imagecodecs.png_decode(levels).astype(np.int64)
    # A level is 1/65535, and 1e-5 of a probability less than one.
    assert np.abs(levels - written["probability"]).max() <= 2
    certain = np.abs(levels - threshold * 65535) > 2
    assert certain.mean() > 0.99
    masks = imagecodecs.png_decode(data), written["mask"]
    np.testing.assert_array_equal(*(mask[certain] for mask in masks))
    large = imagecodecs.png_encode(np.zeros((1000, 501), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 500000 .*1000.*501"):
        loaded.signatures["image_bytes"](image_bytes=tf.constant([large]))


# docs/export.md


def guide_blocks(language):
    text = (ROOT / "docs" / "export.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_the_python_of_the_guide_runs(exported, tmp_path, monkeypatch):
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models/cells").symlink_to(exported.path.parent)
    monkeypatch.chdir(tmp_path)
    [code] = guide_blocks("python exported")
    exec(compile(code, "export.md", "exec"), {})


def test_the_guide_tells_every_file_signature_and_fact(exported, loaded):
    listing = guide_blocks("")[0]
    for name in re.findall(r"^saved_models/cells/([^\s,]+)", listing, re.M):
        assert (exported.path.parent / name).exists()
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "export.md").read_text()))
    [text] = loaded.signatures["about"](query=tf.constant([""]))["about"].numpy()
    assert set(json.loads(text)) - {"format"} <= told
    assert set(SIGNATURES) <= told


def words_of_assertions(path):
    """The constant words of all messages of `tf.debugging.Assert` in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".Assert"):
            for part in ast.walk(node.args[1]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value.strip()


def test_the_guide_tells_what_is_said_of_bad_requests():
    folder = ROOT / "pipelines" / "serving_graph"
    words = [one for path in folder.glob("*.py") for one in words_of_assertions(path)]
    guide = (ROOT / "docs" / "export.md").read_text()
    assert len(words) > 15
    assert [one for one in words if one not in guide] == []


@pytest.fixture
def quick_write(monkeypatch):
    """Leaves out TensorFlow's part: what is published is a folder with one file."""

    def write(model, signatures, path):
        (path / "saved_model.pb").write_bytes(b"graph")

    facts = dict.fromkeys(("size", "load_seconds", "first_seconds"), 1)
    facts |= {"tile_seconds": 1, "tile_side": 512}
    monkeypatch.setattr(exporting, "_write_saved_model", write)
    monkeypatch.setattr(exporting, "self_test", lambda *arguments: facts)


def test_it_is_said_that_no_file_has_the_channels_of_a_model(
    quick_write, random_net, save_run, tmp_path, caplog
):
    run = save_run(tmp_path / "run", random_net(channels=2))
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert "2 channels, which no PNG or JPEG has" in caplog.text


def test_the_paper_net_with_two_classes_is_served_below_a_tile_of_pixels(
    random_net, save_run, tmp_path
):
    run = save_run(tmp_path / "run", random_net("paper", num_classes=2))
    # A limit below the size of a tile: the warm-up keeps to it.
    config = ExportConfig(model=str(run), to=str(tmp_path / "out"), pixel_limit=0.01)
    served = tf.saved_model.load(str(export(config).path)).signatures["image_bytes"]
    random = np.random.default_rng(seed=0)
    image = random.integers(0, 65536, (31, 50), dtype=np.uint16)
    data = served(image_bytes=tf.constant([imagecodecs.png_encode(image)]))
    mask = imagecodecs.png_decode(data["mask_bytes"].numpy()[0])
    assert mask.shape == (31, 50)
    assert set(np.unique(mask)) == {0, 255}


def test_weights_that_are_not_finite_are_told_before_the_work(
    random_net, save_run, tmp_path
):
    net = keras.models.clone_model(random_net())
    first, *others = random_net().get_weights()
    net.set_weights([first * np.nan, *others])
    run = save_run(tmp_path / "run", net)
    with pytest.raises(ValueError, match="run: the model has weights that are NaN"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert names(tmp_path) == ["run"]


def test_a_record_that_does_not_tell_what_scales_pixels_is_refused(
    random_net, save_run, tmp_path
):
    net = random_net()
    run = save_run(tmp_path / "run", net, scaling="dtype", pixel_type="uint8")
    text = (run / "config.json").read_text()
    (run / "config.json").write_text(text.replace("pixel_types", "types"))
    with pytest.raises(ValueError, match="does not tell the type of the training imag"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))


def test_a_full_disk_is_told_in_one_sentence(random_net, tmp_path, monkeypatch):
    def full(*arguments, **signatures):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(ValueError, match="cannot be written .No space left on device"):
        exporting._write_saved_model(random_net(), {}, tmp_path / "1")


def test_a_limit_below_the_examples_is_refused(run, tmp_path):
    target = tmp_path / "served"
    config = ExportConfig(model=str(run), to=str(target), pixel_limit=0.0001)
    with pytest.raises(
        ValueError, match="pixel_limit is 0.0001 megapixels, but the requ"
    ):
        export(config)
    assert not target.exists()


def test_a_version_that_fails_its_own_requests_is_not_published(
    quick_write, run, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise RuntimeError("no answer")

    monkeypatch.setattr(exporting, "self_test", fail)
    with pytest.raises(RuntimeError, match="no answer"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert not (tmp_path / "served").exists()


def test_the_newest_versions_are_kept(quick_write, run, tmp_path):
    config = ExportConfig(model=str(run), to=str(tmp_path), keep=2)
    assert [export(config).version for _ in range(3)] == [1, 2, 3]
    assert names(tmp_path) == ["2", "3"]


def test_what_is_no_folder_of_versions_is_refused_before_the_run_is_read(tmp_path):
    with pytest.raises(ValueError, match="cells/4 is a version, or named like one"):
        export(ExportConfig(model="nowhere", to="saved_models/cells/4"))
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="discs: cannot be written to"):
        export(ExportConfig(model="nowhere", to=str(tmp_path / "file" / "discs")))


def test_what_is_no_run_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ValueError, match="config.json is missing"):
        export(ExportConfig(model=str(tmp_path), to=str(tmp_path / "served")))
    assert names(tmp_path) == []


@pytest.mark.slow
def test_an_export_killed_at_any_moment_leaves_no_half_version(run, tmp_path):
    words = [sys.executable, "-m", "pipelines.cli", "export", "--model", str(run)]
    words += ["--to", str(tmp_path / "served")]
    start = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    whole = time.monotonic() - start
    loaded = set()
    for seed in range(30):
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # The first half is imports; the rename is near the end.
        time.sleep(random.Random(seed).uniform(0.5, 1.1) * whole)
        process.kill()
        process.wait()
        for path in (tmp_path / "served").iterdir():
            if path.name.isdecimal() and path not in loaded:
                warm_up(LoadedModel(path), path)
                loaded.add(path)
    assert loaded
