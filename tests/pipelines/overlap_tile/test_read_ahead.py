import queue
import threading

import pytest

from pipelines.overlap_tile.read_ahead import ahead


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("ahead")]


def test_items_come_in_order():
    assert list(ahead(range(20))) == list(range(20))


def test_one_item_waits_and_one_is_made():
    made = queue.SimpleQueue()

    def items():
        for number in range(20):
            made.put(number)
            yield number

    taken = ahead(items())
    assert next(taken) == 0
    assert [made.get(timeout=60) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(queue.Empty):
        made.get(timeout=0.1)
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
    meeting = threading.Barrier(2, timeout=60)

    def items():
        for number in range(5):
            if number > 0:
                meeting.wait()
            yield number

    taken = ahead(items())
    for number in taken:
        # Whoever has this item meets whoever makes the next one.
        if number < 4:
            meeting.wait()
