"""Many requests of mixed sizes while versions are replaced: no wrong mask, no error.

Two models that differ in their threshold take turns as new versions; each mask must be
that of one of them, whole, and the server's memory, told after each tenth of the
requests, must not grow from the second third of them to the last. Exits with 1 for
anything else. Linux only, for it reads /proc.

    python benchmarks/serving_load.py [--requests 2000] [--at-a-time 16] [--swaps 5]
"""

import argparse
import collections
import io
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import records
import served_model
import tensorflow as tf

from pipelines.client.connecting import connect
from pipelines.client.server import Server, only
from pipelines.config import ServeConfig
from pipelines.serving.serving import running_launch
from pipelines.serving.serving_engines import Launch

# Of the image sides; many small ones for each large one.
SIDES = (1, 2, 7, 16, 33, 64, 100, 128, 200, 256, 300, 512, 700, 1024, 2048)
THRESHOLDS = (0.5, 0.52)
NUM_MEASUREMENTS = 10
# Of the greatest memory in the last third of the requests over that in the second; what
# is lost at each request or swap adds up to more.
MOST_GROWTH = 1.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-a-time", type=int, default=16)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--engine", default="development")
    arguments = parser.parse_args()
    if arguments.requests < NUM_MEASUREMENTS:
        parser.error(f"--requests must be at least {NUM_MEASUREMENTS}")
    with tempfile.TemporaryDirectory() as folder:
        models = [
            served_model.exported(
                pathlib.Path(folder),
                f"cells_{number}",
                depth=2,
                base_filters=4,
                threshold=threshold,
            )
            for number, threshold in enumerate(THRESHOLDS)
        ]
        files = [png(side) for side in SIDES]
        loaded = [tf.saved_model.load(str(model / "1")) for model in models]
        allowed = [masks_of(loaded, file) for file in files]
        del loaded
        base = pathlib.Path(folder) / "cells"
        shutil.copytree(models[0] / "1", base / "1")
        config = ServeConfig(
            saved_model=str(base), engine=arguments.engine, rest_port=0, grpc_port=0
        )
        with running_launch(config, timeout=300) as launch:
            result = load(launch, base, models, files, allowed, arguments)
    settings = vars(arguments) | {"server": launch.engine}
    records.append("serving_load", settings, **result)
    print(result)
    sys.exit("; ".join(faults(result, arguments)) or 0)


def load(
    launch: Launch,
    base: pathlib.Path,
    models: Sequence[pathlib.Path],
    files: Sequence[bytes],
    allowed: Sequence[set[bytes]],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Sends the requests; returns what came of them."""
    servers = connect(f"{launch.url},{launch.grpc_url}", 600.0)
    # Small images come more often.
    weights = [1 / (1 + side) ** 0.5 for side in SIDES]
    generator = random.Random(1)
    choices = generator.choices(range(len(SIDES)), weights, k=arguments.requests)
    outcomes: collections.Counter = collections.Counter()
    memory: list[int] = []
    done = threading.Semaphore(0)
    pid = server_process(launch.command)

    def send(number: int) -> None:
        size = choices[number]
        try:
            files_sent = {"image_bytes": np.array([files[size]], object)}
            answer = servers[number % 2].predict("image_bytes", files_sent)
            masks = only(answer, "mask_bytes")
            mask = b"" if masks is None else imagecodecs.png_decode(masks[0]).tobytes()
            outcomes["right" if mask in allowed[size] else "wrong"] += 1
        except ValueError as error:
            outcomes[f"error: {str(error)[:100]}"] += 1
        done.release()

    started = time.monotonic()
    with ThreadPoolExecutor(arguments.at_a_time) as executor:
        for number in range(arguments.requests):
            executor.submit(send, number)
        for number in range(1, arguments.requests + 1):
            done.acquire()
            if number % (arguments.requests // (arguments.swaps + 1)) == 0:
                publish(models[len(os.listdir(base)) % 2] / "1", base, arguments.swaps)
            if number % (arguments.requests // NUM_MEASUREMENTS) == 0:
                memory.append(resident_mebibytes(pid))
                print(number, memory[-1], "MiB", dict(outcomes), flush=True)
    return {
        "outcomes": dict(outcomes),
        "num_versions": answering(servers[0], arguments.swaps + 1),
        "mebibytes": memory,
        "seconds": time.monotonic() - started,
    }


def answering(server: Server, last: int, seconds: float = 60.0) -> int:
    """The version that answers, once it is the last or after so many seconds."""
    end = time.monotonic() + seconds
    while (version := server.answering_version()) != last and time.monotonic() < end:
        time.sleep(0.5)
    return version


def faults(result: dict[str, Any], arguments: argparse.Namespace) -> list[str]:
    """What is not as it must be; nothing, if all is."""
    found = []
    if result["outcomes"] != {"right": arguments.requests}:
        found.append(f"not all answers are right: {result['outcomes']}")
    wanted = arguments.swaps + 1
    if result["num_versions"] != wanted:
        found.append(f"version {result['num_versions']} answers instead of {wanted}")
    memory = result["mebibytes"]
    third = len(memory) // 3
    earlier, later = max(memory[third : 2 * third]), max(memory[2 * third :])
    if later > earlier * MOST_GROWTH:
        found.append(f"memory grows: {earlier}, then {later} MiB")
    return found


def png(side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side))
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def masks_of(models: list, file: bytes) -> set[bytes]:
    """The masks that the models give in this process."""
    found = set()
    for model in models:
        signature = model.signatures["image_bytes"]
        answer = signature(image_bytes=tf.constant([file]))
        found.add(imagecodecs.png_decode(answer["mask_bytes"].numpy()[0]).tobytes())
    return found


def publish(version: pathlib.Path, base: pathlib.Path, most: int) -> None:
    """Adds the next version by a rename, unless there are enough."""
    number = len(os.listdir(base)) + 1
    if number <= most + 1:
        partial = base.with_name(f".part-{number}")
        shutil.copytree(version, partial)
        os.rename(partial, base / str(number))


def server_process(command: tuple[str, ...]) -> int:
    """The process that was started last with this command line."""
    wanted = "\0".join(command).encode() + b"\0"
    found = [
        int(path.name)
        for path in pathlib.Path("/proc").iterdir()
        if path.name.isdecimal() and _command(path) == wanted
    ]
    return max(found)


def _command(path: pathlib.Path) -> bytes:
    try:
        return (path / "cmdline").read_bytes()
    except OSError:
        return b""


def resident_mebibytes(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
