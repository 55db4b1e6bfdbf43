"""Time from a 512x512 image to its mask: through a server, and by the graph itself.

Each way in turn, many rounds, one request at a time; the ratio is to the same signature
called in this process. Without --url a development server is started.

    python benchmarks/serving_latency.py [--rounds 60] [--base-filters 16]
"""

import argparse
import contextlib
import io
import pathlib
import time
from collections.abc import Callable

import numpy as np
import PIL.Image
import records
import served_model
import tensorflow as tf

from pipelines.client.connecting import connect
from pipelines.client.server import Server

SIDE = 512
# JSON of floats is slow: a few rounds tell enough.
JSON_ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--engine", default="development")
    arguments = parser.parse_args()
    with (
        served_model.served(arguments.base_filters, arguments.engine) as (
            model,
            launch,
        ),
        contextlib.ExitStack() as closing,
    ):
        servers = connect(f"{launch.url},{launch.grpc_url}", 600.0)
        for server in servers:
            closing.callback(server.close)
        seconds = measure(ways(model / "1", *servers), arguments.rounds)
    settings = vars(arguments) | {"side": SIDE, "server": launch.engine}
    records.append("serving_latency", settings, seconds=seconds)
    for name, values in seconds.items():
        middle, high = np.percentile(values, [50, 95])
        print(f"{name:24} p50 {1000 * middle:8.1f} ms   p95 {1000 * high:8.1f} ms")


def ways(
    version: pathlib.Path, rest: Server, grpc: Server
) -> dict[str, Callable[[], object]]:
    """Returns a function for each way, which all give the same mask."""
    signatures = tf.saved_model.load(str(version)).signatures
    random = np.random.default_rng(seed=2)
    pixels = random.integers(0, 256, (SIDE // 8, SIDE // 8)).astype(np.uint8)
    # Neither noise, which does not compress, nor flat.
    image = np.asarray(PIL.Image.fromarray(pixels).resize((SIDE, SIDE)))
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "png")
    files = {"image_bytes": np.array([buffer.getvalue()], object)}
    tensor = {"pixels": image[np.newaxis, ..., np.newaxis]}
    floats = {"image": tensor["pixels"].astype(np.float32)}
    file, array = tf.constant([buffer.getvalue()]), tf.constant(tensor["pixels"])
    float_array = tf.constant(floats["image"])
    return {
        "direct, PNG": lambda: signatures["image_bytes"](image_bytes=file),
        "direct, uint8": lambda: signatures["pixels"](pixels=array),
        "direct, float32": lambda: signatures["serving_default"](image=float_array),
        "REST, PNG": lambda: rest.predict("image_bytes", files),
        "gRPC, PNG": lambda: grpc.predict("image_bytes", files),
        "gRPC, uint8": lambda: grpc.predict("pixels", tensor),
        "gRPC, float32": lambda: grpc.predict("serving_default", floats),
        "REST, float32 as JSON": lambda: rest.predict("serving_default", floats),
    }


def measure(
    calls: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Returns the seconds of each way, in every round one after the other."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    # The first call of each is not counted: it compiles, and connects.
    for number in range(-2, rounds):
        for name, call in calls.items():
            if "JSON" in name and number >= JSON_ROUNDS:
                continue
            started = time.perf_counter()
            call()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
