import math

import numpy as np
import pytest

from pipelines.dev_server.json_numbers import decimal_texts


@pytest.mark.parametrize(
    "number, text",
    [
        (1, "1.0"),
        (-0.0, "-0.0"),
        (9_000_000, "9e+06"),
        (1e-7, "1e-07"),
        (0.1, "0.1"),
        (1 / 3, "0.333333343"),
        (16777215, "16777215.0"),
        (3.4028234663852886e38, "3.40282347e+38"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_float32_is_written_as_in_the_contract(number, text):
    assert decimal_texts([number], "float") == [text]


def test_double_is_written_with_all_its_digits():
    assert decimal_texts([1 / 3, 0.1], "double") == ["0.33333333333333331", "0.1"]


def test_every_float32_reads_back_bit_by_bit():
    bits = np.random.default_rng(seed=1).integers(0, 2**32, 20_000, np.uint32)
    numbers = bits.view(np.float32)
    numbers = numbers[np.isfinite(numbers)]
    read = np.array([float(text) for text in decimal_texts(numbers, "float")])
    np.testing.assert_array_equal(read.astype(np.float32), numbers)
