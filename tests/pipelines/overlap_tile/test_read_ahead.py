import threading
import time

import pytest

from pipelines.overlap_tile.read_ahead import ahead


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("ahead")]


def test_items_come_in_order():
    assert list(ahead(range(20))) == list(range(20))


def test_one_item_waits_and_one_is_made():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    taken = ahead(items())
    assert next(taken) == 0
    time.sleep(0.1)
    assert made == [0, 1, 2]
    taken.close()


def test_the_error_of_an_item_is_raised_where_it_is_taken():
    def items():
        yield 1
        raise ValueError("torn page")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="torn page"):
        next(taken)
    assert not threads()


def test_closing_ends_the_thread_and_closes_the_source():
    closed = []

    def items():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    taken = ahead(ahead(items()))
    next(taken)
    taken.close()
    assert closed == [True]
    assert not threads()


def test_making_and_taking_overlap():
    def items():
        for number in range(5):
            time.sleep(0.05)
            yield number

    start = time.monotonic()
    for _ in ahead(items()):
        time.sleep(0.05)
    assert time.monotonic() - start < 0.45
