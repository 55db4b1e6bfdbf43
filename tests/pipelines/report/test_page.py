import html.parser
import re

import numpy as np
import pytest

from pipelines.report import write_report
from pipelines.run_folder import RunRecord
from pipelines.validation import Picture

HOSTILE = "<script>alert('&\"')</script>"
HISTORY = [
    {
        "step": step,
        "minutes": 0.1,
        "learning_rate": 1e-3,
        "loss": 1 / step,
        "val_loss": 2 / step,
        "val_mean_iou": 0.5,
        "val_pixel_error": 0.1,
    }
    for step in (10, 20)
]


def record(**changes):
    fields = {
        "settings": {"images": HOSTILE, "depth": 2},
        "network": {},
        "classes": ["background", "foreground"],
        "mask_coding": {},
        "scaling": "per_image",
        "threshold": 0.37,
        "precision": {},
        "data": {},
        "best": {
            "by": "validation loss",
            "step": 20,
            "val_loss": 0.1,
            "val_mean_iou": 0.5,
            "val_pixel_error": 0.25,
        },
        "versions": {},
    }
    return RunRecord(**fields | changes)


def one_picture(name="cell_1"):
    y_true = np.eye(6, dtype=np.uint8)
    image = np.arange(36, dtype=np.uint16).reshape(6, 6, 1)
    return Picture(name, image, y_true, y_true[::-1])


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        arguments = {
            "title": f"Run {HOSTILE}",
            "record": record(),
            "history": HISTORY,
            "pictures": [one_picture(HOSTILE)],
        }
        write_report(tmp_path / "report.html", **arguments | changes)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


class Elements(html.parser.HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_loads_nothing_from_anywhere(written, tmp_path):
    page = written()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not re.search(r"https?:|//www|@import|url\((?!#)", page)
    for tag, attributes in Elements(page).found:
        assert tag not in ("script", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#"))


def test_names_and_settings_are_escaped(written):
    page = written(facts={HOSTILE: HOSTILE})
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_the_best_model_is_described(written):
    page = written()
    assert "step 20, the best by validation loss" in page
    assert "0.2500" in page
    assert "0.37, chosen on the held-out images" in page
    assert "chosen on" not in written(record=record(threshold=None))


def test_curves_are_drawn_with_their_words(written):
    page = written()
    assert page.count("<svg") == page.count("</svg>") == 2
    for words in ("training", "validation", "mean IoU", "pixel accuracy"):
        assert f">{words}</text>" in page
    assert "<metadata" not in page


def test_a_page_without_validations_or_pictures_is_whole(written):
    page = written(history=[], pictures=[])
    assert "No validation yet" in page
    assert page.rstrip().endswith("</html>")
