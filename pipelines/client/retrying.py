"""Sends a request again where that can do no harm.

Predictions change nothing on the server, so that sending one twice is safe; what is
avoided is to load a server further that is late already.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipelines.client.failures import WORTH_A_RETRY, ServerFailure

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

Result = TypeVar("Result")


def with_retries(
    ask: Callable[[], Result],
    retries: int,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Returns what `ask` returns, asking again after failures that may pass.

    Waits twice as long each time, and a random part of that less, so that clients do
    not come back all at once.

    Args:
        ask: sends one request.
        retries: how many more times than once it is called.
        sleep: waits for seconds.

    Raises:
        ServerFailure: the last one.
    """
    wait = FIRST_WAIT_SECONDS
    for tries_left in range(retries, -1, -1):
        try:
            return ask()
        except ServerFailure as failure:
            if failure.kind not in WORTH_A_RETRY or not tries_left:
                raise
        sleep(wait * random.uniform(0.5, 1.0))
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    raise ValueError(f"retries must be at least 0, got {retries}.")
