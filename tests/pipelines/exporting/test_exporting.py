import json
import logging
import pathlib
import random
import re
import shlex
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

from pipelines import cli, export, predict, run_folder, scaling
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
    target = tmp_path_factory.mktemp("saved_models") / "discs"
    return export(ExportConfig(model=str(run), to=str(target)))


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported.path))


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
    assert f"keras-unet serve {exported.path.parent}" in text
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


@pytest.mark.parametrize(("signature", "name", "shape"), WRONG_RANKS)
def test_the_saved_graph_itself_refuses_other_ranks(exported, signature, name, shape):
    # As a server in C++ feeds it: Python compares no shapes before the graph does.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(exported.path))
        definition = loaded.signature_def[signature]
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
    assert about["pixel_limit"] == 256_000_000


def test_weights_are_told_apart_by_their_checksum(random_net):
    net = random_net()
    same = keras.models.clone_model(net)
    same.set_weights(net.get_weights())
    assert exporting._checksum(same) == exporting._checksum(net)
    first, *others = net.get_weights()
    same.set_weights([first + 1e-6, *others])
    assert exporting._checksum(same) != exporting._checksum(net)


def test_warm_up_requests_run_as_on_a_server(exported):
    model = LoadedModel(exported.path)
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


def test_golden_requests_are_answered_as_written(exported):
    model = LoadedModel(exported.path)
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


def test_served_probabilities_are_those_that_predict_writes(
    loaded, run, discs, tmp_path
):
    image = discs / "images" / "cell_3.png"
    [path] = predict(
        PredictConfig(
            model=str(run), images=str(image), out=str(tmp_path), output="probability"
        )
    )
    pixels = imagecodecs.png_decode(image.read_bytes())[np.newaxis, ..., np.newaxis]
    served = loaded.signatures["serving_default"](
        image=tf.constant(pixels.astype(np.float32))
    )["probability"]
    expected = imagecodecs.png_decode(path.read_bytes()) / 65535
    np.testing.assert_allclose(served[0, ..., 0], expected, atol=2e-5)


# docs/export.md


def guide_blocks(language):
    text = (ROOT / "docs" / "export.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_the_commands_of_the_guide_are_ones_that_there_are():
    for line in guide_blocks("sh")[0].splitlines():
        command, *words = shlex.split(line)
        assert command == "keras-unet"
        cli._parser().parse_args(words)


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


@pytest.fixture
def quick_write(monkeypatch):
    """Leaves out the net: what is published is a folder with one file."""

    def write(run, config, path):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"graph")
        facts = dict.fromkeys(("size", "load_seconds", "first_seconds"), 1)
        facts |= {"tile_seconds": 1, "tile_side": 512}
        return {"signatures": ("serving_default",), **facts}

    monkeypatch.setattr(exporting, "_write", write)


def test_it_is_said_that_no_file_has_the_channels_of_a_model(
    quick_write, random_net, save_run, tmp_path, caplog
):
    run = save_run(tmp_path / "run", random_net(channels=2))
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert "2 channels, which no PNG or JPEG has" in caplog.text


def test_the_paper_net_with_two_classes_serves_masks_of_0_and_255(
    random_net, save_run, tmp_path
):
    model = random_net("paper", 2, num_classes=2)
    run = save_run(tmp_path / "run", model)
    # A limit below the size of a tile: the warm-up keeps to it.
    config = ExportConfig(model=str(run), to=str(tmp_path / "out"), pixel_limit=0.01)
    served = tf.saved_model.load(str(export(config).path)).signatures["image_bytes"]
    random = np.random.default_rng(seed=0)
    image = random.integers(0, 65536, (31, 50), dtype=np.uint16)
    data = served(image_bytes=tf.constant([imagecodecs.png_encode(image)]))
    mask = imagecodecs.png_decode(data["mask_bytes"].numpy()[0])
    assert mask.shape == (31, 50)
    assert set(np.unique(mask)) <= {0, 255}
    large = imagecodecs.png_encode(np.zeros((101, 100), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 10000 .*101.*100"):
        served(image_bytes=tf.constant([large]))


def test_a_limit_below_a_region_is_refused(run, tmp_path):
    target = tmp_path / "served"
    config = ExportConfig(model=str(run), to=str(target), pixel_limit=0.0001)
    with pytest.raises(ValueError, match="pixel_limit is 0.0001 megapixels, but"):
        export(config)
    assert not target.exists()


def test_a_version_that_fails_its_own_requests_is_not_published(
    run, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise RuntimeError("no answer")

    monkeypatch.setattr(exporting, "_write_saved_model", lambda *_: None)
    monkeypatch.setattr(exporting, "SavedVersion", fail)
    with pytest.raises(RuntimeError, match="no answer"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "served")))
    assert not (tmp_path / "served").exists()


def test_the_newest_versions_are_kept(quick_write, run, tmp_path):
    config = ExportConfig(model=str(run), to=str(tmp_path), keep=2)
    assert [export(config).version for _ in range(3)] == [1, 2, 3]
    assert names(tmp_path) == ["2", "3"]


def test_a_file_in_the_place_of_the_folder_is_refused(run, tmp_path):
    (tmp_path / "discs").write_text("not a folder")
    with pytest.raises(ValueError, match="discs is a file; name a folder"):
        export(ExportConfig(model=str(run), to=str(tmp_path / "discs")))


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
