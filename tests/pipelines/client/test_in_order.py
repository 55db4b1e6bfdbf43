import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.client.in_order import in_order


@pytest.fixture
def executor():
    with ThreadPoolExecutor(4) as executor:
        yield executor


def test_results_come_in_order_whatever_is_done_first(executor):
    def late_first(item):
        time.sleep(0.02 * (5 - item))
        return item

    assert list(in_order(executor, late_first, range(6), 4)) == list(range(6))


def test_no_more_than_ahead_are_under_way(executor):
    started = []
    results = in_order(executor, started.append, range(100), 3)
    next(results)
    assert len(started) <= 3
    results.close()


def test_error_comes_in_its_place_and_ends_the_rest():
    started, gate = [], threading.Event()

    def function(item):
        started.append(item)
        if item == 1:
            raise ValueError("one")
        if item == 2:
            gate.wait(5)
        return item

    with ThreadPoolExecutor(1) as executor:
        results = in_order(executor, function, range(9), 5)
        assert next(results) == 0
        with pytest.raises(ValueError, match="one"):
            next(results)
        gate.set()
    assert len(started) <= 4
