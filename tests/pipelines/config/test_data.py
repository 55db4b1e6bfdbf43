import pytest

from pipelines.config import DataConfig, HoldOutConfig

DATA = {"images": "images", "masks": "masks"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"images": ""}, "images must name a file or folder"),
        ({"mask_kind": "ids"}, "mask_kind must be one of auto, binary, classes"),
        ({"ignore_value": 2**32}, "ignore_value must be a whole number"),
        ({"class_colours": ("red",)}, "class_colours must be colours"),
        ({"class_colours": "FF0000"}, "class_colours must be a tuple"),
        (
            {"class_colours": ("FF0000",), "mask_kind": "binary"},
            "class_colours are for masks of classes",
        ),
        ({"class_names": "a,b"}, "class_names must be a tuple of names"),
        ({"class_names": ("a", "")}, "class_names must be names of one line"),
        (
            {"class_names": ("a", "b"), "class_colours": ("000000",) * 3},
            "gives 2 names .*, but class_colours gives 3 classes, ids 0 to 2",
        ),
        (
            {"class_names": ("a", "b", "c"), "mask_kind": "instances"},
            "gives 3 names .*, but instances masks have 2 classes, ids 0 to 1",
        ),
        ({"mask_suffix": "a/b"}, "mask_suffix must be a part of a file name"),
    ],
)
def test_wrong_settings_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        DataConfig(**DATA | settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"mask_kind": "binary"},
        {"mask_kind": "instances"},
        {"class_colours": ["00FF00"]},
    ],
)
def test_two_classes_have_two_names(settings):
    made = DataConfig(**DATA, class_names=["background", "cells"], **settings)
    assert made.class_names == ("background", "cells")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"validation_masks": "x"}, "go together; got only one"),
        (
            {
                "validation_images": "x",
                "validation_masks": "y",
                "validation_stems": ("1",),
            },
            "not both",
        ),
        ({"validation_stems": "02"}, r"a tuple of stems, got '02'; write \('02',\)"),
    ],
)
def test_settings_of_the_hold_out_that_clash_are_refused(settings, named):
    with pytest.raises(ValueError, match=named):
        HoldOutConfig(**settings)
