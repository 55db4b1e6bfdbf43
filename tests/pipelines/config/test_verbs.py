import dataclasses

import pytest

from pipelines.config import (
    EvaluateConfig,
    PredictConfig,
    SegmentConfig,
    ServeConfig,
)

PREDICT = PredictConfig(model="run", images="images", out="out")


def test_the_defaults_of_predict_are_those_of_the_guide():
    assert (PREDICT.output, PREDICT.probability_dtype) == ("mask", "uint16")
    assert (PREDICT.memory, PREDICT.format) == (None, "auto")
    assert (PREDICT.flips, PREDICT.pyramid, PREDICT.resume) == (False, False, False)
    assert PREDICT.precision == "float32"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ""}, "model must name a file"),
        ({"output": "colour"}, "output must be one of mask, probability, instances"),
        ({"probability_dtype": "int8"}, "probability_dtype must be one of uint8"),
        ({"format": "jpeg"}, "format must be one of auto, png, tiff, zarr"),
        ({"memory": "much"}, "memory must be a number and a unit"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16"),
        ({"pyramid": True, "format": "png"}, "pyramid needs the format tiff or zarr"),
    ],
)
def test_a_wrong_setting_of_predict_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PREDICT, **change)


def test_ports_and_seconds_have_bounds():
    with pytest.raises(ValueError, match="rest_port must be a whole number"):
        ServeConfig(saved_model="saved_models/a", rest_port=65536)
    with pytest.raises(ValueError, match="timeout must be a number"):
        SegmentConfig(url="http://a", images="images", out="out", timeout=0)


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
