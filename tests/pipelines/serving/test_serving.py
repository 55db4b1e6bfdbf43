import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
import tensorflow as tf

import pipelines.serving.serving
from pipelines.config import ServeConfig
from pipelines.serving.serving import running_server, serve
from pipelines.serving.serving_engines import PROGRAM_VARIABLE

# A stand-in for tensorflow_model_server: it keeps its arguments and stays.
STAND_IN = """#!{python}
import json, os, sys, time
with open({record!r} + ".part", "w") as file:
    json.dump(sys.argv[1:], file)
os.rename({record!r} + ".part", {record!r})
time.sleep({seconds})
print("my last words", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "toy"
    module = tf.Module()
    spec = tf.TensorSpec((None,), tf.float32, name="x")
    double = tf.function(lambda x: {"y": 2 * x}).get_concrete_function(x=spec)
    tf.saved_model.save(module, str(folder / "1"), signatures=double)
    return folder


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A function that makes the stand-in the program; returns what it records."""

    def add(seconds):
        record = tmp_path / "arguments.json"
        program = tmp_path / "tensorflow_model_server"
        program.write_text(
            STAND_IN.format(python=sys.executable, record=str(record), seconds=seconds)
        )
        program.chmod(0o755)
        monkeypatch.setenv(PROGRAM_VARIABLE, str(program))
        return record

    return add


def config(folder, **settings):
    ports = {"rest_port": 0, "grpc_port": 0}
    return ServeConfig(saved_model=str(folder), **{**ports, **settings})


def test_running_server_answers_and_ends(exported):
    with running_server(config(exported, engine="development")) as url:
        answer = requests.post(f"{url}:predict", json={"instances": [1, 2]}, timeout=60)
        assert answer.json() == {"predictions": [2.0, 4.0]}
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_running_server_tells_what_a_server_that_ended_wrote(exported, stand_in):
    stand_in(seconds=0)
    with pytest.raises(ChildProcessError, match="exit status 3.*wrote: my last words$"):
        with running_server(config(exported)):
            pass


def test_running_server_waits_no_longer_than_it_is_told(exported, stand_in):
    stand_in(seconds=3600)
    started = time.monotonic()
    with pytest.raises(
        ChildProcessError, match=r"had not loaded the model after 0\.5 s"
    ):
        with running_server(config(exported), timeout=0.5):
            pass
    # Much less than it runs, on a busy machine too.
    assert time.monotonic() - started < 600


def send_when_there(record, number):
    def send():
        deadline = time.monotonic() + 600
        while not record.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_the_program_until_it_is_ended(
    exported, stand_in, caplog, number, monkeypatch
):
    caplog.set_level("INFO")
    processes = []
    popen = subprocess.Popen

    def kept(*arguments, **settings):
        processes.append(popen(*arguments, **settings))
        return processes[-1]

    monkeypatch.setattr(pipelines.serving.serving.subprocess, "Popen", kept)
    record = stand_in(seconds=3600)
    handler = signal.getsignal(number)
    thread = send_when_there(record, number)
    serve(config(exported))
    thread.join()
    assert processes[0].returncode == -signal.SIGTERM
    assert signal.getsignal(number) is handler
    received = json.loads(record.read_text())
    assert received == list(processes[0].args)[1:]
    assert {"--model_name=toy", "--grpc_max_threads=64"} <= set(received)
    assert "Starting TensorFlow Serving: " in caplog.text
    assert "/v1/models/toy" in caplog.text


def test_serve_tells_of_a_server_that_ends_by_itself(exported, stand_in):
    stand_in(seconds=0)
    with pytest.raises(ChildProcessError, match="ended by itself with exit status 3"):
        serve(config(exported))


def test_nothing_is_started_without_a_version(tmp_path, stand_in):
    record = stand_in(seconds=0)
    with pytest.raises(ValueError, match="holds no version"):
        serve(config(tmp_path))
    assert not record.exists()


def test_serving_needs_no_tensorflow_in_its_process():
    code = (
        "import sys, pipelines.serving.serving, pipelines.client; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
