"""Imports TensorFlow for commands without its start-up notes."""

import contextlib
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

_logger = logging.getLogger(__name__)


def import_tensorflow_quietly(module: str = "keras") -> None:
    """Imports `module`, which brings TensorFlow, with the standard error put aside.

    Its libraries write notes there before any log level counts, and the one line that
    a user must read would drown in them. They are shown if the import fails, or if the
    user has set TF_CPP_MIN_LOG_LEVEL. What other threads log meanwhile is shown too.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        importlib.import_module(module)
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stream = os.dup(2)
    try:
        with tempfile.TemporaryFile() as notes, _logging_to(stream):
            os.dup2(notes.fileno(), 2)
            try:
                importlib.import_module(module)
            except BaseException:
                notes.seek(0)
                os.write(stream, notes.read())
                raise
            finally:
                os.dup2(stream, 2)
    finally:
        os.close(stream)


@contextlib.contextmanager
def _logging_to(descriptor: int) -> Iterator[None]:
    """Lets what is logged to the standard error go to another file for a while."""
    moved = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    ]
    with open(descriptor, "w", errors="backslashreplace", closefd=False) as file:
        for handler in moved:
            handler.setStream(file)
        try:
            yield
        finally:
            for handler in moved:
                handler.setStream(sys.stderr)


def let_gpus_grow() -> None:
    """Lets TensorFlow take memory of GPUs as it needs it, not all at once.

    Without effect once a GPU is in use, or where its memory is divided already.
    """
    tensorflow = importlib.import_module("tensorflow")
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        try:
            tensorflow.config.experimental.set_memory_growth(gpu, True)
        except (RuntimeError, ValueError) as error:
            # Somebody in this process was first, with settings of their own.
            _logger.debug("GPUs keep the memory settings that they have: %s", error)
            return
