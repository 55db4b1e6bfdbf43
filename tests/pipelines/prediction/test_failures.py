import pathlib

import pytest

from pipelines.images import ImageEntry
from pipelines.prediction import failures
from pipelines.prediction.prediction_files import OutputFile


@pytest.fixture
def file():
    entry = ImageEntry(pathlib.Path("in/a.tif"))
    return OutputFile(pathlib.Path("out/a.tif"), (entry,), chosen=False)


def test_what_is_done_goes_with_the_error():
    error = failures.PredictionError("words", [pathlib.Path("out/b.png")])
    assert isinstance(error, ValueError)
    assert (str(error), error.done) == ("words", [pathlib.Path("out/b.png")])


def test_every_failure_names_its_file_and_the_way_out(file):
    said = {
        failures.sentence(file, error)
        for error in (
            MemoryError(),
            OSError(28, "No space left"),
            OSError(13, "Permission denied"),
            ValueError("words of it"),
        )
    }
    assert said == {
        "in/a.tif: the machine has no memory left for it. Set a smaller memory.",
        "out/a.tif: cannot be written (No space left). Make room, and run again with "
        "resume.",
        "out/a.tif: cannot be written (Permission denied). Name another folder, and "
        "run again with resume.",
        "in/a.tif: words of it",
    }


def test_of_many_failures_the_first_are_repeated():
    assert failures.summary(["one."], 1) == "one."
    text = failures.summary([f"{number}." for number in range(25)], 30)
    assert text.startswith("25 of 30 files failed, the others are done: 0. 1. ")
    assert text.endswith("19. And 5 more; they are named above.")


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
