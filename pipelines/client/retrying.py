"""Sends a request again where that can do no harm.

Predictions change nothing on the server, so that sending one twice is safe; what is
avoided is to load a server further that is late already.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipelines.client.failures import WORTH_A_RETRY, Kind, ServerFailure

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
# A server that is busy has a place again when a request ends, which may be a large one.
BUSY_SECONDS = 300.0

Result = TypeVar("Result")


def with_retries(
    ask: Callable[[], Result],
    retries: int,
    sleep: Callable[[float], None] = time.sleep,
    busy_seconds: float = 0.0,
) -> Result:
    """Returns what `ask` returns, asking again after failures that may pass.

    Waits twice as long each time, and a random part of that less, so that clients do
    not come back all at once.

    Args:
        ask: sends one request.
        retries: how many more times than once it is called.
        sleep: waits for seconds.
        busy_seconds: how long a server that takes requests back is asked again, which
            counts as no try.

    Raises:
        ServerFailure: the last one.
    """
    if retries < 0:
        raise ValueError(f"retries must be at least 0, got {retries}.")
    wait, busy_for, tries_left = FIRST_WAIT_SECONDS, 0.0, retries
    while True:
        try:
            return ask()
        except ServerFailure as failure:
            seconds = wait * random.uniform(0.5, 1.0)
            if failure.kind is Kind.BUSY and busy_for < busy_seconds:
                busy_for += seconds
            elif failure.kind in WORTH_A_RETRY and tries_left > 0:
                tries_left -= 1
            else:
                raise
        sleep(seconds)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
