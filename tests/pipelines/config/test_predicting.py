import dataclasses

import pytest

from pipelines.config import PredictConfig

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
        (
            {"smallest_object": 9},
            "smallest_object is for output instances, got .* mask",
        ),
        ({"probability_dtype": "uint8"}, "uint8 is for output probability, got output"),
    ],
)
def test_a_wrong_setting_of_predict_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PREDICT, **change)
