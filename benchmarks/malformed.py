"""Malformed requests: good ones, changed at random, over REST and gRPC."""

import contextlib
import functools
import gzip
import http.client
import json
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

# What clients get wrong, as JSON text that is put in the place of a part.
_TOKENS = (
    b"null true NaN -Infinity Infinity Inf nan 1e400 -1e39 1e-320 300 -1 0.5 "
    b"9223372036854775808 123456789012345678901234567890 {} [] [[]] [[[]]] "
    b'"" "a" "\\ud800" "\\u0000" {"b64":""} {"b64":1} {"b64":"*"} {"b64":"AA=="} '
    b'{"b64":"iVBORw0KGgo="} {"b64":"/9j/"} {"x":1} , : } ] { [ " \xff \xef\xbb\xbf'
).split()
_METHODS = ("POST",) * 12 + ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
_TAILS = (
    *(":predict",) * 12,
    *(
        "",
        ":classify",
        ":regress",
        ":nope",
        "/metadata",
        "/",
        "?a=1",
        "#a",
        ":predict/",
    ),
    *("/versions/1:predict", "/versions/9:predict", "/versions/abc:predict"),
    *("/versions/99999999999999999999:predict", "/versions/-1:predict"),
    *(
        "/labels/stable:predict",
        "/labels/:predict",
        "/labels/%00:predict",
        "%zz:predict",
    ),
    "/versions/1/labels/a:predict",
)
_DEPTH = 100_000
_LONG = 300_000
# Deeper than tensors, than Python's stack, and about where its parser gives up.
_DEPTHS = (6, 33, 900, 990, 1200)
# More than a body may become when it is unpacked.
_UNPACKED = 110 * 2**20


def rest_requests(
    good: Sequence[dict[str, Any]], model: str, generator: random.Random
) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Yields (method, path, body, headers) without end."""
    while True:
        document = generator.choice(good)
        if generator.random() < 0.5:
            document = _changed(document, generator)
        body = json.dumps(document).encode()
        for _ in range(generator.randrange(3)):
            body = _mutated(body, generator)
        headers = {}
        if generator.random() < 0.05:
            headers["Content-Encoding"] = "gzip"
            if generator.random() < 0.5:
                body = gzip.compress(body)[: generator.choice([None, 30])]
            elif generator.random() < 0.05:
                body = _gzip_bomb()
        elif generator.random() < 0.01:
            body = generator.choice(_json_bombs())
        method, tail = "POST", ":predict"
        if generator.random() < 0.2:
            method, tail = generator.choice(_METHODS), generator.choice(_TAILS)
        yield method, f"/v1/models/{model}{tail}", body, headers


def answered(
    connection: http.client.HTTPConnection, *request: Any
) -> tuple[int, bytes]:
    """Sends a request over REST; returns the status and the content.

    Servers end connections that nothing was sent over for a while, 5 seconds here, and
    a busy machine takes longer to make the next request. As any client, this one then
    sends it again over a new connection, which must answer.
    """
    is_kept = connection.sock is not None
    try:
        # The server may refuse, and close, before a slow client has sent all.
        with contextlib.suppress(BrokenPipeError):
            connection.request(*request)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        connection.close()
        if not is_kept:
            raise
    return answered(connection, *request)


def grpc_requests(good: Sequence[Any], generator: random.Random) -> Iterator[bytes]:
    """Yields bytes of changed `PredictRequest` messages without end."""
    while True:
        message = type(good[0])()
        message.CopyFrom(generator.choice(good))
        if generator.random() < 0.7:
            _change_message(message, generator)
        data = message.SerializeToString()
        # Most of those are no message any more, and end before the service.
        if generator.random() < 0.3:
            data = _mutated(data, generator)
        yield data


def image_bombs() -> list[bytes]:
    """Returns small files that promise huge images, or tell their size twice."""
    signature, end = b"\x89PNG\r\n\x1a\n", _chunk(b"IEND", b"")
    nothing = _chunk(b"IDAT", zlib.compress(b"\0"))
    grey, large, rgba = (
        _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0))
        for side, bits, colour in ((2**31, 8, 0), (23_000, 8, 0), (15_000, 16, 6))
    )
    other = _chunk(b"teSt", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    frame = struct.pack(">HBHHB", 11, 8, 65_000, 64_000, 1) + b"\1\x11\0"
    return [
        signature + grey + nothing + end,
        signature + other + large + nothing + end,
        signature + rgba + nothing + end,
        b"\xff\xd8\xff\xc0" + frame + b"\xff\xd9",
    ]


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


@functools.cache
def _json_bombs() -> list[bytes]:
    nested = [b"[" * depth + b"1" + b"]" * depth for depth in _DEPTHS]
    return [
        *(b'{"instances": ' + lists + b"}" for lists in nested),
        b'{"a": Inf, "' + b'\\"' * _DEPTH,
    ]


@functools.cache
def _gzip_bomb() -> bytes:
    return gzip.compress(b" " * _UNPACKED)


def _mutated(data: bytes, generator: random.Random) -> bytes:
    """One change of bytes."""
    place = generator.randrange(len(data) + 1)
    end = min(len(data), place + generator.choice([1, 2, 8, 64]))
    kind = generator.randrange(8)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + data[end:]
    if kind == 2:
        return data[:end] + data[place:]
    if kind == 3:
        return data[:place] + generator.randbytes(end - place) + data[end:]
    if kind == 4 and generator.random() < 0.02:
        return data[:place] + generator.choice([b"[", b'{"a":']) * _DEPTH + data[place:]
    if kind == 5 and generator.random() < 0.02:
        return (
            data[:place] + generator.choice([b"9", b" ", b"\0"]) * _LONG + data[place:]
        )
    return data[:place] + generator.choice(_TOKENS) + data[end:]


def _changed(value: Any, generator: random.Random) -> Any:
    """One change of the structure of JSON."""
    if generator.random() < 0.25:
        return generator.choice(
            [
                None,
                True,
                1,
                -1,
                0.5,
                "",
                "a",
                [],
                {},
                [[]],
                {"b64": "AAAA"},
                value,
                [value],
            ]
        )
    if isinstance(value, dict) and value:
        key = generator.choice(list(value))
        changed = dict(value)
        kind = generator.randrange(4)
        if kind == 0:
            del changed[key]
        elif kind == 1:
            changed[generator.choice(["nope", "inputs", "instances", "b64"])] = value[
                key
            ]
        else:
            changed[key] = _changed(value[key], generator)
        return changed
    if isinstance(value, list) and value:
        index = generator.randrange(len(value))
        kind = generator.randrange(4)
        if kind == 0:
            return value[:index] + value[index + 1 :]
        if kind == 1:
            return value + [value[index]]
        return [*value[:index], _changed(value[index], generator), *value[index + 1 :]]
    return generator.choice(["x", None, [value], 1e39, 2**70])


def _change_message(message: Any, generator: random.Random) -> None:
    names = list(message.inputs)
    name = generator.choice(names) if names else ""
    tensor = message.inputs[name]
    kind = generator.randrange(9)
    if kind == 0:
        tensor.dtype = generator.randrange(30)
    elif kind == 1:
        tensor.tensor_shape.dim.add(size=generator.choice([-1, 0, 1, 2, 10**6, 2**62]))
    elif kind == 2 and tensor.tensor_shape.dim:
        side = generator.choice(tensor.tensor_shape.dim)
        side.size = generator.choice([-(2**63), -1, 0, 1, 3, 10**5, 10**9, 2**63 - 1])
    elif kind == 3:
        tensor.tensor_shape.unknown_rank = True
    elif kind == 4:
        tensor.tensor_content = generator.randbytes(generator.randrange(40))
    elif kind == 5:
        message.inputs["nope"].CopyFrom(tensor)
    elif kind == 6:
        message.inputs.clear()
    elif kind == 7:
        message.model_spec.signature_name = generator.choice(
            ["nope", "", "region", "\0"]
        )
    else:
        message.output_filter.extend(generator.choices(["nope", "y", "mask"], k=2))
