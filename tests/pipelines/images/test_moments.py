import fractions

import numpy as np
import pytest

from pipelines.images import moments
from pipelines.images.moments import Moments

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32"]


def added(image, cuts=()):
    """Moments of an image cut into blocks of rows."""
    found = Moments(image.shape[2], image.dtype)
    for part in np.split(image, cuts):
        found.add(part)
    return found


def exact(values):
    """Mean and variance as fractions."""
    values = [int(value) for value in values]
    mean = fractions.Fraction(sum(values), len(values))
    squares = sum(value * value for value in values)
    return mean, fractions.Fraction(squares, len(values)) - mean**2


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_added_up_without_any_rounding(random, dtype):
    limits = np.iinfo(dtype)
    image = random.integers(limits.min, limits.max, (60, 50, 1), dtype, endpoint=True)
    image[0, 0], image[0, 1] = limits.min, limits.max
    found = Moments(1, image.dtype)
    found.add(image)
    mean, variance = exact(image.ravel())
    count, pivot, total, squares = found.parts()
    assert count == 3000
    assert pivot[0] == round(mean)
    # Below 2**53 all is exact, beyond only the last step is rounded.
    assert float(pivot[0] + total[0] / count) == float(mean)
    around = squares[0] / count - (total[0] / count) ** 2
    assert around == pytest.approx(float(variance), rel=1e-14)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_any_division_into_blocks_gives_the_same_bits(random, dtype):
    limits = np.iinfo(dtype)
    image = random.integers(limits.min, limits.max, (40, 9, 2), dtype, endpoint=True)
    whole = added(image).parts()
    for cuts in ([1], [13, 14, 30], list(range(1, 40))):
        for one, other in zip(whole, added(image, cuts).parts(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_blocks_longer_than_the_exact_step_are_the_same(random, monkeypatch):
    image = random.integers(0, 2**16, (50, 20, 1), dtype="uint16")
    whole = added(image).parts()
    monkeypatch.setattr(moments, "EXACT_PIXELS", 7)
    for one, other in zip(whole, added(image).parts(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_brightest_step_that_float64_must_hold_is_exact():
    values = np.full((1, moments.EXACT_PIXELS, 1), 65535, "uint16")
    values[0, 0] = 65534
    count, pivot, total, squares = added(values).parts()
    assert (pivot[0], total[0], squares[0]) == (65535, -1, 1)
    assert count == moments.EXACT_PIXELS


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shift", [0, 1000])
def test_floats_are_merged_as_if_they_were_whole(random, dtype, shift):
    image = (random.normal(size=(64, 30, 2)) + shift).astype(dtype)
    for cuts in ([], [1], [5, 40, 63]):
        count, mean, total, squares = added(image, cuts).parts()
        exact = image.astype(np.float64)
        np.testing.assert_allclose(mean, exact.mean(axis=(0, 1)), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(squares / count, exact.var(axis=(0, 1)), rtol=1e-9)
        assert (total == 0).all()


def test_floats_far_from_zero_keep_their_spread():
    image = np.array([1e9, 1e9 + 1, 1e9 + 2]).reshape(3, 1, 1)
    _, mean, _, squares = added(image, [1, 2]).parts()
    assert (mean[0], squares[0]) == (1e9 + 1, 2)
