import subprocess
import sys
import threading
import weakref

import pytest

from pipelines.client.workers import Workers


def test_calls_return_or_raise_in_their_futures():
    workers = Workers(2)
    futures = [workers.submit(divmod, 7, number) for number in (2, 0, 4)]
    assert futures[0].result(10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        futures[1].result(10)
    assert futures[2].result(10) == (1, 3)
    workers.shutdown()


def test_an_idle_thread_keeps_no_result():
    class Mask:
        pass

    workers, gone = Workers(1), threading.Event()
    weakref.finalize(workers.submit(Mask).result(10), gone.set)
    assert gone.wait(10)
    workers.shutdown()


def test_what_has_not_begun_is_cancelled():
    begun, released = threading.Event(), threading.Event()
    workers = Workers(1)

    def block():
        begun.set()
        return released.wait(10)

    under_way, waiting = workers.submit(block), workers.submit(int)
    assert begun.wait(10)
    workers.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    released.set()
    assert under_way.result(10)


def test_the_program_does_not_wait_for_them():
    code = (
        "import threading; from pipelines.client.workers import Workers; "
        "begun = threading.Event(); workers = Workers(1); "
        "workers.submit(lambda: begun.set() or threading.Event().wait()); "
        "begun.wait(); workers.shutdown(wait=False)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
