"""A real export through the client: over both transports, whole and in regions.

On the development server always, and where TF_SERVING_BINARY names the program of
TensorFlow Serving on that too, with the flags that `keras-unet serve` gives it.
"""

import base64
import contextlib
import functools
import io
import json
import os
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import requests

import pipelines
from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.server import only
from pipelines.config import ExportConfig, PredictConfig, SegmentConfig, ServeConfig
from pipelines.images import ImageEntry, read_image
from pipelines.inference.inference_precision import (
    BFLOAT16_MEAN_TOLERANCE,
    BFLOAT16_TOLERANCE,
)
from pipelines.run_folder import load_record
from pipelines.serving.serving import running_launch
from pipelines.serving.serving_commands import SETTINGS

AS_FLOAT32 = {"output": "probability", "probability_dtype": "float32"}
ENGINES = ["development"]
if "TF_SERVING_BINARY" in os.environ:
    ENGINES.append("tensorflow-serving")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, random_net, save_run):
    """A run, its export that takes 120x120 pixels whole, images below and above."""
    folder = tmp_path_factory.mktemp("served")
    random = np.random.default_rng(seed=5)
    image = random.integers(0, 256, (130, 150)).astype(np.uint8)
    PIL.Image.fromarray(image).save(folder / "large.png")
    PIL.Image.fromarray(image[:90, :80]).save(folder / "small.png")
    run = save_run(folder / "run", random_net(depth=2, base_filters=8))
    to = str(folder / "cells")
    pipelines.export(ExportConfig(model=str(run), to=to, pixel_limit=0.0144))
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def launch(request, folder):
    config = ServeConfig(
        saved_model=str(folder / "cells"),
        engine=request.param,
        rest_port=0,
        grpc_port=0,
    )
    with running_launch(config) as launch:
        if request.param != "development":
            assert set(SETTINGS) < set(launch.command)
        yield launch


@pytest.fixture(scope="module")
def written_by_predict(folder, tmp_path_factory):
    """What `predict` writes for an image, (height, width); once for all servers."""

    @functools.cache
    def written(image, **settings):
        config = PredictConfig(
            model=str(folder / "run"),
            images=str(folder / image),
            out=str(tmp_path_factory.mktemp("predicted")),
            **settings,
        )
        (file,) = pipelines.predict(config)
        return read_image(ImageEntry(file))[:, :, 0]

    return written


@pytest.fixture(params=["rest", "grpc"])
def url(request, launch):
    return launch.url if request.param == "rest" else launch.grpc_url


def test_golden_requests_are_answered_over_both_transports(url, folder):
    report = pipelines.segment(SegmentConfig(url=url, check=str(folder / "cells")))
    file = folder / "cells/1/assets.extra/golden.json"
    names = [request["name"] for request in json.loads(file.read_text())["requests"]]
    assert sorted([*report.answered, *report.left_out]) == sorted(names)
    # REST takes no uint16.
    is_rest = url.startswith("http")
    in_16_bits = [name for name in names if name.startswith("pixels_uint16/")]
    assert in_16_bits
    assert list(report.left_out) == (in_16_bits if is_rest else [])


def _png(*shape, size=None):
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.zeros(shape, np.uint8)).save(buffer, "png")
    data = buffer.getvalue()
    if size is None:
        return data
    # Another size in the header, whose check sum is right.
    header = struct.pack(">II", *size) + data[24:29]
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return data[:16] + header + check + data[33:]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "PNG or JPEG"),
        (_png(5, 6)[:40], "PNG"),
        (_png(5, 6, 3), "The model takes images of 1 channels, got] [3]"),
        (_png(5, 6, size=(50_000, 50_000)), "Expected an image of 1 to 14400 pixels"),
    ],
    ids=["empty", "cut", "colour", "bomb"],
)
def test_a_bad_file_is_refused_alone_and_the_server_lives(launch, file, said):
    def post(data):
        instance = {"b64": base64.b64encode(data).decode()}
        body = {"signature_name": "image_bytes", "instances": [instance]}
        return requests.post(f"{launch.url}:predict", json=body, timeout=60)

    refused = post(file)
    assert refused.status_code == 400
    assert list(refused.json()) == ["error"]
    assert said in refused.json()["error"]
    assert post(_png(5, 6)).status_code == 200


# What ends TensorFlow Serving where an export does not check it.
@pytest.mark.parametrize("shape", [(), (8, 8, 1), (1, 1, 8, 8, 1), (1, 8, 8, 3)])
def test_images_of_another_rank_are_refused_and_the_server_lives(url, shape):
    with contextlib.closing(*connect(url, 60.0)) as server:
        with pytest.raises(ServerFailure) as refused:
            server.predict("serving_default", {"image": np.ones(shape, np.float32)})
        assert refused.value.kind == Kind.REFUSED
        image = np.ones((1, 8, 8, 1), np.float32)
        answer = server.predict("serving_default", {"image": image})
    assert only(answer, "probability").shape == (1, 8, 8, 1)


@pytest.mark.parametrize("image", ["small.png", "large.png"])
def test_served_mask_is_that_of_predict(
    url, folder, image, tmp_path, written_by_predict
):
    config = SegmentConfig(url=url, images=str(folder / image), out=str(tmp_path))
    (file,) = pipelines.segment(config)
    served = np.asarray(PIL.Image.open(file))
    probability = written_by_predict(image, **AS_FLOAT32)
    threshold = load_record(folder / "run").threshold
    # A pixel whose probability is the threshold to the last digit may go either way.
    sure = np.abs(probability - threshold) > 1e-5
    assert sure.mean() > 0.999
    np.testing.assert_array_equal(served[sure], written_by_predict(image)[sure])


def test_served_probabilities_are_near_those_of_predict_in_bfloat16(
    url, folder, written_by_predict
):
    # An export computes in float32, so the server differs as float32 does.
    image = np.asarray(PIL.Image.open(folder / "small.png"))
    inputs = {"image": image[np.newaxis, ..., np.newaxis].astype(np.float32)}
    with contextlib.closing(*connect(url, 60.0)) as server:
        served = only(server.predict("serving_default", inputs), "probability")
    predicted = written_by_predict("small.png", precision="bfloat16", **AS_FLOAT32)
    difference = np.abs(served[0, ..., 0] - predicted)
    assert 0 < difference.max() <= BFLOAT16_TOLERANCE
    assert difference.mean() <= BFLOAT16_MEAN_TOLERANCE


@pytest.mark.parametrize("image", ["small.png", "large.png"])
def test_served_mask_is_that_of_predict_in_bfloat16_but_near_the_threshold(
    url, folder, image, tmp_path, written_by_predict
):
    probability = written_by_predict(image, precision="bfloat16", **AS_FLOAT32)
    mask = written_by_predict(image, precision="bfloat16")
    config = SegmentConfig(url=url, images=str(folder / image), out=str(tmp_path))
    (file,) = pipelines.segment(config)
    served = np.asarray(PIL.Image.open(file))
    threshold = load_record(folder / "run").threshold
    sure = np.abs(probability - threshold) > BFLOAT16_TOLERANCE
    assert sure.mean() > 0.5
    assert set(np.unique(mask[sure])) == {0, 255}
    np.testing.assert_array_equal(served[sure], mask[sure])
