import importlib
import logging
import os
import sys
import threading

import pytest

from pipelines import tensorflow_start


@pytest.fixture
def talkative_import(monkeypatch):
    """Makes every import write to the error stream of the process, as C++ does."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)

    def install(error=None):
        def import_module(name):
            os.write(2, f"note of {name}\n".encode())
            if error is not None:
                raise error

        monkeypatch.setattr(importlib, "import_module", import_module)

    return install


def test_notes_of_the_import_are_not_shown(talkative_import, capfd):
    talkative_import()
    tensorflow_start.import_tensorflow_quietly()
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


def test_notes_are_shown_when_the_import_fails(talkative_import, capfd):
    talkative_import(ImportError("libcuda"))
    with pytest.raises(ImportError, match="libcuda"):
        tensorflow_start.import_tensorflow_quietly()
    assert capfd.readouterr().err == "note of keras\n"


def test_notes_are_shown_to_who_asked_for_them(talkative_import, capfd, monkeypatch):
    talkative_import()
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    tensorflow_start.import_tensorflow_quietly()
    assert capfd.readouterr().err == "note of keras\n"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_what_other_threads_log_meanwhile_is_shown(monkeypatch, capfd):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    # As in a program of its own: pytest's writes past the error stream of the process.
    monkeypatch.setattr(sys, "stderr", open(2, "w", closefd=False))
    handler = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    warn = logging.getLogger("pipelines").warning

    def import_module(name):
        os.write(2, b"note")
        thread = threading.Thread(target=warn, args=("a server is lost",))
        thread.start()
        thread.join()

    monkeypatch.setattr(importlib, "import_module", import_module)
    tensorflow_start.import_tensorflow_quietly()
    warn("and back")
    assert capfd.readouterr().err == "a server is lost\nand back\n"


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_gpus_may_grow_unless_they_are_in_use(monkeypatch, caplog, error):
    import tensorflow as tf

    caplog.set_level("DEBUG", logger="pipelines.tensorflow_start")

    grown = []

    def grow(gpu, enable):
        grown.append((gpu, enable))
        raise error("devices are initialised")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind, kind])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grow)
    tensorflow_start.let_gpus_grow()
    assert grown == [("GPU", True)]
    (record,) = caplog.records
    assert record.levelname == "DEBUG" and "are initialised" in record.getMessage()
