import dataclasses
import pathlib

import numpy as np
import pytest

from pipelines.images import PixelSize
from pipelines.prediction.file_prediction import PreparedFile
from pipelines.prediction.prediction_files import OutputFile
from pipelines.results.layout import ImageLayout

LAYOUT = ImageLayout(4, 5, 1, np.dtype(np.uint8))
SIZED = dataclasses.replace(LAYOUT, pixel_size=PixelSize(0.5, 0.5, "µm"))


def prepared(name, layout, *, is_placed=False):
    file = OutputFile(pathlib.Path(name), (), chosen=False)
    return PreparedFile(file.path, file, "key", layout, (20,), is_placed)


@pytest.mark.parametrize(
    ("name", "layout", "loses"),
    [("a.png", LAYOUT, False), ("a.png", SIZED, True), ("a.tif", SIZED, False)],
)
def test_a_png_loses_the_pixel_size_of_an_image_that_has_one(name, layout, loses):
    assert prepared(name, layout).loses_size is loses


def test_a_place_that_is_not_written_is_lost_where_there_was_one():
    assert prepared("a.png", LAYOUT, is_placed=True).loses_place
    assert not prepared("a.png", LAYOUT).loses_place
