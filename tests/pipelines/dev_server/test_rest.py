import gzip
import json
import socket
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from pipelines.dev_server.models import ModelManager

TOY = "/v1/models/toy"
PREDICT = f"{TOY}:predict"
# Of AnyIO, in which starlette runs functions.
NUM_THREADS = 40


# (method, path, status, message), one a row of the table of the contract.
PATHS = [
    ("GET", f"{TOY}/versions/9", 404, "Could not find version 9 of model toy"),
    ("GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
    ("GET", f"{TOY}?a=1", 404, "Could not find any versions of model toy?a=1"),
    ("GET", "/v1/models", 400, "Missing model name in request."),
    (
        "GET",
        "/v1/models/nope/metadata",
        404,
        "Servable not found for request: Latest(nope)",
    ),
    (
        "GET",
        f"{TOY}/versions/9/metadata",
        404,
        "Servable not found for request: Specific(toy, 9)",
    ),
    (
        "GET",
        f"{TOY}/labels/stable/metadata",
        400,
        "Unrecognized servable version label: stable",
    ),
    ("GET", f"{TOY}/", 400, f"Malformed request: GET {TOY}/"),
    ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
    ("POST", TOY, 400, f"Malformed request: POST {TOY}"),
    ("PUT", PREDICT, 400, f"Malformed request: PUT {PREDICT}"),
    ("DELETE", TOY, 400, f"Malformed request: DELETE {TOY}"),
    ("GET", f"{TOY}/versions/abc", 400, f"Malformed request: GET {TOY}/versions/abc"),
    (
        "POST",
        f"{TOY}/labels/stable:predict",
        400,
        "Unrecognized servable version label: stable",
    ),
    (
        "POST",
        "/v1/models/nope:predict",
        404,
        "Servable not found for request: Latest(nope)",
    ),
    (
        "POST",
        f"{TOY}/versions/9:predict",
        404,
        "Servable not found for request: Specific(toy, 9)",
    ),
]


@pytest.mark.parametrize("method, path, status, message", PATHS)
def test_path_is_refused_in_the_words_of_the_contract(
    server, method, path, status, message, send
):
    body = b'{"instances": [[1, 2]]}' if method == "POST" else b""
    expected = '{\n    "error": ' + json.dumps(message) + "\n}"
    answer = send(server, method, path, body)
    assert answer == (status, expected.encode())
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "method, path, status, headers",
    [
        ("HEAD", TOY, 400, {}),
        ("OPTIONS", TOY, 400, {}),
        ("OPTIONS", TOY, 200, {"Origin": "http://example.org"}),
        ("GET", f"{TOY}/versions/9223372036854775808", 400, {}),
        ("POST", f"{TOY}/versions/9223372036854775808:predict", 400, {}),
    ],
)
def test_answer_has_no_body(server, method, path, status, headers, send):
    assert send(server, method, path, headers=headers) == (status, b"")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models/toy"])
def test_path_outside_of_the_api_is_an_html_404(server, path, send):
    answer = send(server, "GET", path)
    assert answer[0] == 404
    assert b"<html" in answer[1].lower()
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_other_methods_than_predict_are_not_implemented(
    development_server, method, send
):
    status, body = send(development_server, "POST", f"{TOY}:{method}", b"{}")
    assert status == 501
    assert method in json.loads(body)["error"]


def test_status_lists_the_version(server, send):
    expected = {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    # Python would not read so many digits.
    zeros = f"{TOY}/versions/{'0' * 5000}1"
    versions = (f"{TOY}/versions/1", zeros, f"{TOY}/labels/any")
    for path in (TOY, *versions, "/V1/MODELS/t%6Fy"):
        answer = send(server, "GET", path)
        assert answer == (200, json.dumps(expected, indent=1).encode() + b"\n")
        assert answer.headers["content-type"] == "application/json"


def test_metadata_tells_the_signatures(server):
    answer = requests.get(f"{server}{TOY}/versions/1/metadata", timeout=60).json()
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert answer["model_spec"] == {
        "name": "toy",
        "version": "1",
        "signature_name": "",
    }
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
            "unknown_rank": False,
        },
        "name": "serving_default_x:0",
    }
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["serving_default"]["defaults"] == {}
    assert signatures["echo_float16"]["inputs"]["x"]["dtype"] == "DT_HALF"
    assert signatures["echo_bool"]["inputs"]["x"]["tensor_shape"] == {
        "dim": [],
        "unknown_rank": True,
    }
    assert "__saved_model_init_op" in signatures


def test_gzip_body_is_unpacked_and_a_damaged_one_is_empty(server, send):
    packed = gzip.compress(b'{"instances": [[1, 2]]}')
    for headers in ({"Content-Encoding": "x-gzip"}, {"Content-Encoding": "gzip"}):
        status, body = send(server, "POST", PREDICT, packed, headers)
        assert (status, json.loads(body)) == (200, {"predictions": [[2.0, 4.0]]})
    status, body = send(server, "POST", PREDICT, b"no gzip", headers)
    assert status == 400
    assert json.loads(body) == {"error": "JSON Parse error: The document is empty"}


def test_a_gzip_body_that_unpacks_to_too_much_is_empty(
    development_server, send, monkeypatch
):
    monkeypatch.setattr("pipelines.dev_server.rest._LARGEST_UNPACKED", 1000)
    packed = gzip.compress(b" " * 1001)
    headers = {"Content-Encoding": "gzip"}
    status, body = send(development_server, "POST", PREDICT, packed, headers)
    assert status == 400
    assert json.loads(body) == {"error": "JSON Parse error: The document is empty"}


def test_a_request_that_takes_too_long_is_told(toy_folder, serving, predict):
    with serving(ModelManager(toy_folder), rest_timeout=0.5) as addresses:
        body = b'{"signature_name": "count", "inputs": {"steps": 2000000000}}'
        status, answer = predict(addresses.rest, body)
        assert status == 504
        assert "Timed out waiting for notification" in json.loads(answer)["error"]
        # Others are answered; on a busy machine only some of them in so short a time.
        end = time.monotonic() + 60
        while predict(addresses.rest, b'{"instances": [[1, 2]]}')[0] != 200:
            assert time.monotonic() < end


def test_status_is_answered_while_all_threads_predict(
    development_server, monkeypatch, send, predict
):
    waiting, released = threading.Semaphore(0), threading.Event()

    def slow(self, signature, arrays, timeout):
        waiting.release()
        released.wait(30)
        return {"y": arrays["x"]}

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", slow)
    with ThreadPoolExecutor(NUM_THREADS + 1) as clients:
        answers = [
            clients.submit(predict, development_server, b'{"instances": [[1, 2]]}')
            for _ in range(NUM_THREADS + 1)
        ]
        try:
            assert all(waiting.acquire(timeout=30) for _ in range(NUM_THREADS))
            assert send(development_server, "GET", TOY)[0] == 200
            # The last one has no thread yet.
            assert not waiting.acquire(blocking=False)
        finally:
            released.set()
    assert [answer.result()[0] for answer in answers] == [200] * len(answers)


def test_a_request_whose_client_left_before_it_had_a_thread_is_not_computed(
    development_server, monkeypatch, send, predict, caplog
):
    begun, waiting, released = [], threading.Semaphore(0), threading.Event()

    def slow(self, signature, arrays, timeout):
        begun.append(arrays["x"].tolist())
        waiting.release()
        released.wait(30)
        return {"y": arrays["x"]}

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", slow)
    address = urllib.parse.urlsplit(development_server)
    with ThreadPoolExecutor(NUM_THREADS + 1) as clients:
        bodies = [b'{"instances": [[1, 2]]}'] * NUM_THREADS
        answers = [clients.submit(predict, development_server, one) for one in bodies]
        try:
            assert all(waiting.acquire(timeout=30) for _ in range(NUM_THREADS))
            with socket.create_connection((address.hostname, address.port)) as leaving:
                body = b'{"instances": [[3, 4]]}'
                head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: "
                leaving.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)
                assert send(development_server, "GET", TOY)[0] == 200
            assert send(development_server, "GET", TOY)[0] == 200
            # This one waits behind it.
            last = b'{"instances": [[5, 6]]}'
            answers.append(clients.submit(predict, development_server, last))
        finally:
            released.set()
        assert [answer.result()[0] for answer in answers] == [200] * len(answers)
    assert [[5, 6]] in begun and [[3, 4]] not in begun
    # It is no fault of the server.
    assert "Could not answer" not in caplog.text


def test_fault_of_the_server_is_a_500_with_its_words(
    development_server, monkeypatch, predict
):
    def broken(self, signature, arrays, timeout):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", broken)
    status, body = predict(development_server, b'{"instances": [[1, 2]]}')
    assert (status, json.loads(body)) == (500, {"error": "the disk is gone"})
