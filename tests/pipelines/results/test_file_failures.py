import pathlib

import pytest

from pipelines.results.file_failures import FilesError, sentence, summary

SOURCE, TARGET = pathlib.Path("in/a.tif"), pathlib.Path("out/a.tif")


def test_what_is_done_goes_with_the_error():
    error = FilesError("words", [pathlib.Path("out/b.png")])
    assert isinstance(error, ValueError)
    assert (str(error), error.done) == ("words", [pathlib.Path("out/b.png")])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left"),
            "out/a.tif: cannot be written (No space left). Make room, and run again "
            "with resume.",
        ),
        (
            OSError(13, "Permission denied"),
            "out/a.tif: cannot be written (Permission denied). Run again with resume "
            "once it can be, or name another folder.",
        ),
        (ValueError("words of it"), "in/a.tif: words of it"),
        (ValueError("in/a.tif page 2: words"), "in/a.tif page 2: words"),
    ],
)
def test_every_failure_names_its_file_and_the_way_out(error, said):
    assert sentence(SOURCE, TARGET, error) == said


def test_a_name_that_is_no_text_is_told_in_letters():
    said = sentence(pathlib.Path("in/\udcff.png"), TARGET, ValueError("words"))
    assert said.encode() and said.endswith(".png: words")


def test_where_all_failed_no_others_are_done():
    assert summary(["one.", "two."], 2) == "all 2 files failed: one. two."


def test_of_many_failures_the_first_are_repeated():
    assert summary(["one."], 1) == "one."
    text = summary([f"{number}." for number in range(25)], 30)
    assert text.startswith("25 of 30 files failed, the others are done: 0. 1. ")
    assert text.endswith("19. And 5 more; they are named above.")
