"""What deploy/ promises of its front: a real nginx before a real development server."""

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

import grpc
import numpy as np
import PIL.Image
import pytest
import requests

from pipelines import cli
from pipelines.client import segment_array
from pipelines.images import ImageEntry, read_mask

pytestmark = pytest.mark.usefixtures("client")
MODEL = "/v1/models/cells"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


@pytest.fixture(scope="module")
def front(front_before, server):
    rest, grpc_address = server
    with front_before([rest], [grpc_address]) as front:
        yield front


@pytest.fixture(scope="module")
def listeners():
    """Ports of REST and of gRPC that take connections and answer nothing."""
    with contextlib.ExitStack() as sockets:
        made = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for one in made:
            sockets.enter_context(one)
            one.setblocking(False)
        yield made


@pytest.fixture(scope="module")
def watched(front_before, listeners):
    """A front before those."""
    rest, grpc_address = (f"127.0.0.1:{one.getsockname()[1]}" for one in listeners)
    with front_before([rest], [grpc_address]) as front:
        yield front


def came(listener):
    """Tells whether a connection has come."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def refused(front, method, authorization):
    """Sends an empty message over gRPC; returns the HTTP status of the refusal."""
    credentials = grpc.ssl_channel_credentials(front.certificate.read_bytes())
    metadata = () if authorization is None else (("authorization", authorization),)
    with grpc.secure_channel(front.grpc, credentials) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(method)(b"", metadata=metadata, timeout=60)
    return int(re.fullmatch(r".*status: (\d+)", raised.value.details())[1])


def begin_prediction(front, length):
    """Sends the head of a prediction over REST, and one byte of its body."""
    port = urllib.parse.urlsplit(front.rest).port
    context = ssl.create_default_context(cafile=front.certificate)
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    opened = context.wrap_socket(plain, server_hostname="localhost")
    lines = [f"POST {MODEL}:predict HTTP/1.1", "Host: localhost"]
    lines += [f"Authorization: Bearer {front.token}", f"Content-Length: {length}"]
    opened.sendall("\r\n".join([*lines, "", "{"]).encode())
    return opened


def test_images_of_megabytes_go_over_rest(front, noise, tmp_path):
    image, mask = noise(2200, 2100)
    PIL.Image.fromarray(image).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 4 * 2**20
    words = ["segment", "--url", front.rest + MODEL, "--images", str(tmp_path)]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    made = read_mask(ImageEntry(tmp_path / "out" / "large.png"))
    np.testing.assert_array_equal(made, mask)


def test_regions_of_megabytes_go_over_grpc(front, noise, tmp_path):
    # Beyond what the model takes at once: four regions, each above gRPC's own limit.
    image, mask = noise(2300, 2200)
    PIL.Image.fromarray(image).save(tmp_path / "huge.png")
    words = ["segment", "--url", f"grpcs://{front.grpc}/cells"]
    words += ["--images", str(tmp_path), "--out", str(tmp_path / "out")]
    # In a process of its own, for gRPC reads the certificate but once.
    certificate = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(front.certificate)}
    told = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        env={**os.environ, **certificate},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    made = read_mask(ImageEntry(tmp_path / "out" / "huge.png"))
    np.testing.assert_array_equal(made, mask)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer xq7change0me",
        "Bearer Xq7change0me1",
        "Basic Xq7change0me",
    ],
)
def test_without_the_token_nothing_reaches_the_server(
    watched, listeners, authorization
):
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (
        ("POST", f"{MODEL}:predict"),
        ("GET", MODEL),
        ("GET", f"{MODEL}/metadata"),
    ):
        url = watched.rest + path
        # As it is: not with what a .netrc may have for the host.
        answer = requests.request(
            method,
            url,
            headers=headers,
            data="{}",
            auth=lambda request: request,
            timeout=60,
        )
        assert answer.status_code == 401
    for method in (PREDICT, METADATA, STATUS):
        assert refused(watched, method, authorization) == 401
    assert not any(came(listener) for listener in listeners)


def test_the_client_says_what_is_missing(front, monkeypatch):
    image = np.zeros((30, 40), np.uint8)
    monkeypatch.setenv("KERAS_UNET_TOKEN", "another")
    with pytest.raises(ValueError, match=r"answered 401.* Set KERAS_UNET_TOKEN"):
        segment_array(front.rest + MODEL, image)
    url = front.rest.replace("https", "http") + MODEL
    with pytest.raises(ValueError, match=r"asks for TLS\. Take an address of https"):
        segment_array(url, image)


def test_only_predictions_metadata_and_status_are_open(watched, listeners):
    login = f"Bearer {watched.token}"
    for method, path in (
        ("GET", "/"),
        ("GET", "/v1/models"),
        ("GET", "/monitoring/prometheus/metrics"),
        ("GET", f"{MODEL}/..%2f..%2f../monitoring/prometheus/metrics"),
        ("POST", MODEL),
        ("POST", f"{MODEL}:classify"),
    ):
        headers = {"Authorization": login}
        url = watched.rest + path
        answer = requests.request(method, url, headers=headers, timeout=60)
        assert answer.status_code == (403 if method == "POST" else 404)
    for path in (
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
        "/tensorflow.serving.PredictionService/Classify",
        "/grpc.health.v1.Health/Check",
    ):
        assert refused(watched, path, login) == 404
    assert not any(came(listener) for listener in listeners)


def test_bodies_are_read_before_the_server_sees_them(watched, listeners):
    with begin_prediction(watched, 3) as slow:
        time.sleep(0.1)
        assert not came(listeners[0])
        slow.sendall(b"12")
        deadline = time.monotonic() + 300
        while not came(listeners[0]):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_body_beyond_the_limit_is_refused_at_its_head(front):
    with begin_prediction(front, 512 * 2**20 + 1) as opened:
        assert opened.recv(12) == b"HTTP/1.1 413"


def test_predictions_beyond_the_limit_wait_and_status_does_not(front, noise):
    image, mask = noise(30, 40)
    headers = {"Authorization": f"Bearer {front.token}"}
    url = front.rest + MODEL
    with contextlib.ExitStack() as sockets:
        for _ in range(7):
            sockets.enter_context(begin_prediction(front, 1000))
        deadline = time.monotonic() + 300
        while requests.post(f"{url}:predict", headers=headers).status_code != 503:
            assert time.monotonic() < deadline
        assert requests.get(url, headers=headers).status_code == 200
        timer = threading.Timer(0.3, sockets.close)
        timer.start()
        # Asked again until there is room.
        made = segment_array(url, image)
        timer.join()
    np.testing.assert_array_equal(made, mask)
