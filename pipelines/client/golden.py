"""Replays the requests that an export keeps with its answers against any server."""

import base64
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import Server, only
from pipelines.export_layout import (
    GOLDEN,
    GOLDEN_FORMAT,
    published_versions,
    without_version,
)

# TensorFlow Serving's REST API takes no number of these types.
NOT_OVER_REST = ("uint16", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class GoldenReport:
    """What was replayed.

    Attributes:
        versions: that were answering, one for each server.
        answered: names of requests that were answered as they should be.
        left_out: names of requests that REST cannot carry.
    """

    versions: tuple[int, ...]
    answered: tuple[str, ...]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        """Returns the report in words."""
        numbers = ", ".join(map(str, sorted(set(self.versions))))
        by = f" by each of {len(self.versions)} servers" if self.versions[1:] else ""
        text = (
            f"{len(self.answered)} golden requests of version {numbers} are answered "
            f"as by the export{by}."
        )
        if self.left_out:
            names = ", ".join(self.left_out)
            text += f" Not sent, for REST does not carry their types: {names}."
        return text


def check_golden(
    servers: Sequence[Server], retries: int, saved_model: Path
) -> GoldenReport:
    """Sends golden requests to each server, and compares the answers.

    The requests are those of the version that answers there.

    Args:
        servers: at least one.
        retries: how many more times than once each is asked.
        saved_model: folder saved_models/NAME.

    Raises:
        ValueError: there is no golden file, the folder does not hold the version that
            answers, or an answer differs; names each.
    """
    reports = [_check(ServerPool([one], retries), saved_model) for one in servers]
    answered = dict.fromkeys(name for report in reports for name in report.answered)
    left_out = dict.fromkeys(name for report in reports for name in report.left_out)
    return GoldenReport(
        tuple(version for report in reports for version in report.versions),
        tuple(answered),
        tuple(name for name in left_out if name not in answered),
    )


def _check(pool: ServerPool, saved_model: Path) -> GoldenReport:
    """Checks one server."""
    pool.check()
    # A swap in the middle must not look like a difference.
    version = pool.answering_version()
    (server,) = pool.servers
    requests = _read(server, version, saved_model)
    pinned = pool.mapped(lambda server: server.pinned(version))
    answered, left_out, differences = _replay(pinned, requests)
    if differences:
        raise ValueError(
            f"{server.address.text}: {len(differences)} differences from version "
            f"{version} of {saved_model}: {'; '.join(differences)}. Serve that "
            "version, or export again."
        )
    return GoldenReport((version,), tuple(answered), tuple(left_out))


def _replay(
    pool: ServerPool, requests: list[dict[str, Any]]
) -> tuple[list[str], list[str], list[str]]:
    """Returns names of requests answered and left out, and differences in words."""
    (server,) = pool.servers
    answered, left_out, differences = [], [], []
    over_rest = not server.address.is_grpc
    for request in requests:
        name = request["name"]
        inputs = request["inputs"]
        if over_rest and any(
            tensor["dtype"] in NOT_OVER_REST for tensor in inputs.values()
        ):
            left_out.append(name)
            continue
        found = _differences(pool, request)
        differences += [f"{name}: {difference}" for difference in found]
        answered.append(name)
    return answered, left_out, differences


def _read(server: Server, version: int, saved_model: Path) -> list[dict[str, Any]]:
    versions = published_versions(saved_model)
    if not versions:
        raise ValueError(without_version(saved_model))
    if version not in versions:
        held = ", ".join(map(str, sorted(versions)))
        raise ValueError(
            f"{server.address.text}: version {version} answers, but {saved_model} "
            f"holds {held}. Name the folder that it was served from."
        )
    file = versions[version] / GOLDEN
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be read ({error}). Export the model again, which adds a "
            "version that has it."
        ) from error
    if document.get("format") != GOLDEN_FORMAT:
        raise ValueError(
            f"{file} has the format {document.get('format')!r}, expected "
            f"{GOLDEN_FORMAT}; it was written by another version of this package."
        )
    return list(document["requests"])


def _differences(pool: ServerPool, request: dict[str, Any]) -> list[str]:
    inputs = {name: decoded(tensor) for name, tensor in request["inputs"].items()}
    try:
        outputs = pool.predict(request["signature"], inputs)
    except ServerFailure as failure:
        if failure.kind not in (Kind.REFUSED, Kind.UNABLE):
            raise
        return [str(failure)]
    differences = []
    for name, tensor in request["outputs"].items():
        expected = decoded(tensor)
        found = only(outputs, name)
        difference = compare(found, expected, float(tensor.get("tolerance", 0)))
        if difference:
            differences.append(f"{name} {difference}")
    return differences


def decoded(tensor: dict[str, Any]) -> np.ndarray:
    """Returns a tensor of the golden file; strings as an object array of bytes."""
    data, shape = tensor["data"], tensor["shape"]
    if tensor["dtype"] == "string":
        values = [base64.b64decode(text, validate=True) for text in data]
        return np.array(values, object).reshape(shape)
    dtype = np.dtype(tensor["dtype"]).newbyteorder("<")
    array = np.frombuffer(base64.b64decode(data, validate=True), dtype)
    return array.reshape(shape).astype(dtype.newbyteorder("="))


def compare(
    found: np.ndarray | None, expected: np.ndarray, tolerance: float
) -> str | None:
    """Returns how an answer differs, or None.

    Args:
        found: as a server answered; None for no answer.
        expected: the golden one.
        tolerance: the largest difference of numbers, or of the pixels of PNG files,
            that is none.
    """
    if found is None:
        return "is missing"
    if found.shape != expected.shape:
        return f"has the shape {found.shape}, expected {expected.shape}"
    if expected.dtype == object:
        pairs = zip(found.flat, expected.flat, strict=True)
        found_differences = (
            (number, _difference_of_strings(*pair, tolerance))
            for number, pair in enumerate(pairs)
        )
        texts = [f"[{number}] {text}" for number, text in found_differences if text]
        return ", ".join(texts) or None
    return _difference_of_numbers(found, expected, tolerance)


def _difference_of_numbers(
    found: np.ndarray, expected: np.ndarray, tolerance: float
) -> str | None:
    gaps = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    # Written so that NaN counts as different.
    count = int(np.sum(~(gaps <= tolerance)))
    if not count:
        return None
    return (
        f"differs in {count} of {expected.size} values, by up to {gaps.max():.3g} "
        f"(allowed: {tolerance:.3g})"
    )


def _difference_of_strings(
    found: bytes, expected: bytes, tolerance: float
) -> str | None:
    """Of PNG files the pixels count: other compressors write other bytes."""
    if found == expected:
        return None
    try:
        one, two = imagecodecs.png_decode(found), imagecodecs.png_decode(expected)
    except (RuntimeError, ValueError, TypeError):
        return "differs"
    if one.dtype != two.dtype or one.shape != two.shape:
        return f"is a PNG of {one.dtype} {one.shape}, expected {two.dtype} {two.shape}"
    return _difference_of_numbers(one, two, tolerance)
