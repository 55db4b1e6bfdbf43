"""From image files to a served mask, on real images, in words of the command line."""

import json

import numpy as np
import pytest

from pipelines import cli
from pipelines.config import ServeConfig
from pipelines.images import ImageEntry, read_mask
from pipelines.serving.serving import running_server

TINY = ["--base-filters", "4", "--depth", "2", "--tile-size", "64", "--steps", "6"]
TINY += ["--batch-size", "2", "--validations", "2", "--precision", "float32"]


@pytest.fixture(scope="module")
def walk(real_data, tmp_path_factory):
    """A run trained on three slices, and its export."""
    folder = tmp_path_factory.mktemp("walk")
    isbi = real_data / "isbi2012"
    data = ["--images", f"{isbi}/image/0[0-2].png", "--masks", f"{isbi}/label"]
    run = str(folder / "run")
    fit = ["fit", *data, "--run-dir", run, "--validation-stems", "02", *TINY]
    assert cli.main(fit) == 0
    assert cli.main(["export", "--model", run, "--to", str(folder / "isbi")]) == 0
    return folder, isbi


def test_evaluate_writes_its_scores(walk, capsys):
    folder, isbi = walk
    words = ["evaluate", "--model", str(folder / "run")]
    words += ["--images", f"{isbi}/image/02.png", "--masks", f"{isbi}/label/02.png"]
    assert cli.main([*words, "--json", str(folder / "scores.json")]) == 0
    scores = json.loads((folder / "scores.json").read_text())
    assert [row["name"] for row in scores["classes"]] == ["background", "foreground"]
    assert f"{scores['pixel_error']:.4f}" in capsys.readouterr().out


def test_the_served_mask_is_as_large_as_the_image_and_equals_that_of_predict(
    walk, decided
):
    folder, isbi = walk
    slices = ["--images", f"{isbi}/image/02.png"]
    run, out = str(folder / "run"), str(folder / "predicted")
    assert cli.main(["predict", "--model", run, *slices, "--out", out]) == 0
    config = ServeConfig(
        saved_model=str(folder / "isbi"),
        engine="development",
        rest_port=0,
        grpc_port=0,
    )
    with running_server(config) as url:
        out = str(folder / "served")
        assert cli.main(["segment", "--url", url, *slices, "--out", out]) == 0
    served = read_mask(ImageEntry(folder / "served" / "02.png"))
    predicted = read_mask(ImageEntry(folder / "predicted" / "02.png"))
    assert served.shape == (512, 512)
    assert set(np.unique(served)) <= {0, 255}
    sure = decided(run, f"{isbi}/image/02.png")
    assert sure.mean() > 0.999
    np.testing.assert_array_equal(served[sure], predicted[sure])
