"""Reads JSON as TensorFlow Serving does, and quotes it in messages as it does.

Its parser takes what Python's refuses (anything after the first value, a byte order
mark, the token Inf) and refuses what Python's takes (1e400); of two equal keys it
takes the first. Error texts and byte offsets are its own, as far as Python's parser
tells them.
"""

import json
import math
import os
import re
from collections.abc import Iterator
from typing import Any

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_numbers import decimal_texts

_LONGEST_QUOTE = 256
_INDENT = "    "
_REASONS = {
    "Expecting value": "Invalid value.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}
# One that never ends is taken to the end of the text, once: to look for others from
# each of its escaped quotes would take the square of its length.
_STRING = r'"(?:[^"\\]|\\.)*+"?'
# Escapes one after the other; halves of a character that lack the other half.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|u(?P<half>[dD][89a-fA-F]\w\w)|.)",
    re.DOTALL,
)


def parse_document(body: bytes) -> dict[str, Any]:
    """Returns the JSON object with which `body` begins.

    Raises:
        ServingError: there is none; the message tells what and where.
    """
    if not body:
        raise ServingError("JSON Parse error: The document is empty")
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    document = _parse(text, start)
    if not isinstance(document, dict):
        raise ServingError(f"JSON Value: {quoted(document)} Is not object")
    return document


def _parse(text: str, start: int) -> Any:
    if start == len(text):
        raise _parse_error("The document is empty.", text, start)

    def finite(token: str) -> float:
        number = float(token)
        if math.isinf(number):
            position = text.find(token, start)
            reason = "Number too big to be stored in double."
            raise _parse_error(reason, text, position)
        return number

    decoder = json.JSONDecoder(object_pairs_hook=_first_wins, parse_float=finite)
    try:
        value, end = decoder.raw_decode(text, start)
        for escape in _ESCAPE.finditer(text, start, end):
            if escape["half"]:
                reason = "The surrogate pair in string is invalid."
                raise _parse_error(reason, text, escape.start())
        return value
    except json.JSONDecodeError as error:
        if re.match("-?Inf", text[error.pos : error.pos + 4]):
            # Python knows the token Infinity only.
            with_infinity = _infinity_spelt_out(text)
            if with_infinity != text:
                return _parse(with_infinity, start)
        raise _translated(error, text) from None
    except RecursionError:
        raise ServingError("JSON Parse error: lists are nested too deeply") from None
    except ValueError:
        # Python's limit of 4300 digits for a whole number.
        reason = "Number too big to be stored in double."
        raise _parse_error(reason, text, start) from None


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.setdefault(key, value)
    return result


def _infinity_spelt_out(text: str) -> str:
    # Strings are matched first and kept, so that only tokens are changed.
    return re.sub(
        rf"{_STRING}|\bInf\b",
        lambda match: "Infinity" if match[0] == "Inf" else match[0],
        text,
    )


def _translated(error: json.JSONDecodeError, text: str) -> ServingError:
    position = error.pos
    if error.msg.startswith("Expecting ','"):
        closing = (
            "} after an object member"
            if _in_object(text[:position])
            else ("] after an array element")
        )
        return _parse_error(f"Missing a comma or {closing}.", text, position)
    for beginning, reason in _REASONS.items():
        if error.msg.startswith(beginning):
            if reason == "Invalid value.":
                position += _matched_of_literal(text[position : position + 5])
            elif beginning == "Unterminated string":
                position = len(text)
            return _parse_error(reason, text, position)
    return _parse_error("Invalid value.", text, position)


def _matched_of_literal(text: str) -> int:
    """How much of null, true or false is read before the error is seen."""
    literals = ("null", "true", "false")
    return max(len(os.path.commonprefix([literal, text])) for literal in literals)


def _in_object(text: str) -> bool:
    """Whether the innermost bracket that is open at the end of `text` is a brace."""
    open_brackets = []
    for bracket in re.findall(rf"{_STRING}|[\[\]{{}}]", text):
        if bracket in "[{":
            open_brackets.append(bracket)
        elif bracket in "]}":
            open_brackets.pop()
    return open_brackets[-1:] == ["{"]


def _parse_error(reason: str, text: str, position: int) -> ServingError:
    offset = len(text[:position].encode("utf-8", "surrogateescape"))
    return ServingError(f"JSON Parse error: {reason} at offset: {offset}")


def quoted(value: Any) -> str:
    """Returns a JSON value for an error message, cut to 256 characters."""
    text = ""
    # Piece by piece: the value may be a whole image.
    for piece in _pieces(value, 0):
        text += piece
        if len(text) >= _LONGEST_QUOTE:
            break
    return text[:_LONGEST_QUOTE]


def _pieces(value: Any, level: int) -> Iterator[str]:
    if isinstance(value, float):
        yield decimal_texts([value], "double")[0]
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield ", " if index else "["
            yield from _pieces(child, level + 1)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for index, (key, child) in enumerate(value.items()):
            yield (",\n" if index else "{\n") + (level + 1) * _INDENT
            yield from _pieces(key, level)
            yield ": "
            yield from _pieces(child, level + 1)
        yield "\n" + level * _INDENT + "}" if value else "{}"
    elif isinstance(value, str):
        yield json.dumps(value[:_LONGEST_QUOTE], ensure_ascii=False)
    else:
        yield json.dumps(value)
