import math
import re

import numpy as np

from pipelines.report import tables
from pipelines.scores.image_scores import ImageScore


def test_what_is_written_is_escaped():
    assert "<script>" not in tables.facts_table({"<script>": "<script>"})
    assert "<script>" not in tables.cards({"<script>": "<script>"})


def test_scores_by_class_have_a_dash_where_there_is_none():
    row = {"name": "cell", "iou": 0.5, "hausdorff95": None}
    html = tables.classes_table([row], "µm")
    assert "(µm)" in html and "cell" in html and "0.5000" in html
    assert "-" in html


def test_the_worst_image_comes_first_and_the_unscored_last():
    images = [
        ImageScore("good", 0.9, 0.9, 0.1),
        ImageScore("unscored", math.nan, math.nan, math.nan),
        ImageScore("bad", 0.1, 0.1, 0.9),
    ]
    html = tables.images_table(images)
    assert html.index("bad") < html.index("good") < html.index("unscored")


def test_scores_that_were_not_computed_have_no_column():
    html = tables.classes_table([{"name": "cell", "iou": 0.5}], "pixels")
    assert ">IoU<" in html and "Hausdorff" not in html


def test_a_confusion_matrix_has_shares_of_the_true_class():
    html = tables.confusion_table(np.array([[6, 2], [1, 4]]), ["sea", "land"])
    found = re.findall(r"title='(\d+) pixels'>([\d.]+)%", html)
    expected = [("6", "75.00"), ("2", "25.00"), ("1", "20.00"), ("4", "80.00")]
    assert found == expected
    assert html.index("sea") < html.index("land")


def test_a_class_that_does_not_occur_has_no_shares():
    html = tables.confusion_table(np.array([[5, 0], [0, 0]]), ["sea", "land"])
    assert "nan" not in html


def test_of_many_classes_the_most_frequent_confusions_are_listed():
    confusion = np.eye(20, dtype=np.int64) * 90
    confusion[3, 7], confusion[5, 2] = 10, 30
    html = tables.confusion_table(confusion, [f"class {n}" for n in range(20)])
    rows = re.findall(
        r"<tr><th>(class \d+)</th><td>(class \d+)</td><td>(\d+)</td>", html
    )
    assert rows == [("class 5", "class 2", "30"), ("class 3", "class 7", "10")]
    assert "25.00%" in html and "10.00%" in html
