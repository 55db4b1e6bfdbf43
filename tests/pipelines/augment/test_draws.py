import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from pipelines.augment import draws

SEED = tf.constant([3, 5], tf.int32)


def test_uniform_numbers_are_spread_evenly_between_their_bounds():
    numbers = np.asarray(draws.uniform(SEED, [100_000], -2.0, 6.0))
    assert -2 <= numbers.min() < -1.99 and 5.99 < numbers.max() <= 6
    result = scipy.stats.kstest(numbers, scipy.stats.uniform(-2, 8).cdf)
    assert result.pvalue > 0.01


def test_normal_numbers_are_normal():
    numbers = np.asarray(draws.normal(SEED, [100_000], 3.0))
    assert scipy.stats.kstest(numbers, scipy.stats.norm(0, 3).cdf).pvalue > 0.01
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_no_draw_is_infinite(monkeypatch, compiled):
    # The ends of the whole numbers that all draws are made from.
    ends = tf.constant([-(2**31), 2**31 - 1, 0], tf.int32)
    monkeypatch.setattr(draws, "_whole_numbers", lambda seed, shape: ends)
    normal = tf.function(lambda: draws.normal(SEED, [3]), jit_compile=compiled)
    np.testing.assert_allclose(normal(), [-5.1, 5.1, 0], atol=0.1)
    uniform = tf.function(lambda: draws.uniform(SEED, [3]), jit_compile=compiled)
    np.testing.assert_allclose(uniform(), [0, 1, 0.5], atol=1e-6)
    assert np.max(uniform()) < 1


def test_whole_numbers_reach_all_below_their_bound_equally_often():
    numbers = np.asarray(draws.whole(SEED, [8000], 4))
    counts = np.bincount(numbers)
    assert len(counts) == 4
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_split_seeds_give_numbers_that_have_nothing_in_common():
    numbers = [draws.normal(seed, [20_000]) for seed in draws.split(SEED, 3)]
    correlation = np.corrcoef(numbers) - np.eye(3)
    assert np.abs(correlation).max() < 4 / 20_000**0.5


def test_a_seed_may_be_of_64_bits():
    far, near = (
        draws.uniform(tf.constant([1, number], tf.int64), [4])
        for number in (2**40 + 7, 7)
    )
    assert not np.array_equal(far, near)


@pytest.mark.parametrize(
    "function",
    [
        lambda seed: draws.uniform(seed, [50]),
        lambda seed: draws.whole(seed, [50], 9),
        lambda seed: draws.split(seed, 4),
        lambda seed: draws.normal(seed, [50]),
    ],
)
def test_numbers_are_the_same_alone_in_a_graph_and_compiled(function):
    alone = function(SEED)
    in_a_graph = tf.function(function)(SEED)
    compiled = tf.function(function, jit_compile=True)(SEED)
    # XLA has an inverse error function of its own; a last digit may differ.
    np.testing.assert_allclose(in_a_graph, alone, rtol=1e-5)
    np.testing.assert_allclose(compiled, alone, rtol=1e-4)
