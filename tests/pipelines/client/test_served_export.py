"""A real export through the client: over both transports, whole and in regions."""

import json

import numpy as np
import PIL.Image
import pytest

import pipelines
from pipelines.config import ExportConfig, PredictConfig, SegmentConfig, ServeConfig
from pipelines.serving.serving import running_launch


@pytest.fixture(scope="module")
def folder(tmp_path_factory, random_net, save_run):
    """A run, its export that takes 120x120 pixels whole, images below and above."""
    folder = tmp_path_factory.mktemp("served")
    random = np.random.default_rng(seed=5)
    image = random.integers(0, 256, (130, 150)).astype(np.uint8)
    PIL.Image.fromarray(image).save(folder / "large.png")
    PIL.Image.fromarray(image[:90, :80]).save(folder / "small.png")
    run = save_run(folder / "run", random_net(depth=2))
    to = str(folder / "cells")
    pipelines.export(ExportConfig(model=str(run), to=to, pixel_limit=0.0144))
    return folder


@pytest.fixture(scope="module")
def launch(folder):
    config = ServeConfig(
        saved_model=str(folder / "cells"),
        engine="development",
        rest_port=0,
        grpc_port=0,
    )
    with running_launch(config) as launch:
        yield launch


@pytest.fixture(params=["rest", "grpc"])
def url(request, launch):
    return launch.url if request.param == "rest" else launch.grpc_url


def test_golden_requests_are_answered_over_both_transports(url, folder):
    report = pipelines.segment(SegmentConfig(url=url, check=str(folder / "cells")))
    file = folder / "cells/1/assets.extra/golden.json"
    names = [request["name"] for request in json.loads(file.read_text())["requests"]]
    assert sorted([*report.answered, *report.left_out]) == sorted(names)
    assert report.answered
    assert not report.left_out or url.startswith("http")


@pytest.mark.parametrize("image", ["small.png", "large.png"])
def test_served_mask_is_that_of_predict(url, folder, image, tmp_path, decided):
    model = str(folder / "run")
    given = {"images": str(folder / image)}
    (predicted,) = pipelines.predict(
        PredictConfig(model=model, out=str(tmp_path / "a"), **given)
    )
    (served,) = pipelines.segment(
        SegmentConfig(url=url, out=str(tmp_path / "b"), **given)
    )
    sure = decided(model, given["images"])
    assert sure.mean() > 0.999
    np.testing.assert_array_equal(
        np.asarray(PIL.Image.open(served))[sure],
        np.asarray(PIL.Image.open(predicted))[sure],
    )
