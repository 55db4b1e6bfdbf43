import pytest

from pipelines.config import AugmentConfig, StreamConfig, WeightConfig


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"elastic": -1}, "elastic must be a number, 0 to 1000"),
        ({"rotation": 181}, "rotation must be a number, 0 to 180"),
        ({"zoom": 1.5}, "zoom must be a number, 0 to 1"),
        ({"shear": 60}, "shear must be a number, 0 to 45"),
        ({"brightness": float("nan")}, "brightness must be a number"),
        ({"gamma": 3}, "gamma must be a number, 0 to 2"),
        ({"noise": 11}, "noise must be a number, 0 to 10"),
        ({"blur": 6}, "blur must be a number, 0 to 5"),
    ],
)
def test_strengths_out_of_range_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        AugmentConfig(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight_map": "unet"}, "weight_map must be one of none, paper, authors-tool"),
        ({"border_sigma": 2.0}, "border_sigma is a setting of the weight map.*off"),
        ({"class_weights": ("1", "x")}, "class_weights must be weights"),
        ({"class_weights": ("balanced", "1")}, "balanced or a number for each class"),
        ({"class_weights": "balanced"}, "class_weights must be a tuple"),
    ],
)
def test_weights_that_clash_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        WeightConfig(**change)


def test_a_share_of_tiles_is_from_0_to_1():
    assert StreamConfig().rare_share is None
    with pytest.raises(ValueError, match="rare_share must be a number, 0 to 1"):
        StreamConfig(rare_share=1.2)
