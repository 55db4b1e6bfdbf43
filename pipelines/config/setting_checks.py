"""Checks of one setting of a settings class; messages name it, bounds and value."""

import math
import numbers
import os
import re
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints


def check_choice(config: Any, name: str, choices: Any) -> None:
    """Raises ValueError unless the setting is one of a `Literal`."""
    value = getattr(config, name)
    if value not in get_args(choices):
        raise ValueError(
            f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}."
        )


def check_range(config: Any, name: str, least: float, most: float = math.inf) -> None:
    """Raises ValueError unless the setting is None or a number in [least, most].

    A setting that is a whole number by its type must be one. Numbers of NumPy become
    Python's, which JSON can hold.
    """
    value = getattr(config, name)
    if value is None:
        return
    hint = get_type_hints(type(config))[name]
    whole = float not in (hint, *get_args(hint))
    right_type = isinstance(value, numbers.Integral if whole else numbers.Real)
    in_range = right_type and math.isfinite(value) and least <= value <= most
    if isinstance(value, bool) or not in_range:
        kind = "a whole number" if whole else "a number"
        bounds = f"at least {least}" if most == math.inf else f"{least} to {most}"
        raise ValueError(f"{name} must be {kind}, {bounds}, got {value!r}.")
    python = int if isinstance(value, numbers.Integral) else float
    # The dataclasses are frozen for everybody else.
    object.__setattr__(config, name, python(value))


def check_named(config: Any, *names: str) -> None:
    """Raises ValueError unless settings name files; turns paths into text."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, str | os.PathLike) or not os.fspath(value):
            raise ValueError(f"{name} must name a file or folder, got {value!r}.")
        # Text goes into config.json; the dataclasses are frozen for everybody else.
        object.__setattr__(config, name, os.fspath(value))


def check_named_if_given(config: Any, *names: str) -> None:
    """As `check_named`, but None passes."""
    check_named(config, *(name for name in names if getattr(config, name) is not None))


def check_texts(config: Any, name: str, what: str, form: str | None = None) -> None:
    """Raises ValueError unless the setting is texts of some form; makes it a tuple.

    Args:
        config: the settings.
        name: of the setting.
        what: the texts are, for the message.
        form: regular expression of a whole text; None for any.
    """
    values = getattr(config, name)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(
            f"{name} must be a tuple of {what}, got {values!r}; write ({values!r},)."
        )
    values = tuple(values)
    # JSON has lists, which cannot be hashed; the dataclasses are frozen for others.
    object.__setattr__(config, name, values)
    for value in values:
        if not isinstance(value, str) or (form and not re.fullmatch(form, value)):
            expected = f" of the form {form}" if form else ""
            raise ValueError(f"{name} must be {what}{expected}, got {value!r}.")
