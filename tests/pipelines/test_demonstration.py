import json
from unittest import mock

import pytest

import pipelines
from pipelines import demonstration
from pipelines.config import DemoConfig
from pipelines.demonstration import HELD_OUT


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("work") / "demo"
    small = {**demonstration.TRAINING, "base_filters": 2, "depth": 1}
    small |= {"tile_size": 64, "batch_size": 2, "validations": 1}
    with mock.patch.object(demonstration, "TRAINING", small):
        return pipelines.demo(DemoConfig(out=str(out), steps=3)), out


def test_the_demo_scores_the_held_out_frames_beside_otsu(result):
    # 0.767: scikit-image's threshold_otsu on the frames 2, 5 and 8 as float.
    assert result[0].otsu_iou == pytest.approx(0.767, abs=0.0005)
    assert 0 <= result[0].iou <= 1


def test_the_demo_leaves_a_page_of_every_held_out_frame(result):
    page = result[0].report.read_text()
    for frame in HELD_OUT:
        assert f"frame_{frame:02}.png" in page
    assert page.count("<figcaption>") == len(HELD_OUT)
    assert str(result[0].report.resolve()) in str(result[0])


def test_the_demo_trains_on_the_other_frames(result):
    text = (result[1] / "runs" / "nuclei" / "config.json").read_text()
    data = json.loads(text)["data"]
    held_out = {f"frame_{frame:02}" for frame in HELD_OUT}
    assert held_out.isdisjoint(data["training"]["images"])
    assert len(data["training"]["images"]) == 10 - len(HELD_OUT)


def test_a_folder_that_is_not_of_a_demo_is_refused_and_kept(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match="is not the folder of an earlier demo"):
        pipelines.demo(DemoConfig(out=str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
