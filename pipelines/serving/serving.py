"""`serve`: starts the best server that this machine has for an exported model.

TensorFlow Serving where its program is installed or Docker can run it, else the
development server, which answers alike. Each runs as a process of its own, so that
this one needs no TensorFlow.
"""

import contextlib
import logging
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import requests

from pipelines.config import ServeConfig
from pipelines.serving.serving_engines import Launch, plan_launch

_LOGGER = logging.getLogger(__name__)
_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LAST_WORDS = 2000


def serve(config: ServeConfig) -> None:
    """Serves an exported model until Ctrl-C or SIGTERM.

    Raises:
        ValueError: there is nothing to serve, the engine is not available, or a port
            is taken; nothing was started then.
        ChildProcessError: the server ended by itself.
    """
    launch = plan_launch(config)
    _LOGGER.info("Starting %s: %s.", launch.engine, launch.reason)
    _LOGGER.info(
        "Once the model is loaded, send requests to %s or %s",
        launch.url,
        launch.grpc_url,
    )
    if launch.is_open:
        _LOGGER.warning(
            "Warning: it listens on every address of this machine, and asks for no "
            "login. Where others can reach it, let a firewall keep them away."
        )
    with _process_until_signal(launch.command) as (process, was_asked):
        while process.poll() is None and not _is_available(launch.url):
            time.sleep(_POLL_SECONDS)
        if process.poll() is None:
            _LOGGER.info("Ready; Ctrl-C ends it.")
        status = process.wait()
    if not was_asked():
        raise ChildProcessError(
            f"{launch.engine} ended by itself with exit status {status}; its messages "
            f"are above. {launch.hint}".rstrip()
        )


@contextlib.contextmanager
def running_server(config: ServeConfig, timeout: float = 600.0) -> Iterator[str]:
    """As `running_launch`; yields only the address, http://HOST:PORT/v1/models/NAME."""
    with running_launch(config, timeout) as launch:
        yield launch.url


@contextlib.contextmanager
def running_launch(config: ServeConfig, timeout: float = 600.0) -> Iterator[Launch]:
    """Runs a server inside of a `with` block.

    Args:
        config: what `serve` takes.
        timeout: seconds that it has to load the model.

    Yields:
        What runs, with its addresses, once the model is AVAILABLE.

    Raises:
        ValueError: as for `serve`.
        ChildProcessError: the server ended or did not get ready; with what it wrote.
    """
    launch = plan_launch(config)
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            launch.command, stdout=messages, stderr=subprocess.STDOUT
        )
        try:
            _await_available(launch, process, messages, timeout)
            yield launch
        finally:
            _end(process)


@contextlib.contextmanager
def _process_until_signal(
    command: tuple[str, ...],
) -> Iterator[tuple[subprocess.Popen, Callable[[], bool]]]:
    """Runs a process to which Ctrl-C and SIGTERM are passed on.

    Outside of the main thread signals cannot be caught; there only an exception ends
    the process early.

    Yields:
        The process, and a function that tells whether a signal came.
    """
    asked = threading.Event()
    processes: list[subprocess.Popen] = []

    def end(signal_number: int, frame: Any) -> None:
        asked.set()
        for process in processes:
            process.terminate()
            timer = threading.Timer(_GRACE_SECONDS, process.kill)
            timer.daemon = True
            timer.start()

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, end)
    try:
        processes.append(subprocess.Popen(command))
        if asked.is_set():
            processes[0].terminate()
        yield processes[0], asked.is_set
    finally:
        for process in processes:
            _end(process)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _await_available(
    launch: Launch, process: subprocess.Popen, messages: IO[bytes], timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while not _is_available(launch.url):
        if process.poll() is not None:
            reason = f"ended with exit status {process.returncode}"
        elif time.monotonic() > deadline:
            reason = f"had not loaded the model after {timeout:g} seconds"
        else:
            time.sleep(_POLL_SECONDS)
            continue
        messages.seek(0)
        words = messages.read().decode("utf-8", "replace").strip()[-_LAST_WORDS:]
        raise ChildProcessError(
            f"{launch.engine} {reason}. It wrote: {words or 'nothing'}"
        )


def _is_available(url: str) -> bool:
    with requests.Session() as session:
        # A proxy of the environment does not lead to this machine.
        session.trust_env = False
        try:
            answer = session.get(url, timeout=5)
            statuses = answer.json()["model_version_status"]
        except (requests.RequestException, ValueError, KeyError):
            return False
    return any(status["state"] == "AVAILABLE" for status in statuses)
