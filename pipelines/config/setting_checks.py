"""Settings that check themselves; messages name setting, bounds and value."""

import dataclasses
import math
import numbers
import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pipelines.config.fields import NAMES_OF_FILES, bounds_in_words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that are checked when they are made: each by its declaration."""

    def __post_init__(self) -> None:
        """Raises ValueError for a value that its setting cannot have.

        None passes where the type takes it. Paths become text and numbers of NumPy
        those of Python, which JSON can hold.
        """
        hints = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value, hint = getattr(self, field.name), hints[field.name]
            if value is None and type(None) in get_args(hint):
                continue
            if get_origin(hint) is Literal:
                _check_choice(field.name, value, get_args(hint))
            elif bool in (hint, *get_args(hint)):
                overwrite(self, field.name, _switch(field.name, value))
            elif field.metadata["least"] is not None:
                overwrite(self, field.name, _number(field, value, hint))
            elif field.metadata["metavar"] in NAMES_OF_FILES:
                check_named(self, field.name)


def overwrite(config: Any, name: str, value: Any) -> None:
    """Sets a setting while it is checked: for everybody else the classes are frozen."""
    object.__setattr__(config, name, value)


def check_named(config: Any, name: str) -> None:
    """Raises ValueError unless the setting names a file; turns a path into text."""
    value = getattr(config, name)
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        several = isinstance(value, list | tuple)
        way_out = " Several files are a glob: 'folder/*.tif'." if several else ""
        raise ValueError(
            f"{name} must name a file or folder, got {reprlib.repr(value)}.{way_out}"
        )
    overwrite(config, name, os.fspath(value))


def check_tuple(config: Any, name: str, what: str) -> None:
    """Raises ValueError unless the setting is a sequence; makes it a tuple.

    Text would be taken letter by letter, and of a dictionary the keys alone.
    """
    values = getattr(config, name)
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        way_out = f"; write ({values!r},)" if isinstance(values, str) else ""
        raise ValueError(f"{name} must be a tuple of {what}, got {values!r}{way_out}.")
    # JSON has lists, which cannot be hashed.
    overwrite(config, name, tuple(values))


def check_texts(config: Any, name: str, what: str, form: str | None = None) -> None:
    """Raises ValueError unless the setting is texts of some form; makes it a tuple.

    Args:
        config: the settings.
        name: of the setting.
        what: the texts are, for the message.
        form: regular expression of a whole text; None for any.
    """
    check_tuple(config, name, what)
    for value in getattr(config, name):
        if not isinstance(value, str) or (form and not re.fullmatch(form, value)):
            raise ValueError(f"{name} must be {what}, got {value!r}.")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def _switch(name: str, value: Any) -> bool:
    """Returns a truth value of Python; text is none: "no" would count as yes."""
    if value not in (True, False):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def _number(field: dataclasses.Field, value: Any, hint: Any) -> int | float:
    """Returns a number of Python; raises ValueError unless it is within its bounds.

    A setting that is a whole number by its type must be one.
    """
    whole = float not in (hint, *get_args(hint))
    right_type = isinstance(value, numbers.Integral if whole else numbers.Real)
    least, most = field.metadata["least"], field.metadata["most"]
    in_range = right_type and math.isfinite(value) and least <= value <= most
    if isinstance(value, bool) or not in_range:
        kind = "a whole number" if whole else "a number"
        raise ValueError(
            f"{field.name} must be {kind}, {bounds_in_words(field)}, got {value!r}."
        )
    return int(value) if isinstance(value, numbers.Integral) else float(value)
