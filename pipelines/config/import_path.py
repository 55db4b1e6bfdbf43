"""Objects named on the command line by their import path."""

import ast
import importlib
import os
import sys
from typing import Any

FORM = "MODULE:NAME[:key=value,...]"


def parse(path: str) -> tuple[Any, dict[str, Any]]:
    """Returns the object that a path names, and its arguments.

    Args:
        path: for example "keras.optimizers:SGD:momentum=0.9,nesterov=True". Values
            are Python literals; anything else is text. Modules in the working folder
            are found too.

    Raises:
        ValueError: the path is not of the form or names nothing, or its module
            fails.
    """
    module_name, _, rest = path.partition(":")
    name, _, arguments = rest.partition(":")
    if not module_name or not name:
        raise ValueError(f"Expected an import path {FORM}, got {path!r}.")
    module = _import(module_name, path)
    if not hasattr(module, name):
        raise ValueError(f"{path!r}: the module {module_name} has no {name}.")
    return getattr(module, name), dict(_argument(a, path) for a in _split(arguments))


def _import(module_name: str, path: str) -> Any:
    if os.getcwd() not in sys.path:
        # A user's own module beside the data; a console command does not look there.
        # Last, so that no file of the folder stands in for an installed package.
        sys.path.append(os.getcwd())
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    # Importing runs the module, and it may fail in any way.
    except Exception as error:
        raise ValueError(
            f"{path!r}: the module {module_name} cannot be imported ({error}). Install "
            "its package into this environment, or correct the name or the module."
        ) from error


def _split(arguments: str) -> list[str]:
    """Splits at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(arguments):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(arguments[start:place])
            start = place + 1
    return [part for part in [*parts, arguments[start:]] if part.strip()]


def _argument(text: str, path: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip().isidentifier():
        raise ValueError(f"{path!r}: expected key=value, got {text!r}; form: {FORM}.")
    try:
        return key.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return key.strip(), value.strip()
