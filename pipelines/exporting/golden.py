"""Golden requests: what an export was asked, and what it answered.

`assets.extra/golden.json` lies in each version; whoever serves the version can be asked
again. Numbers and bytes are in base64, so that they are the same bits for every reader:

    {"format": 1, "requests": [{
        "name": ..., "signature": ...,
        "inputs": {NAME: {"dtype": ..., "shape": [...], "data": ...}},
        "outputs": {NAME: {the same, and "tolerance": ...}}}]}

`data` is base64 of the little-endian numbers, or a list of base64 texts for the dtype
"string". Of outputs whose names end in `_bytes`, which are PNG files, the tolerance is
that of the decoded pixels.
"""

import base64
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pipelines.export_layout import GOLDEN, GOLDEN_FORMAT
from pipelines.exporting.example_requests import ExampleRequest
from pipelines.exporting.write_failures import written_to

# Other processors round otherwise. Levels of 16 bits are 1/65535.
TOLERANCES = {"probability": 1e-5, "probability_bytes": 1}

Run = Callable[[str, Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def write_golden(
    version: pathlib.Path, requests: Iterable[ExampleRequest], run: Run
) -> None:
    """Writes the golden requests of a version with its answers.

    Args:
        version: its folder.
        requests: of which the golden ones are kept.
        run: from a signature's name and inputs to its outputs.

    Raises:
        ValueError: the file cannot be written.
    """
    document = {
        "format": GOLDEN_FORMAT,
        "requests": [
            {
                "name": request.name,
                "signature": request.signature,
                "inputs": _encoded(request.inputs),
                "outputs": {
                    name: {**output, "tolerance": TOLERANCES.get(name, 0)}
                    for name, output in _encoded(
                        run(request.signature, request.inputs)
                    ).items()
                },
            }
            for request in requests
            if request.is_golden
        ],
    }
    file = version / GOLDEN
    with written_to(version.parent):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document))


def _encoded(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    return {name: _encoded_array(array) for name, array in arrays.items()}


def _encoded_array(array: np.ndarray) -> dict[str, Any]:
    shape = list(array.shape)
    if array.dtype == object:
        texts = [base64.b64encode(value).decode() for value in array.flat]
        return {"dtype": "string", "shape": shape, "data": texts}
    little_endian = array.astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(little_endian.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": shape, "data": data}
