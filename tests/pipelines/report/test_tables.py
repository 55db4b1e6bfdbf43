import math

import numpy as np

from pipelines.image_scores import ImageScore
from pipelines.report import tables


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


def test_a_confusion_matrix_counts_truth_by_prediction():
    html = tables.confusion_table(np.array([[7, 1], [2, 5]]), ["sea", "land"])
    assert html.index("sea") < html.index("land")
    for number in ("7", "1", "2", "5"):
        assert number in html
