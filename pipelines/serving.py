"""`serve`: starts the best server that this machine has for an exported model.

TensorFlow Serving where its program is installed or Docker can run it, else the
development server, which answers alike. Each runs as a process of its own, so that
this one needs no TensorFlow.
"""

import contextlib
import dataclasses
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import requests

from pipelines.config import ServeConfig
from pipelines.dev_server.versions import published_versions

_LOGGER = logging.getLogger(__name__)
PROGRAM = "tensorflow_model_server"
# Names the program where it is not on PATH.
PROGRAM_VARIABLE = "TF_SERVING_BINARY"
# Another image than the one below: a newer version, or one of your own registry.
IMAGE_VARIABLE = "TF_SERVING_IMAGE"
IMAGE = "tensorflow/serving:2.19.1"
_PACKAGES = ("starlette", "uvicorn")
_DOCKER_SECONDS = 5.0
_GRACE_SECONDS = 10.0
# The default of four a core rejects clients that come at once.
_GRPC_THREADS = 64
# The default of 30 s is less than a large image takes on a processor.
_REST_TIMEOUT = 600_000  # milliseconds


@dataclasses.dataclass(frozen=True)
class Launch:
    """A server that can be started.

    Attributes:
        engine: "TensorFlow Serving", "TensorFlow Serving in Docker" or "the
            development server".
        reason: why this one.
        command: the program and its arguments.
        url: where the model answers, http://HOST:PORT/v1/models/NAME.
    """

    engine: str
    reason: str
    command: tuple[str, ...]
    url: str


def serve(config: ServeConfig) -> None:
    """Serves an exported model until Ctrl-C or SIGTERM.

    Raises:
        ValueError: there is nothing to serve, the engine is not to be had, or a port
            is taken; nothing was started then.
        RuntimeError: the server ended by itself.
    """
    launch = plan_launch(config)
    _LOGGER.info("Starting %s: %s.", launch.engine, launch.reason)
    _LOGGER.info("Send requests to %s", launch.url)
    process = subprocess.Popen(launch.command)
    with _ended_by_signals(process) as was_asked:
        status = process.wait()
    if not was_asked():
        raise RuntimeError(
            f"{launch.engine} ended by itself with exit status {status}; its messages "
            "stand above."
        )


@contextlib.contextmanager
def running_server(config: ServeConfig, timeout: float = 120.0) -> Iterator[str]:
    """Runs a server inside of a `with` block.

    Args:
        config: what `serve` takes.
        timeout: seconds that it has to load the model.

    Yields:
        The model's URL, once its state is AVAILABLE.

    Raises:
        ValueError: as for `serve`.
        RuntimeError: the server ended or did not get ready; with what it wrote.
    """
    launch = plan_launch(config)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            launch.command, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            _await_available(launch, process, errors, timeout)
            yield launch.url
        finally:
            _end(process)


def plan_launch(config: ServeConfig) -> Launch:
    """Chooses the server and makes its command line; starts nothing.

    Port 0 stands for a free one.

    Raises:
        ValueError: as for `serve`.
    """
    folder = _checked_folder(config.saved_model)
    engine, reason, program = _choose_engine(config.engine)
    host = config.host if engine != "TensorFlow Serving" else "0.0.0.0"
    rest_port = _checked_port(host, config.rest_port, "rest_port")
    command: tuple[str, ...]
    if engine == "the development server":
        command = development_command(folder, config.host, rest_port)
    else:
        grpc_port = _checked_port(host, config.grpc_port, "grpc_port")
        if grpc_port == rest_port:
            raise ValueError(
                f"rest_port and grpc_port must differ, got {rest_port} for both."
            )
        if engine == "TensorFlow Serving":
            command = program_command(program, folder, rest_port, grpc_port)
        else:
            command = docker_command(program, folder, host, rest_port, grpc_port)
    reachable = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    reachable = f"[{reachable}]" if ":" in reachable else reachable
    url = f"http://{reachable}:{rest_port}/v1/models/{folder.name}"
    return Launch(engine, reason, command, url)


def program_command(
    program: str, folder: Path, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line of TensorFlow Serving's own program."""
    return (
        program,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_name={folder.name}",
        f"--model_base_path={folder}",
        *_SETTINGS,
    )


_SETTINGS = (
    f"--grpc_max_threads={_GRPC_THREADS}",
    f"--rest_api_timeout_in_ms={_REST_TIMEOUT}",
)


def docker_command(
    program: str, folder: Path, host: str, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line that runs TensorFlow Serving in Docker."""
    address = f"[{host}]" if ":" in host else host
    return (
        program,
        "run",
        "--rm",
        # The image's first process is a shell script, and a first process gets no
        # signal that it does not ask for: without --init the container would stay.
        "--init",
        "-p",
        f"{address}:{rest_port}:8501",
        "-p",
        f"{address}:{grpc_port}:8500",
        "-v",
        f"{folder}:/models/{folder.name}:ro",
        "-e",
        f"MODEL_NAME={folder.name}",
        os.environ.get(IMAGE_VARIABLE, IMAGE),
        *_SETTINGS,
    )
