import dataclasses
import json
import math
import pathlib
from typing import Literal

import numpy as np
import pytest

from pipelines.config import FitConfig, setting
from pipelines.config.fields import FILE
from pipelines.config.setting_checks import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Some(Settings):
    share: float = setting(1.0, "of all", least=0, most=1)
    length: float = setting(1.0, "of it", least=0)
    count: int = setting(1, "of them", least=0)
    maybe: float | None = setting(None, "if at all", least=5)
    file: str = setting("a", "must be named", FILE)
    other: str | None = setting(None, "may be named", FILE)
    choice: Literal["red", "blue"] = setting("red", "of which")
    switch: bool = setting(True, "whether")
    maybe_switch: bool | None = setting(None, "whether, if at all")


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_numbers_within_their_bounds_pass(value):
    assert Some(share=value).share == value


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "1", True, [1], None])
def test_other_values_are_named_with_the_bounds(value):
    with pytest.raises(ValueError, match="share must be a number, 0 to 1") as error:
        Some(share=value)
    assert str(error.value).endswith(f"got {value!r}.")


def test_without_an_upper_bound_infinity_is_still_refused():
    with pytest.raises(ValueError, match="length .* at least 0, got inf"):
        Some(length=math.inf)


@pytest.mark.parametrize("value", [2.0, 2.5])
def test_a_setting_of_whole_numbers_takes_no_fraction(value):
    with pytest.raises(ValueError, match=f"count must be a whole number.*{value}"):
        Some(count=value)


def test_none_passes_where_the_type_takes_it():
    assert Some().maybe is None
    with pytest.raises(ValueError, match="maybe must be a number, at least 5, got 4"):
        Some(maybe=4)


@pytest.mark.parametrize("value", ["", None, 3, b""])
def test_what_names_no_file_is_refused(value):
    with pytest.raises(ValueError, match="file must name a file or folder") as error:
        Some(file=value)
    assert str(error.value).endswith(f"got {value!r}.")


def test_a_path_becomes_text():
    assert Some(file=pathlib.Path("a/b")).file == str(pathlib.Path("a/b"))


def test_a_file_that_need_not_be_given_may_be_none():
    assert Some().other is None
    with pytest.raises(ValueError, match="other must name"):
        Some(other="")


def test_another_choice_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="choice must be one of red, blue, got 'pink'"):
        Some(choice="pink")


@pytest.mark.parametrize("value", ["no", "False", "", 2, []])
def test_a_switch_is_no_text_whose_truth_would_be_another(value):
    with pytest.raises(ValueError, match="switch must be True or False, got") as error:
        Some(switch=value)
    assert str(error.value).endswith(f"got {value!r}.")


def test_switches_of_numpy_become_those_of_python():
    settings = Some(switch=np.bool_(False), maybe_switch=np.bool_(True))
    assert settings.switch is False and settings.maybe_switch is True


@pytest.mark.parametrize("name", ["resume", "batch_norm", "separate_objects"])
def test_switches_of_fit_are_looked_at_where_they_are_inherited_too(name):
    with pytest.raises(ValueError, match=f"{name} must be True or False"):
        fit_settings(**{name: "no"})


def test_of_a_dictionary_not_only_the_keys_are_taken():
    with pytest.raises(ValueError, match=r"got \{1: 1, 2: 5\}\.$"):
        fit_settings(class_weights={1: 1, 2: 5})
    weights = np.array([1, 2.5], np.float32)
    assert fit_settings(class_weights=weights).class_weights == ("1.0", "2.5")


def test_a_list_of_texts_becomes_a_tuple():
    assert fit_settings(validation_stems=["1", "2"]).validation_stems == ("1", "2")
    hash(fit_settings(class_weights=["1", "2"]))
    with pytest.raises(ValueError, match="validation_stems must be a tuple"):
        fit_settings(validation_stems=None)


def fit_settings(**changes):
    return FitConfig(images="i", masks="m", run_dir="r", **changes)


def test_numbers_of_numpy_become_those_of_python():
    settings = Some(count=np.int64(3), share=np.float32(0.5))
    assert json.dumps([settings.count, settings.share]) == "[3, 0.5]"
