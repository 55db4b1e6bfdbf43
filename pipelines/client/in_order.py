"""Work of many threads, its results in order."""

import collections
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
) -> Generator[Result, None, None]:
    """Yields `function(item)` of each item in order, some of them computed ahead.

    Args:
        executor: runs the calls.
        function: of one item; its first error is raised in its place, and what has not
            begun by then is not begun.
        items: as many as there are.
        ahead: the most calls that are under way or done and not yet taken.
    """
    waiting: collections.deque[Future[Result]] = collections.deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
