import html.parser
import re
import shutil
import subprocess

import numpy as np
import pytest

from pipelines import scores
from pipelines.config.choice import Choice
from pipelines.report import write_report
from pipelines.run_folder import RunRecord
from pipelines.scores.evaluation_result import COLUMNS, Evaluation
from pipelines.scores.image_scores import ImageScore
from pipelines.validation import Picture, Validation

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


def test_what_was_decided_is_shown_in_short(written):
    values = {"rare_share": 1 / 3, "dropout": 0, "class_weights": ()}
    choices = tuple(Choice(name, value, "why") for name, value in values.items())
    page = written(record=record(choices=choices))
    for text in ("0.333: why", "0: why", "none: why"):
        assert f">{text}<" in page


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


# Scores and curves of a set.


def validation(num_classes=2, threshold=0.37):
    random = np.random.default_rng(0)
    y_true = random.integers(0, 2, (20, 20)).astype(np.uint8)
    probability = np.clip(0.6 * y_true + 0.4 * random.random((20, 20)), 0, 1)
    thresholds = scores.ThresholdCounts()
    thresholds.add(y_true, probability.astype(np.float32))
    reliability = scores.ReliabilityCounts()
    reliability.add(probability, y_true == 1)
    return Validation(
        loss=0.5,
        threshold=threshold if num_classes == 2 else None,
        confusion=np.full((num_classes, num_classes), 5, np.int64),
        pictures=[],
        images=[ImageScore(HOSTILE, 0.25, 0.4, 0.5), ImageScore("b", 0.75, 0.8, 0.1)],
        thresholds=thresholds if num_classes == 2 else None,
        reliability=reliability,
    )


def evaluation(**changes):
    row = dict.fromkeys(COLUMNS, 0.5)
    fields = {
        "classes": [row | {"name": "background"}, row | {"name": HOSTILE}],
        "mean_iou": 0.6789,
        "pixel_error": 0.1,
        "threshold": 0.37,
        "images": 2,
        "v_rand": 0.9123,
        "hausdorff_unit": "µm",
        "warnings": [f"Trained on {HOSTILE}."],
    }
    return Evaluation(**fields | changes)


def test_the_page_of_a_run_has_scores_by_image_and_curves(written):
    page = written(validation=validation())
    assert page.count("<svg") == 4
    for heading in ("Scores by class", "Scores by image", "Probabilities", "Training"):
        assert f"<h2>{heading}</h2>" in page
    assert "threshold 0.37</text>" in page
    assert "Confusion matrix" in page
    assert "Hausdorff" not in page and "<script" not in page


def test_the_page_of_an_evaluation_has_its_scores_and_warnings(written):
    page = written(validation=validation(), evaluation=evaluation())
    assert "<b>0.6789</b>mean IoU" in page and "<b>0.9123</b>V_rand" in page
    assert "Hausdorff 95 % (µm)" in page
    assert "<p class='warning'>Trained on &lt;script&gt;" in page
    assert "<script" not in page


def test_from_three_classes_on_there_is_no_curve_by_threshold(written):
    three = record(classes=["class 0", "class 1", "class 2"], threshold=None)
    page = written(record=three, validation=validation(3))
    assert page.count("<svg") == 3
    assert "probability of the class that is predicted" in page
    assert "threshold" not in page.split("<h2>Probabilities")[1].lower()


def test_a_set_without_scored_pixels_has_no_curves(written):
    empty = Validation(
        loss=float("nan"),
        threshold=0.5,
        confusion=np.zeros((2, 2), np.int64),
        pictures=[],
        images=[ImageScore("a", float("nan"), float("nan"), float("nan"))],
        thresholds=scores.ThresholdCounts(),
        reliability=scores.ReliabilityCounts(),
    )
    assert "Probabilities" not in written(validation=empty)


# In a browser.

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Without the last ones a browser asks servers of its maker for news.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    "--hide-scrollbars",
    *("--enable-logging=stderr", "--allow-file-access-from-files", "--dump-dom"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic"),
)
# Says how wide the page is on a screen of 390 pixels, as phones have.
PHONE = """<!doctype html><link rel="icon" href="data:,"><body>
<iframe src="report.html" style="width: 390px; height: 800px; border: 0"
 onload="document.title = 'width ' +
 this.contentDocument.documentElement.scrollWidth"></iframe></body>"""


@pytest.fixture
def browse(tmp_path):
    """Opens a page; returns what it became, and the messages of its console."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)}")

    def browse(page):
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run(
            [found[0], *FLAGS, profile, page.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout, re.findall(r":CONSOLE.*", done.stderr)

    return browse


def test_a_browser_shows_the_page_without_complaint(written, browse, tmp_path):
    written(
        pictures=[one_picture(), one_picture("cell_2")],
        validation=validation(),
        evaluation=evaluation(),
    )
    (tmp_path / "phone.html").write_text(PHONE)
    page, messages = browse(tmp_path / "phone.html")
    assert messages == []
    # Nothing sticks out of the screen of a phone.
    assert "<title>width 390</title>" in page


def test_a_complaint_would_be_seen(browse, tmp_path):
    wrong = "<!doctype html><link rel='icon' href='data:,'><script>missing()</script>"
    (tmp_path / "wrong.html").write_text(wrong)
    _, messages = browse(tmp_path / "wrong.html")
    assert "missing is not defined" in messages[0]
