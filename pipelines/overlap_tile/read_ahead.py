"""Work ahead of whoever takes its results, in a thread."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

_POLL_SECONDS = 0.1


def ahead(items: Iterable[Item], most: int = 1) -> Generator[Item, None, None]:
    """Yields items in order while a thread already makes the next ones.

    An exception of `items` is raised where they are taken. When the generator is
    closed or its user fails, the thread ends after the item that it works on, and
    `items` is closed in it if it is a generator.

    Args:
        items: is iterated in the thread.
        most: items that wait; one more is being made.
    """
    waiting: queue.Queue = queue.Queue(most)
    stopped = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((kind, value), timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put("item", item):
                    return
                # Held by nobody but its taker.
                del item
            put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    # A daemon: one that nobody closes must not keep the process from ending.
    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
            del value
    finally:
        stopped.set()
        thread.join()
