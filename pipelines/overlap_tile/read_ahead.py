"""Work ahead of whoever takes its results, in a thread."""

import collections
import concurrent.futures
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Yields items in order while a thread already makes the next ones.

    One item waits, and one more is being made. An exception of `items` is raised where
    they are taken. When the generator is closed or its user fails, the thread ends
    after the item that it works on, and `items` is closed if it is a generator.

    Args:
        items: is iterated in the thread.
    """
    iterator = iter(items)
    thread = concurrent.futures.ThreadPoolExecutor(1, "ahead")
    making: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
    try:
        making += [thread.submit(next, iterator, _END) for _ in range(2)]
        while True:
            making.append(thread.submit(next, iterator, _END))
            item = making.popleft().result()
            if item is _END:
                return
            yield item
            # Held by nobody but its taker.
            del item
    finally:
        thread.shutdown(cancel_futures=True)
        if isinstance(iterator, Generator):
            iterator.close()
