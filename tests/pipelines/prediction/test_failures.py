import pathlib

import pytest
import tensorflow as tf

from pipelines.dataset.no_data import NoData
from pipelines.images import ImageEntry
from pipelines.prediction import failures
from pipelines.prediction.prediction_files import OutputFile


@pytest.fixture
def file():
    entry = ImageEntry(pathlib.Path("in/a.tif"))
    return OutputFile(pathlib.Path("out/a.tif"), (entry,), chosen=False)


def test_memory_that_is_not_there_is_told_with_the_setting(file):
    error = failures.prediction_sentence(file, MemoryError())
    full = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    assert error == failures.prediction_sentence(file, full)
    assert error == (
        "in/a.tif: the machine has no memory left for it. Set a smaller memory."
    )


def test_other_failures_are_those_of_files(file):
    said = failures.prediction_sentence(file, ValueError("words of it"))
    assert said == "in/a.tif: words of it"


@pytest.mark.parametrize(
    ("name", "available", "way_out"),
    [
        ("out/a.zarr", True, "Set format tiff"),
        ("out/a.tif", False, "pip inst"),
        ("out/a.tif", True, "of single images with a reference system"),
    ],
)
def test_results_without_their_place_are_told_once(
    file, caplog, monkeypatch, name, available, way_out
):
    monkeypatch.setattr(failures.geo, "is_available", lambda: available)
    lost = OutputFile(pathlib.Path(name), file.entries, chosen=True)
    failures.warn_of_unplaced([lost, lost])
    failures.warn_of_unplaced([])
    (message,) = caplog.messages
    assert message.startswith(f"{name}: the georeference of its image is not kept (2 ")
    assert way_out in message


def test_lost_digits_are_told_once(caplog):
    failures.warn_of_lost_digits([])
    failures.warn_of_lost_digits([f"a.tif page {page}: words." for page in range(3)])
    assert caplog.messages == ["a.tif page 0: words. (3 such images)"]


@pytest.mark.parametrize(
    ("value", "kind"), [(-9999, "NoData (-9999)"), (None, "transparent (alpha 0)")]
)
def test_pixels_of_which_nothing_is_known_are_told_once(caplog, value, kind):
    failures.warn_of_no_data([])
    failures.warn_of_no_data([NoData("a.tif", 0.5, value), NoData("b.tif", 0.1, 0)])
    (message,) = caplog.messages
    assert message.startswith(f"a.tif: 50 % of its pixels are {kind}, and count in its")
    assert "(2 such images)" in message


def test_images_that_viewers_turn_are_told_once(caplog):
    upright = {pathlib.Path("in/a.jpg"): 1}
    failures.warn_of_orientation(upright)
    assert caplog.messages == []
    turned = {pathlib.Path("in/c.jpg"): 6, pathlib.Path("in/d.tif"): 3}
    failures.warn_of_orientation(upright | turned)
    (message,) = caplog.messages
    assert message.startswith("in/c.jpg: is to be shown turned")
    assert "(EXIF orientation 6)" in message and "(2 such images)" in message
