import pytest

from pipelines.config import EvaluateConfig, SegmentConfig, ServeConfig


def test_two_servers_have_two_ports():
    with pytest.raises(ValueError, match="must differ, got 9000 for both"):
        ServeConfig(saved_model="saved_models/a", rest_port=9000, grpc_port=9000)
    # Free ones.
    ServeConfig(saved_model="saved_models/a", rest_port=0, grpc_port=0)


def test_an_address_is_text():
    with pytest.raises(ValueError, match="url must be text, got None"):
        SegmentConfig(url=None, images="images", out="out")
    # Whether it is an address `segment` tells.
    assert SegmentConfig(url="", images="images", out="out").url == ""


def evaluate_config(**changes):
    return EvaluateConfig(model="run", images="images", masks="masks", **changes)


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), ("auto", "auto"), ("0.4", 0.4), (0.4, 0.4)]
)
def test_a_threshold_is_a_number_or_auto_or_the_runs(given, kept):
    assert evaluate_config(threshold=given).threshold == kept


@pytest.mark.parametrize("wrong", ["best", "", "nan", 0, 1.0, 128])
def test_another_threshold_is_refused(wrong):
    with pytest.raises(ValueError, match="threshold must be auto or a number between"):
        evaluate_config(threshold=wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"report": ""}, "report must name a file"),
        ({"inside": "membrane"}, "inside must be one of foreground, background"),
        ({"scores": "some"}, "scores must be one of all, quick"),
    ],
)
def test_a_wrong_setting_of_evaluate_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        evaluate_config(**change)
