"""What all tests share."""

import contextlib
import dataclasses
import gc
import os
import pathlib
import threading
import time

import hypothesis
import numpy as np
import pytest

# Warnings of TensorFlow's C++ side would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = pathlib.Path(__file__).parent.parent


def pytest_configure(config):
    """Makes the default suite draw the same examples each time; `make test-all` others.

    A busy machine is no failure: Hypothesis allows an example 0.2 seconds by itself.
    """
    is_default = config.option.markexpr == "not slow"
    hypothesis.settings.register_profile(
        "ours", deadline=None, derandomize=is_default, print_blob=True
    )
    hypothesis.settings.load_profile("ours")


def pytest_collection_finish():
    """Spares the garbage collector what is loaded for good, TensorFlow above all.

    It looked at all of it again and again: a tenth of the time of tests that trace.
    """
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real data sets (isbi2012/, u373/, dsb2018_fluo/)."""
    folder = pathlib.Path(
        os.environ.get("KERAS_UNET_TEST_DATA", ROOT.parent / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KERAS_UNET_TEST_DATA")
    return folder


@pytest.fixture
def random() -> np.random.Generator:
    """A generator that draws the same numbers in every run."""
    return np.random.default_rng(seed=0)


@pytest.fixture
def decided(tmp_path):
    """Finds the pixels of an image whose class does not hang on a rounding.

    Server and predict promise the same mask wherever the probability is not within
    1e-5 of the threshold: at one pixel in some hundred thousand it is.
    """
    from pipelines import predict
    from pipelines.config import PredictConfig
    from pipelines.images import ImageEntry, read_image
    from pipelines.run_folder import load_record

    def found(run, image) -> np.ndarray:
        settings = {"output": "probability", "probability_dtype": "float32"}
        out = str(tmp_path / "probabilities")
        config = PredictConfig(model=str(run), images=str(image), out=out, **settings)
        (file,) = predict(config)
        probability = read_image(ImageEntry(file))[:, :, 0]
        threshold = load_record(pathlib.Path(run)).threshold
        return np.abs(probability - threshold) > 1e-5

    return found


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Where a server answers: http://HOST:PORT and HOST:PORT."""

    rest: str
    grpc: str


@contextlib.contextmanager
def _app_in_thread(app):
    """Yields the base URL of an ASGI application that runs in a thread."""
    import uvicorn

    from pipelines.dev_server.__main__ import bound_socket, server_config

    listener = bound_socket("127.0.0.1", 0, "--rest-port")
    server = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server has ended at its start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextlib.contextmanager
def _serve(manager, rest_timeout=600.0, **settings):
    """Yields the addresses of both transports over a manager, in this process."""
    from pipelines.dev_server.grpc_api import make_server
    from pipelines.dev_server.rest import RestApp

    manager.start()
    server = make_server(manager, **settings)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with _app_in_thread(RestApp(manager, rest_timeout)) as url:
            yield Addresses(url, f"127.0.0.1:{port}")
    finally:
        server.stop(None)
        manager.close()


@pytest.fixture(scope="session")
def serving():
    """A function that serves a manager over both transports, in this process."""
    return _serve


@pytest.fixture(scope="session")
def signature():
    """Makes a signature of a SavedModel; inputs are names with shape and dtype."""
    import tensorflow as tf

    def made(function, **inputs):
        specs = {
            name: tf.TensorSpec(shape, dtype, name=name)
            for name, (shape, dtype) in inputs.items()
        }
        return tf.function(function).get_concrete_function(**specs)

    return made
