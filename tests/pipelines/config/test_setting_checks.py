import dataclasses
import json
import math
import pathlib
from typing import Literal

import numpy as np
import pytest

from pipelines.config import FitConfig, setting_checks


@dataclasses.dataclass(frozen=True)
class Settings:
    number: float = 1.0
    count: int = 1
    maybe: float | None = None
    file: object = "a"
    choice: str = "red"


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_numbers_within_their_bounds_pass(value):
    setting_checks.check_range(Settings(number=value), "number", 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "1", True, [1]])
def test_other_values_are_named_with_the_bounds(value):
    with pytest.raises(ValueError, match="number must be a number, 0 to 1") as error:
        setting_checks.check_range(Settings(number=value), "number", 0, 1)
    assert str(error.value).endswith(f"got {value!r}.")


def test_without_an_upper_bound_infinity_is_still_refused():
    with pytest.raises(ValueError, match="at least 0, got inf"):
        setting_checks.check_range(Settings(number=math.inf), "number", 0)


@pytest.mark.parametrize("value", [2.0, 2.5])
def test_a_setting_of_whole_numbers_takes_no_fraction(value):
    with pytest.raises(ValueError, match=f"count must be a whole number.*{value}"):
        setting_checks.check_range(Settings(count=value), "count", 0)


def test_none_passes():
    setting_checks.check_range(Settings(), "maybe", 5)


@pytest.mark.parametrize("value", ["", None, 3, b""])
def test_what_names_no_file_is_refused(value):
    with pytest.raises(ValueError, match="file must name a file or folder") as error:
        setting_checks.check_named(Settings(file=value), "file")
    assert str(error.value).endswith(f"got {value!r}.")


def test_a_path_becomes_text():
    settings = Settings(file=pathlib.Path("a/b"))
    setting_checks.check_named(settings, "file")
    assert settings.file == str(pathlib.Path("a/b"))


def test_a_file_that_need_not_be_given_may_be_none():
    setting_checks.check_named_if_given(Settings(file=None), "file")
    with pytest.raises(ValueError, match="file must name"):
        setting_checks.check_named_if_given(Settings(file=""), "file")


def test_another_choice_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="choice must be one of red, blue, got 'pink'"):
        setting_checks.check_choice(
            Settings(choice="pink"), "choice", Literal["red", "blue"]
        )


def test_a_list_of_texts_becomes_a_tuple():
    assert fit_settings(validation_stems=["1", "2"]).validation_stems == ("1", "2")
    hash(fit_settings(class_weights=["1", "2"]))
    with pytest.raises(ValueError, match="validation_stems must be a tuple"):
        fit_settings(validation_stems=None)


def fit_settings(**changes):
    return FitConfig(images="i", masks="m", run_dir="r", **changes)


def test_numbers_of_numpy_become_those_of_python():
    settings = Settings(count=np.int64(3), number=np.float32(0.5))
    for name in ("count", "number"):
        setting_checks.check_range(settings, name, 0)
    assert json.dumps([settings.count, settings.number]) == "[3, 0.5]"
