"""Threads that do not keep the program from ending."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class Workers(Executor):
    """An executor whose threads end with the program, whatever they wait for.

    Python itself waits for those of ThreadPoolExecutor at its end: after Ctrl-C as long
    as the slowest server takes.

    Args:
        number: of threads.
    """

    def __init__(self, number: int) -> None:
        self._calls: queue.SimpleQueue[tuple[Future, Callable[[], Any]] | None]
        self._calls = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future:
        """Returns the future of a call, which begins when a thread is free."""
        future: Future = Future()
        self._calls.put((future, lambda: function(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the threads after the calls that are submitted, or under way."""
        while cancel_futures:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is not None:
                call[0].cancel()
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _run(*call)
            # Images are not kept until the next call comes.
            del call


def _run(future: Future, function: Callable[[], Any]) -> None:
    """Makes one call, of which nothing is kept but in its future."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
