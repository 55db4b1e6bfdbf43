import base64
import io
import re

import numpy as np
import PIL.Image

from pipelines.report import figures
from pipelines.validation import Picture


def picture(side, **changes):
    y_true = np.eye(side, dtype=np.uint8)
    image = np.zeros((side, side, 1), np.uint8)
    return Picture("a <b>", image, y_true, y_true, **changes)


def panels(html):
    """Decodes the pictures in a figure."""
    found = re.findall(r"src='data:image/(?:png|jpeg);base64,([^']+)'", html)
    return [PIL.Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_a_figure_has_image_truth_prediction_and_difference():
    html = figures.figure(picture(6, note="worst"), 2)
    assert [panel.size for panel in panels(html)] == [(6, 6)] * 4
    assert "<b>a &lt;b&gt;</b>: worst" in html
    truth = np.asarray(panels(html)[1])[..., 0]
    np.testing.assert_array_equal(truth, np.eye(6) * 255)


def test_large_pictures_are_shrunk():
    html = figures.figure(picture(1600), 2)
    assert max(max(panel.size) for panel in panels(html)) <= figures.MOST_PIXELS


def test_the_legend_says_what_colours_mean():
    assert "false positive" in figures.legend(2)
    assert "wrong class" in figures.legend(3)
