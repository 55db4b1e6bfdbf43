"""Replays the requests that an export keeps with its answers against any server."""

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from pipelines.client.about import string_array
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import only
from pipelines.dev_server.versions import published_versions

FILE = Path("assets.extra") / "golden.json"
FORMAT = 1
# TensorFlow Serving's REST API takes no number of these types.
NOT_OVER_REST = ("uint16", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class GoldenReport:
    """What was replayed.

    Attributes:
        version: of the export whose requests they are.
        answered: names of requests that were answered as they should be.
        left_out: names of requests that REST cannot carry.
    """

    version: int
    answered: tuple[str, ...]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        """Returns the report in words."""
        text = (
            f"{len(self.answered)} golden requests of version {self.version} are "
            "answered as by the export."
        )
        if self.left_out:
            names = ", ".join(self.left_out)
            text += f" Not sent, for REST does not carry their types: {names}."
        return text


def check_golden(pool: ServerPool, saved_model: Path) -> GoldenReport:
    """Sends the golden requests of the newest version, and compares the answers.

    Args:
        pool: the servers; the first one is asked for its version.
        saved_model: folder saved_models/NAME.

    Raises:
        ValueError: there is no golden file, or an answer differs; names each.
    """
    version, requests = _read(pool, saved_model)
    answered, left_out, differences = [], [], []
    over_rest = any(not server.address.is_grpc for server in pool.servers)
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
    if differences:
        raise ValueError(
            f"{len(differences)} differences from version {version} of {saved_model}: "
            f"{'; '.join(differences)}. Serve that version, or export again."
        )
    return GoldenReport(version, tuple(answered), tuple(left_out))


def _read(pool: ServerPool, saved_model: Path) -> tuple[int, list[dict[str, Any]]]:
    versions = published_versions(saved_model)
    if not versions:
        raise ValueError(f"{saved_model} holds no version; name saved_models/NAME.")
    served = [
        state.version
        for state in pool.servers[0].states()
        if state.state == "AVAILABLE" and state.version in versions
    ]
    asked = pool.servers[0].address.version
    version = asked if asked in served else max(served or versions)
    file = versions[version] / FILE
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be read ({error}). Export the model again, which adds a "
            "version that has it."
        ) from error
    if document.get("format") != FORMAT:
        raise ValueError(
            f"{file} has the format {document.get('format')!r}, expected {FORMAT}; it "
            "was written by another version of this package."
        )
    return version, document["requests"]


def _differences(pool: ServerPool, request: dict[str, Any]) -> list[str]:
    inputs = {name: decoded(tensor) for name, tensor in request["inputs"].items()}
    try:
        outputs = pool.predict(request["signature"], inputs)
    except ServerFailure as failure:
        if failure.kind is not Kind.REFUSED:
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
        return string_array(values).reshape(shape)
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
