import contextlib
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from pipelines.dev_server import __main__ as program
from pipelines.dev_server.models import ModelManager


def arguments(monkeypatch, folder, rest_port=0, grpc_port=0):
    given = [f"--model={folder}", f"--rest-port={rest_port}"]
    given.append(f"--grpc-port={grpc_port}")
    monkeypatch.setattr(sys, "argv", ["dev_server", *given])


def test_first_line_names_the_server_for_production(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO")
    arguments(monkeypatch, tmp_path)
    assert program.main() == 2
    assert "for production, run TensorFlow Serving" in caplog.messages[0]
    assert str(tmp_path) in caplog.messages[-1]


def test_gpus_may_grow_before_anything_is_loaded(monkeypatch, tmp_path):
    grown = []
    monkeypatch.setattr(
        program.tensorflow_start, "let_gpus_grow", lambda: grown.append(True)
    )
    arguments(monkeypatch, tmp_path)
    assert program.main() == 2
    assert grown == [True]


def test_taken_port_is_told_before_anything_is_loaded(monkeypatch, toy_folder, caplog):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments(monkeypatch, toy_folder, port)
        assert program.main() == 2
    assert f"port {port} is not available" in caplog.messages[-1]
    assert not any("is available." in message for message in caplog.messages)


@pytest.mark.parametrize(
    "ports, message",
    [
        ((8501, 8501), "rest_port and grpc_port must differ, got 8501"),
        ((70_000, 0), "rest_port must be a whole number, 0 to 65535, got 70000"),
    ],
)
def test_ports_that_no_server_can_have_are_told(
    monkeypatch, tmp_path, caplog, ports, message
):
    arguments(monkeypatch, tmp_path, *ports)
    assert program.main() == 2
    assert caplog.messages[-1].startswith(message)


@pytest.mark.parametrize("flag", ["rest_port", "grpc_port"])
def test_port_that_another_program_opens_during_the_load_is_told(
    monkeypatch, toy_folder, caplog, flag
):
    # Bound by both, which is possible as long as nobody listens.
    with program.bound_socket("127.0.0.1", 0, "") as other:
        port = other.getsockname()[1]
        arguments(monkeypatch, toy_folder, **{flag: port})
        monkeypatch.setattr(ModelManager, "start", lambda manager: other.listen())
        assert program.main() == 2
    assert f"port {port} is not available" in caplog.messages[-1]
    assert f"--{flag.replace('_', '-')}" in caplog.messages[-1]


def test_signal_during_the_import_of_tensorflow_is_no_error(monkeypatch, tmp_path):
    def interrupted(module):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        program.tensorflow_start, "import_tensorflow_quietly", interrupted
    )
    arguments(monkeypatch, tmp_path)
    assert program.main() == 0


def test_request_that_outlasts_the_end_is_told_so_in_json(
    monkeypatch, toy_folder, serving
):
    started, released = threading.Event(), threading.Event()

    def slow(self, signature, arrays, timeout):
        started.set()
        released.wait(30)
        return {"y": arrays["x"]}

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", slow)
    monkeypatch.setattr(program, "GRACEFUL_SECONDS", 0.1)
    try:
        with serving(ModelManager(toy_folder)) as addresses:
            address = urllib.parse.urlsplit(addresses.rest)
            connection = http.client.HTTPConnection(
                address.hostname, address.port, timeout=30
            )
            body = b'{"instances": [[1, 2]]}'
            connection.request("POST", "/v1/models/toy:predict", body)
            assert started.wait(30)
        with contextlib.closing(connection):
            answer = connection.getresponse()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert json.loads(answer.read()) == {"error": "The server is shutting down"}
    finally:
        released.set()


@pytest.mark.parametrize("module", ["pipelines.export_layout"])
def test_discovery_of_versions_needs_no_tensorflow(module):
    code = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def connected(base):
    """Connects to a server that has bound its port and is about to listen."""
    address = urllib.parse.urlsplit(base)
    for _ in range(600):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection((address.hostname, address.port), 60)
        time.sleep(0.05)
    raise AssertionError(f"{base} does not listen")


def test_asked_to_end_it_answers_what_it_has_taken(toy_folder):
    code = (
        "import sys; from pipelines.dev_server import __main__ as program; "
        "program.GRACEFUL_SECONDS = 60; sys.exit(program.main())"
    )
    command = [sys.executable, "-c", code, f"--model={toy_folder}"]
    process = subprocess.Popen(
        [*command, "--rest-port=0", "--grpc-port=0"], stderr=subprocess.PIPE, text=True
    )
    # Longer than the server takes to see the signal, far shorter than it waits here,
    # also on a busy machine.
    request = {"signature_name": "count", "inputs": {"steps": 40_000}}
    body = json.dumps(request).encode()
    head = "POST /v1/models/toy:predict HTTP/1.1\r\nHost: here\r\n"
    head += f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with process:
        try:
            lines = iter(process.stderr.readline, "")
            line = next(line for line in lines if "REST API: " in line)
            with connected(line.split()[-1].partition("/v1/")[0]) as connection:
                connection.sendall(head.encode())
                # Said when the body is asked for: the request has been taken.
                assert connection.recv(1024).startswith(b"HTTP/1.1 100")
                connection.sendall(body)
                process.send_signal(signal.SIGTERM)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert answer.status == 200
                assert json.loads(answer.read()) == {"outputs": [40_000]}
            process.stderr.read()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_a_front_closes_its_idle_connections_before_the_server_does():
    front = pathlib.Path(__file__).parents[3] / "deploy/nginx/front.conf.template"
    seconds = re.findall(r"keepalive_timeout (\d+)s;", front.read_text())
    # 60 is nginx's own; uvicorn's 5 would be as long as that of this front.
    assert program.server_config(None).timeout_keep_alive > max(60, *map(int, seconds))


def test_small_answers_do_not_wait_for_acknowledgements(development_server):
    address = urllib.parse.urlsplit(development_server)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    seconds = []
    with contextlib.closing(connection):
        # With Nagle's algorithm every one takes 0.04 s; on a busy machine most do.
        while len(seconds) < 500 and min(seconds, default=1) > 0.02:
            started = time.perf_counter()
            connection.request("GET", "/v1/models/toy")
            connection.getresponse().read()
            seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.02
