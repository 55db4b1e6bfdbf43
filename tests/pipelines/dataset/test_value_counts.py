import numpy as np
import pytest

from pipelines.dataset import value_counts
from pipelines.dataset.value_counts import TooManyValues, ValueCounts


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64"])
def test_values_are_counted_over_blocks(dtype):
    counts = ValueCounts()
    counts.add(np.array([[0, 0, 7], [7, 3, 0]], dtype)[..., None])
    counts.add(np.array([[7]], dtype)[..., None])
    assert counts.counts == {0: 3, 3: 1, 7: 3}
    assert {type(n) for item in counts.counts.items() for n in item} == {int}


def test_runs_of_objects_are_counted_along_the_rows():
    counts = ValueCounts()
    counts.add(np.array([[0, 5, 5, 5, 2, 2, 0, 5]])[..., None])
    assert counts.runs == 3


def test_counts_are_those_of_numpy(random):
    values = random.integers(-4, 4, (31, 17, 1))
    counts = ValueCounts()
    counts.add(values[:20])
    counts.add(values[20:])
    found, numbers = np.unique(values, return_counts=True)
    assert counts.counts == dict(zip(found.tolist(), numbers.tolist(), strict=True))


def test_counting_stops_at_a_bound(monkeypatch):
    monkeypatch.setattr(value_counts, "MOST_VALUES", 10)
    counts = ValueCounts()
    counts.add(np.arange(10).reshape(2, 5, 1))
    with pytest.raises(TooManyValues):
        counts.add(np.array([[[11]]]))
