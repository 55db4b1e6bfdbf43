import signal
import threading

import pytest

from pipelines.training.stopping import StopSignal


@pytest.fixture(autouse=True)
def python_handles_signals():
    """In a process of the background they may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_signal_waits_until_it_is_delivered():
    stop = StopSignal()
    with stop.held_back():
        signal.raise_signal(signal.SIGINT)
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            stop.deliver()
        assert not stop.received
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_stops_at_once():
    stop = StopSignal()
    with stop.held_back():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_a_signal_did_before_is_what_it_does_in_the_end():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        stop = StopSignal()
        with stop.held_back():
            signal.raise_signal(signal.SIGTERM)
            assert seen == []
            stop.deliver()
            # It went on: the next one waits again.
            stop.deliver()
            signal.raise_signal(signal.SIGTERM)
            assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_nobody_delivered_is_delivered_at_the_end():
    stop = StopSignal()
    with pytest.raises(KeyboardInterrupt), stop.held_back():
        signal.raise_signal(signal.SIGINT)
    assert not stop.received


def test_what_takes_long_is_stopped_at_once():
    stop = StopSignal()
    with stop.held_back():
        with pytest.raises(KeyboardInterrupt), stop.let_through():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.let_through():
            pytest.fail("the signal that waits comes first")


def test_off_the_main_thread_nothing_is_held_back():
    found = []

    def run():
        with StopSignal().held_back():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
