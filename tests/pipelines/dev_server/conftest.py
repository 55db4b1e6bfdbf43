"""A small exported model, and servers that serve it."""

import functools
import http.client
import json
import os
import types
import urllib.parse

import grpc
import pytest
import tensorflow as tf

from pipelines.config import ServeConfig
from pipelines.dev_server.models import ModelManager
from pipelines.serving.serving import running_launch

ECHOED = "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32"
ECHOED += " uint64 bool string"


def _threshold(data):
    image = tf.io.decode_image(data, channels=1, expand_animations=False)
    return tf.io.encode_png(tf.cast(image > 127, tf.uint8) * 255)


def _toy_model(signature, folder, factor=2.0):
    """Writes a SavedModel with a signature for each thing that a test asks for."""
    module = tf.Module()
    module.factor = tf.Variable(factor)

    signatures = {
        "serving_default": signature(
            lambda x: {"y": module.factor * x}, x=((None, 2), tf.float32)
        ),
        "two": signature(
            lambda a, b: {"sum": a + tf.cast(b, tf.float32), "b": b},
            a=((None,), tf.float32),
            b=((None,), tf.int32),
        ),
        "image_bytes": signature(
            lambda image_bytes: {
                "mask_bytes": tf.map_fn(
                    _threshold, image_bytes, fn_output_signature=tf.string
                )
            },
            image_bytes=((None,), tf.string),
        ),
        "convolve": signature(
            lambda image: {
                "mask": tf.nn.conv2d(image, tf.ones((1, 1, 1, 1)), 1, "SAME")
            },
            image=((None, None, None, 1), tf.float32),
        ),
        # Runs for as long as it is told to.
        "count": signature(
            lambda steps: {
                "n": tf.while_loop(lambda n: n < steps, lambda n: n + 1, [0])[0][None]
            },
            steps=((), tf.int32),
        ),
        "no_batch": signature(
            lambda x: {"total": tf.reduce_sum(x)}, x=((None,), tf.float32)
        ),
        "join": signature(
            lambda x: dict.fromkeys(("text", "text_bytes"), tf.strings.reduce_join(x)),
            x=((None,), tf.string),
        ),
        "two_batches": signature(
            lambda x: {"all": x, "first": x[:1]}, x=((None,), tf.float32)
        ),
        "half_out": signature(
            lambda x: {"y": tf.cast(x, tf.float16)}, x=((None,), tf.float32)
        ),
    }
    for name in ECHOED.split():
        signatures[f"echo_{name}"] = signature(
            lambda x: {"y": tf.identity(x)}, x=(None, tf.dtypes.as_dtype(name))
        )
    tf.saved_model.save(module, str(folder), signatures=signatures)


class Answer(tuple):
    """(status, body), with the headers beside it."""

    headers = None


def _send(base, method, path, body=b"", headers=None):
    """Sends the path as it is: `requests` would tidy it up."""
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        result = Answer((answer.status, answer.read()))
        result.headers = answer.headers
        return result
    finally:
        connection.close()


@pytest.fixture(scope="session")
def send():
    """A function of (base, method, path, body, headers) that gives an `Answer`."""
    return _send


@pytest.fixture(scope="session")
def predict():
    """A function that sends toy a prediction, as bytes or as an object."""

    def predict(base, request):
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return _send(base, "POST", "/v1/models/toy:predict", body)

    return predict


@pytest.fixture(scope="session")
def write_toy_model(signature):
    return functools.partial(_toy_model, signature)


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory, write_toy_model):
    """A base path `toy` with version 1."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    write_toy_model(folder / "1")
    return folder


@pytest.fixture(scope="session")
def development(toy_folder, serving):
    """The addresses of a development server of `toy`, in this process."""
    with serving(ModelManager(toy_folder), with_health=True) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def development_server(development):
    """The base URL of a development server of `toy`, in this process."""
    return development.rest


def _servers():
    genuine = {"TF_SERVING_URL", "TF_SERVING_BINARY"} & set(os.environ)
    return ["development", *(["tensorflow-serving"] if genuine else [])]


@pytest.fixture(scope="session", params=_servers())
def addresses(request):
    """The addresses of each server that the conformance table is held against.

    TensorFlow Serving is one that TF_SERVING_BINARY names the program of, or one at
    TF_SERVING_URL (http://HOST:PORT; its gRPC port is 8500, or TF_SERVING_GRPC is
    HOST:PORT) that serves what `write_toy_model` writes as toy.
    """
    if request.param == "development":
        yield request.getfixturevalue("development")
    elif "TF_SERVING_URL" in os.environ:
        url = os.environ["TF_SERVING_URL"].rstrip("/")
        host = urllib.parse.urlsplit(url).hostname
        yield types.SimpleNamespace(
            rest=url, grpc=os.environ.get("TF_SERVING_GRPC", f"{host}:8500")
        )
    else:
        config = ServeConfig(
            saved_model=str(request.getfixturevalue("toy_folder")),
            engine="tensorflow-serving",
            rest_port=0,
            grpc_port=0,
        )
        with running_launch(config) as launch:
            rest = launch.url.partition("/v1/")[0]
            netloc = urllib.parse.urlsplit(launch.grpc_url).netloc
            yield types.SimpleNamespace(rest=rest, grpc=netloc)


@pytest.fixture(scope="session")
def server(addresses):
    """The base URL of each server that the conformance table is held against."""
    return addresses.rest


@pytest.fixture(scope="session")
def channel(addresses):
    """A gRPC channel to each of them."""
    with grpc.insecure_channel(addresses.grpc) as channel:
        yield channel
