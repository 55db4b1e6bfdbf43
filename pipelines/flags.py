"""Command-line flags made from the settings classes, and settings made from flags."""

import argparse
import dataclasses
import math
import re
import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pipelines.config.fields import bounds_in_words


def add_flags(parser: argparse.ArgumentParser, config_class: type) -> None:
    """Adds a flag for each field of a settings class.

    `tile_size` becomes --tile-size; yes-or-no settings get a --no- form; settings
    without a default are required. Those that several verbs share stand together in
    the help, under the first line of their class.
    """
    hints = get_type_hints(config_class)
    # Required ones first: a class that inherits has them last.
    fields = sorted(dataclasses.fields(config_class), key=lambda f: not _required(f))
    groups: dict[type, Any] = {config_class: parser}
    for field in fields:
        owner = _owner(config_class, field.name)
        if _required(field):
            owner = config_class
        if owner not in groups:
            groups[owner] = parser.add_argument_group(_title(owner))
        flag = "--" + field.name.replace("_", "-")
        options = _options(field, hints[field.name])
        if field.metadata["positional"]:
            parser.add_argument(field.name, help=options["help"])
        else:
            groups[owner].add_argument(flag, dest=field.name, **options)


def to_config(arguments: argparse.Namespace, config_class: type) -> Any:
    """Returns the settings that parsed flags say.

    Raises:
        ValueError: a value is out of range.
    """
    names = [field.name for field in dataclasses.fields(config_class)]
    return config_class(**{name: getattr(arguments, name) for name in names})


def name_flags(message: str, config_class: type) -> str:
    """Returns a message with settings called by their flags: mask_kind, --mask-kind.

    Only names of several words, which stand for nothing else, and not within paths.
    """
    for field in dataclasses.fields(config_class):
        if "_" in field.name:
            name = rf"(?<![\w./\\'-]){field.name}(?![\w/\\'])(?!\.\w)"
            message = re.sub(name, "--" + field.name.replace("_", "-"), message)
    return message


def _owner(config_class: type, name: str) -> type:
    """Returns the class that declares a setting, or declares it anew."""
    return next(c for c in config_class.__mro__ if name in c.__annotations__)


def _title(owner: type) -> str:
    return str(owner.__doc__).splitlines()[0].rstrip(".")


def _options(field: dataclasses.Field, hint: Any) -> dict[str, Any]:
    required = _required(field)
    options: dict[str, Any] = {"help": field.metadata["help"], "required": required}
    notes = [bounds_in_words(field)] if field.metadata["most"] < math.inf else []
    if not required:
        options["default"] = field.default
        if field.default not in (None, (), "") and not isinstance(field.default, bool):
            notes.append(f"default {field.default}")
    if notes:
        options["help"] += f" ({'; '.join(notes)})"
    if get_origin(hint) in (types.UnionType,):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if hint is bool:
        on = " (default on)" if field.default is True else ""
        options["help"] += on
        return options | {"action": argparse.BooleanOptionalAction}
    if get_origin(hint) is Literal:
        return options | {"choices": get_args(hint)}
    if get_origin(hint) is tuple:
        return options | {"type": _comma_separated, "metavar": "A,B,..."}
    by_type = {int: "N", float: "X", str: "TEXT"}[hint]
    return options | {"type": hint, "metavar": field.metadata["metavar"] or by_type}


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING


def _comma_separated(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise argparse.ArgumentTypeError(f"expected A,B,..., got {text!r}")
    return parts
