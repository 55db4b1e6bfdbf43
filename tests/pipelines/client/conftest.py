"""A small exported model that segments, and servers that serve it."""

import base64
import contextlib
import dataclasses
import http.server
import itertools
import json
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from pipelines import scaling
from pipelines.client import service
from pipelines.client.about import About
from pipelines.dev_server.models import ModelManager

LIMIT = 64 * 64
THRESHOLD = 0.5
# The mean of what the stand-in for a net counts in noise.
OF_NOISE = 1.32
# Of a net of depth 1: what it sees around a pixel, rounded up to its pooling step.
REACH = 8


def probability_of(image, mean, std):
    """A stand-in for a net of depth 1: sees 7 pixels around, on a grid of 2x2 cells.

    It counts bright pixels, whole numbers that no rounding changes; of noise about half
    is foreground.

    Args:
        image: (1, height, width, 1); mean and std (1, 1).
    """
    scaled = (tf.cast(image, tf.float32) - mean[:, None, None]) / std[:, None, None]
    height, width = tf.shape(scaled)[1], tf.shape(scaled)[2]
    padding = [[0, 0], [REACH, REACH + height % 2], [REACH, REACH + width % 2], [0, 0]]
    bright = tf.cast(scaled > 0.25, tf.float32)
    padded = tf.pad(bright, padding, "REFLECT")
    pooled = tf.repeat(tf.repeat(tf.nn.max_pool2d(padded, 2, 2, "SAME"), 2, 1), 2, 2)
    mean_around = tf.nn.avg_pool2d(padded + pooled, 13, 1, "SAME")
    kept = mean_around[:, REACH : REACH + height, REACH : REACH + width]
    return tf.sigmoid(8 * (kept - OF_NOISE))


def mask_of(image, threshold=THRESHOLD):
    """The mask of a whole image (height, width) uint8, as 0 and 255."""
    mean, std = scaling.image_statistics(image[..., None])
    probability = probability_of(image[None, ..., None], mean[None], std[None])
    return (probability.numpy()[0, ..., 0] > threshold).astype(np.uint8) * 255


ABOUT = {
    "pixel_limit": LIMIT,
    "channels": 1,
    "classes": ["background", "foreground"],
    "threshold": THRESHOLD,
    "scaling": "per_image",
    "depth": 1,
    "alignment": 2,
    "margin_before": REACH,
    "margin_after": REACH,
    "more": "is ignored",
}


def _mask_bytes(data, threshold):
    image = tf.io.decode_png(data, channels=1)
    refusal = tf.debugging.Assert(tf.size(image) <= LIMIT, ["Too many pixels."])
    with tf.control_dependencies([refusal]):
        mean, std = scaling.image_statistics(image)
    probability = probability_of(image[None], mean[None], std[None])[0]
    return tf.io.encode_png(tf.cast(probability > threshold, tf.uint8) * 255)


def _region(image, mean, std):
    # As the export does: whole cells of the pooling grid only.
    whole = tf.debugging.Assert(
        tf.reduce_all(tf.shape(image)[1:3] % 2 == 0), ["Expected multiples of 2."]
    )
    with tf.control_dependencies([whole]):
        probability = probability_of(image, mean, std)
    return {"probability": probability[:, REACH:-REACH, REACH:-REACH]}


def _signatures(signature, threshold=THRESHOLD):
    about = json.dumps({**ABOUT, "threshold": threshold})
    pixels = (None, None, None, 1)
    return {
        "image_bytes": signature(
            lambda image_bytes: {
                "mask_bytes": tf.map_fn(
                    lambda data: _mask_bytes(data, threshold),
                    image_bytes,
                    fn_output_signature=tf.string,
                )
            },
            image_bytes=((None,), tf.string),
        ),
        "region": signature(
            _region,
            image=(pixels, tf.float32),
            mean=((None, 1), tf.float32),
            std=((None, 1), tf.float32),
        ),
        "about": signature(
            lambda query: {"about": tf.fill(tf.shape(query), about)},
            query=((None,), tf.string),
        ),
        "pixels_uint16": signature(
            lambda image: {"mask": tf.cast(image > 9, tf.uint8)},
            image=(pixels, tf.uint16),
        ),
        "serving_default": signature(
            lambda image: {"probability": tf.sigmoid(image)},
            image=(pixels, tf.float32),
        ),
    }


@pytest.fixture(scope="session")
def segmenter(tmp_path_factory, signature):
    """saved_models/cells with version 1: a model of one channel with a small limit."""
    folder = tmp_path_factory.mktemp("saved_models") / "cells"
    signatures = _signatures(signature)
    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures=signatures)
    return folder


@pytest.fixture(scope="session")
def stricter(tmp_path_factory, signature):
    """The folder of a version like that of `segmenter`, of another threshold.

    Returns:
        (folder, threshold).
    """
    folder = tmp_path_factory.mktemp("stricter") / "2"
    signatures = _signatures(signature, 0.7)
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    return folder, 0.7


@pytest.fixture
def replaced(segmenter, stricter, serving, tmp_path):
    """The addresses of a server, and a function that replaces its version.

    The first one is that of `segmenter`, each next one is like `stricter`.
    """
    base = tmp_path / "replaced" / "cells"
    shutil.copytree(segmenter, base)
    manager = ModelManager(base)
    numbers = itertools.count(2)

    def replace():
        number = next(numbers)
        shutil.copytree(stricter[0], base / f".part-{number}")
        (base / f".part-{number}").rename(base / str(number))
        manager.poll()

    with serving(manager) as addresses:
        yield addresses, replace


@pytest.fixture
def swapping(replaced, monkeypatch):
    """The addresses of a server whose version is replaced within an image, once.

    After the first region that it answers.
    """
    addresses, replace = replaced
    mask_windows, times = service.mask_windows, [replace]

    def swapped(*given):
        windows = mask_windows(*given)
        yield next(windows)
        if times:
            times.pop()()
        yield from windows

    monkeypatch.setattr(service, "mask_windows", swapped)
    return addresses


@pytest.fixture(scope="session")
def addresses(segmenter, serving):
    with serving(ModelManager(segmenter)) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def rest_url(addresses):
    return f"{addresses.rest}/v1/models/cells"


@pytest.fixture(scope="session")
def grpc_url(addresses):
    return f"grpc://{addresses.grpc}/cells"


@pytest.fixture(scope="session")
def limit():
    """Pixels of the largest image that the model takes whole."""
    return LIMIT


@pytest.fixture(scope="session")
def about_of():
    """What the model says of itself, but for what is named."""
    about = About(
        pixel_limit=LIMIT,
        channels=1,
        num_classes=2,
        threshold=THRESHOLD,
        scaling="per_image",
        step=2,
        before=REACH,
        after=REACH,
        text=json.dumps(ABOUT),
    )
    return lambda **changes: dataclasses.replace(about, **changes)


@pytest.fixture(scope="session", name="mask_of")
def _mask_of():
    return mask_of


AVAILABLE = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
NO_ABOUT = b'{"error": "Serving signature name: \\"about\\" not found"}'


@contextlib.contextmanager
def stub(answer, status=200, state=AVAILABLE, seconds=0.0, received=None):
    """Yields the address of a server that gives one answer to every prediction.

    A list of statuses is gone through; the last one stays.
    """
    statuses = list(status) if isinstance(status, list) else [status]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send(200, json.dumps(state).encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b'"about"' in body:
                return self.send(400, NO_ABOUT)
            if received is not None:
                received.append(body)
            time.sleep(seconds)
            code = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            with contextlib.suppress(BrokenPipeError):
                self.send(code, answer)

        def send(self, code, body):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/models/toy"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(name="stub", scope="session")
def _stub():
    return stub


@contextlib.contextmanager
def cutting_proxy(port, most_bytes):
    """Yields the port of a proxy that answers with so many bytes, then is gone."""
    left, gone = [most_bytes], threading.Event()
    open_ones = []

    def forward(source, target, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if counted:
                    data, left[0] = data[: max(0, left[0])], left[0] - len(data)
                target.sendall(data)
                if left[0] <= 0:
                    break
        if left[0] <= 0:
            gone.set()
            # Closing alone does not wake who waits for a client; the other side may
            # have been first.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in open_ones if gone.is_set() else (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                open_ones.extend((client, server))
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], gone
    finally:
        listener.close()
        for one in open_ones:
            one.close()


@pytest.fixture(name="cutting_proxy", scope="session")
def _cutting_proxy():
    return cutting_proxy


class Waits:
    """The stopping event and the clock of a pool: waits take no time."""

    def __init__(self):
        self.now, self.waits, self.is_stopped = 0.0, [], False

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return self.is_stopped

    def set(self):
        self.is_stopped = True


@pytest.fixture
def waits():
    return Waits()


class FakeServer:
    """A server that answers as it is told to; for the pool."""

    def __init__(self, answers=(), name="fake", version=1):
        from pipelines.client.addresses import parse_addresses

        (self.address,) = parse_addresses(f"http://{name}/v1/models/toy")
        self.answers = list(answers)
        self.asked = 0
        self.version = version

    def states(self):
        self.predict("", {})
        from pipelines.client.server import VersionState

        return [VersionState(1, "AVAILABLE", "")]

    def answering_version(self):
        if isinstance(self.version, Exception):
            raise self.version
        return self.version

    def pinned(self, version):
        return type(self)(self.answers, f"pinned{version}", version)

    def predict(self, signature, inputs, seconds=None):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else {"": np.ones(1)}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.answers = None


@pytest.fixture(scope="session")
def fake_server():
    return FakeServer


@pytest.fixture(scope="session")
def b64():
    return lambda data: {"b64": base64.b64encode(data).decode()}


@contextlib.contextmanager
def _answering(sent, waits=False):
    """Yields the address of a server that sends these bytes once."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(sent)
                if waits:
                    done.wait(10)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/models/x"
        finally:
            done.set()
            thread.join()


@pytest.fixture(scope="session")
def answering():
    """Makes a server of bytes."""
    return _answering
