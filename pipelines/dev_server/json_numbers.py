"""Writes floating point numbers the way TensorFlow Serving does.

The text is the shorter of "%g" and the digits that identify the number, and reads as
a floating point number: 1.0, 9e+06, 1e-07. Clients see the same digits from both
servers, and float32 values read back bit by bit; Python's own repr would write 0.1 in
float32 as 0.10000000149011612.
"""

from collections.abc import Sequence

import numpy as np

_DTYPES = {"float": np.float32, "double": np.float64}
_EXACT = {"float": ".9g", "double": ".17g"}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def decimal_texts(values: Sequence[float] | np.ndarray, dtype: str) -> list[str]:
    """Returns the texts of numbers.

    Args:
        values: the numbers, in one dimension.
        dtype: "float" (float32) or "double" (float64).

    Returns:
        A text for each number. NaN, Infinity and -Infinity are bare words, which
        strict JSON does not know and Python reads.
    """
    array = np.asarray(values, _DTYPES[dtype])
    numbers = array.tolist()
    texts = [f"{number:g}" for number in numbers]
    with np.errstate(over="ignore"):  # "%g" of the largest float32 is beyond it
        read_back = np.array(list(map(float, texts))).astype(_DTYPES[dtype])
    for index in np.flatnonzero(read_back != array):
        texts[index] = format(numbers[index], _EXACT[dtype])
    return [_as_decimal(text) for text in texts]


def _as_decimal(text: str) -> str:
    if "." in text or "e" in text:
        return text
    return _NOT_FINITE.get(text) or text + ".0"
