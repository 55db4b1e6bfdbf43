import dataclasses
import json

import numpy as np
import pytest

from pipelines.scores.evaluation_result import (
    COLUMNS,
    Evaluation,
    class_rows,
    shown,
)


@pytest.fixture
def evaluation():
    row = dict.fromkeys(COLUMNS, 0.5) | {"name": "cell", "hausdorff95": None}
    return Evaluation(
        classes=[row],
        mean_iou=0.5,
        pixel_error=0.25,
        threshold=0.4,
        images=3,
        v_rand=0.9,
        average_precision={"0.5": 0.75, "0.9": None},
        threshold_from="run",
    )


def test_the_table_names_classes_scores_and_where_the_threshold_is_from(evaluation):
    lines = str(evaluation).splitlines()
    assert lines[1].split() == ["cell", *["0.5000"] * 5, "-"]
    assert "V_rand                    0.9000" in lines
    assert lines[-1] == "3 images, threshold 0.4 (run)"


def test_the_table_says_what_the_scores_depend_on(evaluation):
    text = str(
        dataclasses.replace(
            evaluation, inside="background", smallest_object=7, flips=True
        )
    )
    assert "Objects are of the background, of 7 pixels and more" in text
    assert "means over 8 flips" in text
    assert "Objects" not in str(evaluation) and "flips" not in str(evaluation)


def test_scores_that_do_not_apply_are_left_out_of_the_set(evaluation):
    assert evaluation.of_set() == {
        "mean IoU": 0.5,
        "pixel error": 0.25,
        "V_rand": 0.9,
        "average precision at 0.5": 0.75,
    }


def test_json_has_null_for_them(evaluation):
    found = json.loads(evaluation.to_json())
    assert found["warping_error"] is None
    assert found["average_precision"] == {"0.5": 0.75, "0.9": None}


def test_a_class_has_its_name_and_its_scores_none_where_they_are_undefined():
    cell, nothing = class_rows(["cell", "nothing"], np.array([[3, 0], [0, 0]]))
    assert cell == {"name": "cell"} | dict.fromkeys(list(COLUMNS)[:4], 1.0)
    assert nothing == {"name": "nothing"} | dict.fromkeys(list(COLUMNS)[:4])


def test_a_score_is_shown_with_four_digits_or_a_dash():
    assert (shown(0.12345), shown(None)) == ("0.1235", "-")
