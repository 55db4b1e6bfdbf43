import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

from pipelines.dev_server import __main__ as program


def arguments(monkeypatch, folder, port):
    given = [f"--model={folder}", f"--rest-port={port}", "--grpc-port=0"]
    monkeypatch.setattr(sys, "argv", ["dev_server", *given])


def test_first_line_names_the_server_for_production(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO")
    arguments(monkeypatch, tmp_path, 0)
    assert program.main() == 2
    assert "for production, run TensorFlow Serving" in caplog.messages[0]
    assert str(tmp_path) in caplog.messages[-1]


def test_taken_port_is_told_before_anything_is_loaded(monkeypatch, toy_folder, caplog):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments(monkeypatch, toy_folder, port)
        assert program.main() == 2
    assert f"port {port} is not available" in caplog.messages[-1]
    assert not any("is available." in message for message in caplog.messages)


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
    command = [sys.executable, "-m", "pipelines.dev_server", f"--model={toy_folder}"]
    process = subprocess.Popen(
        [*command, "--rest-port=0", "--grpc-port=0"], stderr=subprocess.PIPE, text=True
    )
    # Some seconds of work.
    request = {"signature_name": "count", "inputs": {"steps": 400_000}}
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
                assert json.loads(answer.read()) == {"outputs": [400_000]}
            process.stderr.read()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_small_answers_do_not_wait_for_acknowledgements(development_server):
    address = urllib.parse.urlsplit(development_server)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    seconds = []
    with contextlib.closing(connection):
        for _ in range(20):
            started = time.perf_counter()
            connection.request("GET", "/v1/models/toy")
            connection.getresponse().read()
            seconds.append(time.perf_counter() - started)
    # With Nagle's algorithm every one takes 0.04 s.
    assert min(seconds) < 0.02
