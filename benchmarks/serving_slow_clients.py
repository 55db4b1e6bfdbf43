"""Time of good requests beside clients that are slow, are cut off, or never read.

Each kind of clients in turn, and none, on one server; the ratio is to the requests of
the same turn that were alone. Clients that never read are let in before the time is
taken: what they ask for is computed by then.

    python benchmarks/serving_slow_clients.py [--clients 50] [--turns 6] [--requests 10]
"""

import argparse
import contextlib
import io
import json
import select
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import grpc
import numpy as np
import PIL.Image
import records
import served_model
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from pipelines.client.connecting import connect
from pipelines.client.grpc_server import CHANNEL_OPTIONS
from pipelines.client.server import Server
from pipelines.serving.serving_engines import Launch

ALONE = "none"
# A byte of each slow client's request.
SECONDS_A_BYTE = 0.2
# Of an image whose probabilities as JSON are more than a connection's buffers hold.
LARGE_SIDE = 700
# Of an image whose mask as a message is more than a call's window holds.
MASK_SIDE = 400
# JSON takes long to compute: a few such clients.
CLIENTS_OF_JSON = 4
SMALL_BUFFER = 4096
RESET = struct.pack("ii", 1, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--engine", default="development")
    arguments = parser.parse_args()
    with served_model.served(arguments.base_filters, arguments.engine) as (_, launch):
        seconds = measure(launch, arguments)
    settings = vars(arguments) | {"server": launch.engine}
    records.append("serving_slow_clients", settings, seconds=seconds)
    for kind, transports in seconds.items():
        for name, turns in transports.items():
            middle, high = np.percentile(np.concatenate(turns), [50, 95]) * 1000
            print(f"{kind:24} {name}: p50 {middle:8.1f} ms   p95 {high:8.1f} ms")


def measure(
    launch: Launch, arguments: argparse.Namespace
) -> dict[str, dict[str, list[list[float]]]]:
    """Returns the seconds of good requests by kind of clients, transport and turn."""
    kinds: dict[str, Callable[[Launch, int], AbstractContextManager]] = {
        ALONE: lambda launch, number: contextlib.nullcontext(),
        "send slowly": slow_clients,
        "are cut off": cut_clients,
        "never read": clients_that_never_read,
    }
    files = {"image_bytes": np.array([png(arguments.side)], object)}
    seconds: dict[str, dict[str, list[list[float]]]] = {
        kind: {"REST": [], "gRPC": []} for kind in kinds
    }
    with contextlib.ExitStack() as closing:
        servers = {}
        for name, url in (("REST", launch.url), ("gRPC", launch.grpc_url)):
            (servers[name],) = connect(url, 600.0)
            closing.callback(servers[name].close)
        for _ in range(arguments.turns):
            for kind, clients in kinds.items():
                with clients(launch, arguments.clients):
                    for name, server in servers.items():
                        found = times(server, files, arguments.requests)
                        seconds[kind][name].append(found)
    return seconds


def times(server: Server, files: dict[str, np.ndarray], number: int) -> list[float]:
    """Returns the seconds of so many requests; one before them connects."""
    found = []
    for _ in range(number + 1):
        started = time.perf_counter()
        server.predict("image_bytes", files)
        found.append(time.perf_counter() - started)
    return found[1:]


@contextlib.contextmanager
def slow_clients(launch: Launch, number: int) -> Iterator[None]:
    """Clients whose requests come a byte at a time, and not to an end."""
    head = head_of(launch, 10**6)
    with contextlib.ExitStack() as closing:
        opened = [closing.enter_context(connection(launch)) for _ in range(number)]
        for one in opened:
            one.sendall(head)

        def send() -> None:
            for one in opened:
                one.sendall(b" ")

        with repeated(send, SECONDS_A_BYTE):
            yield


@contextlib.contextmanager
def cut_clients(launch: Launch, number: int) -> Iterator[None]:
    """So many clients a second that end in the middle of their requests."""
    head = head_of(launch, 1000)

    def cut() -> None:
        with connection(launch) as one:
            one.sendall(head + b"{")
            # A reset instead of an orderly end.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with repeated(cut, 1 / number):
        yield


@contextlib.contextmanager
def clients_that_never_read(launch: Launch, number: int) -> Iterator[None]:
    """Clients that do not take their answers, over gRPC, and some over REST."""
    rows = np.zeros((1, LARGE_SIDE, LARGE_SIDE, 1), int).tolist()
    body = json.dumps({"instances": rows}).encode()
    message = predict_pb2.PredictRequest()
    message.model_spec.name = urllib.parse.urlsplit(launch.grpc_url).path.strip("/")
    message.model_spec.signature_name = "pixels"
    pixels = np.zeros((1, MASK_SIDE, MASK_SIDE, 1), np.uint8)
    message.inputs["pixels"].CopyFrom(tf.make_tensor_proto(pixels))
    address = urllib.parse.urlsplit(launch.grpc_url).netloc
    with contextlib.ExitStack() as closing:
        for _ in range(CLIENTS_OF_JSON):
            one = closing.enter_context(connection(launch))
            one.sendall(head_of(launch, len(body)) + body)
            # Its answer begins.
            select.select([one], [], [])
        channel = closing.enter_context(grpc.insecure_channel(address, CHANNEL_OPTIONS))
        # As a stream of answers, of which each is taken only when it is asked for.
        call = channel.unary_stream(
            "/tensorflow.serving.PredictionService/Predict",
            predict_pb2.PredictRequest.SerializeToString,
        )
        calls = []
        for _ in range(number):
            calls.append(call(message))
            calls[-1].initial_metadata()
        yield
        if any(one_call.done() for one_call in calls):
            raise RuntimeError("answers were taken that should have waited")
        for one_call in calls:
            one_call.cancel()


@contextlib.contextmanager
def repeated(function: Callable[[], None], seconds: float) -> Iterator[None]:
    """Calls a function in a thread, with a pause after each call."""
    ended = threading.Event()
    failures: list[OSError] = []

    def run() -> None:
        try:
            while not ended.wait(seconds):
                function()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        # Without the clients the figures would say nothing.
        raise failures[0]


def connection(launch: Launch) -> socket.socket:
    """Opens a connection to the REST port that takes little before it is read."""
    address = urllib.parse.urlsplit(launch.url)
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    opened.settimeout(60)
    opened.connect((address.hostname, address.port))
    return opened


def head_of(launch: Launch, length: int) -> bytes:
    """Returns the head of a prediction whose body has so many bytes."""
    path = urllib.parse.urlsplit(launch.url).path
    return (
        f"POST {path}:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def png(side: int) -> bytes:
    random = np.random.default_rng(seed=2)
    pixels = random.integers(0, 256, (side // 8, side // 8)).astype(np.uint8)
    buffer = io.BytesIO()
    # Neither noise, which does not compress, nor flat.
    PIL.Image.fromarray(pixels).resize((side, side)).save(buffer, "png")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
