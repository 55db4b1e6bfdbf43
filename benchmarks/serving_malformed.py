"""Malformed requests in any number against a server of its own process.

Every one must be answered with the code that the contract has for what is wrong with
it, the server must live, and a good request afterwards must be answered right. The
default suite sends 2,000 of the kind.

    python benchmarks/serving_malformed.py [--requests 200000] [--at-a-time 4]
"""

import argparse
import base64
import collections
import http.client
import io
import json
import pathlib
import random
import sys
import tempfile
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc_faults
import malformed
import numpy as np
import PIL.Image
import records
import rest_faults
import served_model
from served_signatures import Served, read_signatures
from tensorflow_serving.apis import predict_pb2

from pipelines.client.connecting import connect
from pipelines.client.grpc_server import CHANNEL_OPTIONS
from pipelines.config import ServeConfig
from pipelines.serving.serving import running_launch
from pipelines.serving.serving_engines import Launch
from pipelines.tensor_messages import to_message

SECONDS = 60.0
# Of what asks for endless work.
SHORT_SECONDS = 5.0
SEVERAL = "several"
UNEXPECTED = "unexpected"
GOOD_WRONG = "good request answered wrong"
INITIALISER = "__saved_model_init_op"
IMAGE = np.arange(42, dtype=np.uint8).reshape(6, 7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--at-a-time", type=int, default=4)
    parser.add_argument("--engine", default="development")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = served_model.exported(
            pathlib.Path(folder), "cells", depth=1, base_filters=2
        )
        config = ServeConfig(
            saved_model=str(model),
            engine=arguments.engine,
            rest_port=0,
            grpc_port=0,
        )
        served = Served(
            name="cells",
            signatures=read_signatures(model / "1"),
            documents=DOCUMENTS,
            messages=MESSAGES,
            bombs=BOMB_DOCUMENTS + BOMB_MESSAGES,
            checks_shapes=True,
        )
        with running_launch(config) as launch:
            result = attack(launch, served, arguments)
    settings = vars(arguments) | {"server": launch.engine}
    records.append("serving_malformed", settings, **result)
    print(result)
    wrong = [a for a in result["answers"] if UNEXPECTED in a or a == GOOD_WRONG]
    sys.exit(f"{len(wrong)} kinds of answers are not the contract's" if wrong else 0)


def attack(
    launch: Launch, served: Served, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Sends the requests from several threads; returns the counts of the answers."""
    (server,) = connect(launch.grpc_url, 60.0)
    good = {"image_bytes": np.array([png()], object)}
    expected = server.predict("image_bytes", good)["mask_bytes"][0]
    share = arguments.requests // (2 * arguments.at_a_time)
    started = time.monotonic()
    counts: collections.Counter = collections.Counter()
    with ThreadPoolExecutor(2 * arguments.at_a_time) as executor:
        attacks = [
            executor.submit(attacker, launch, served, share, seed, counts)
            for seed in range(arguments.at_a_time)
            for attacker in (attack_rest, attack_grpc)
        ]
    for one in attacks:
        # An attacker that broke off is no success.
        one.result()
    if server.predict("image_bytes", good)["mask_bytes"][0] != expected:
        counts[GOOD_WRONG] += 1
    server.close()
    return {"answers": dict(counts), "seconds": time.monotonic() - started}


def attack_rest(
    launch: Launch, served: Served, number: int, seed: int, counts: collections.Counter
) -> None:
    address = urllib.parse.urlsplit(launch.url).netloc
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    sent = [*DOCUMENTS, *BOMB_DOCUMENTS, WITHOUT_INPUTS]
    requests = malformed.rest_requests(sent, served.name, random.Random(seed))
    for _, (method, path, body, headers) in zip(range(number), requests, strict=False):
        path = urllib.parse.quote(path, safe="/:?%#=-")
        faults = rest_faults.faults_of(served, method, path, body, headers)
        status: object
        try:
            status, content = malformed.answered(
                connection, method, path, body, headers
            )
            if status not in set.union(*(rest_faults.CODES[one] for one in faults)):
                status = f"{UNEXPECTED} {status} to {method} {path}: {body[:200]!r}"
            elif status != 200 and content and not content.startswith(b"<html"):
                json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as error:
            status = f"{UNEXPECTED} {error!r}: {body[:200]!r}"
            connection.close()
        counts[f"REST, {said(faults)}: {status}"] += 1
    connection.close()


def attack_grpc(
    launch: Launch, served: Served, number: int, seed: int, counts: collections.Counter
) -> None:
    address = urllib.parse.urlsplit(launch.grpc_url).netloc
    sent = [*MESSAGES, *BOMB_MESSAGES, message(INITIALISER, pixels=ARRAY)]
    requests = malformed.grpc_requests(sent, random.Random(seed))
    with grpc.insecure_channel(address, CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for _, request in zip(range(number), requests, strict=False):
            faults = grpc_faults.faults_of(served, request)
            is_long = grpc_faults.FILLED_UP in faults
            code = "OK"
            try:
                call(request, timeout=SHORT_SECONDS if is_long else SECONDS)
            except grpc.RpcError as error:
                code = error.code().name
            if code not in set.union(*(grpc_faults.CODES[one] for one in faults)):
                code = f"{UNEXPECTED} {code}: {request[:200]!r}"
            counts[f"gRPC, {said(faults)}: {code}"] += 1


def said(faults: set[str]) -> str:
    """Returns the fault, or that there are several."""
    return SEVERAL if len(faults) > 1 else next(iter(faults))


def png() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(IMAGE).save(buffer, "png")
    return buffer.getvalue()


def message(signature: str, **inputs: np.ndarray) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cells"
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(to_message(array))
    return request


FILE = {"b64": base64.b64encode(png()).decode()}
ROWS = IMAGE[..., np.newaxis].tolist()
DOCUMENTS: list[dict[str, Any]] = [
    {"signature_name": "image_bytes", "instances": [FILE, FILE]},
    {"signature_name": "probability_bytes", "inputs": {"image_bytes": [FILE]}},
    {"instances": [ROWS]},
    {"signature_name": "pixels", "instances": [{"pixels": ROWS}]},
    {"signature_name": "about", "instances": [""]},
    {
        "signature_name": "region",
        "instances": [
            {"image": np.ones((26, 28, 1)).tolist(), "mean": [0.0], "std": [1.0]}
        ],
    },
]
WITHOUT_INPUTS = {"signature_name": INITIALISER, "instances": [1]}
BOMB_DOCUMENTS: list[Any] = [
    {
        "signature_name": "image_bytes",
        "instances": [FILE, {"b64": base64.b64encode(bomb).decode()}],
    }
    for bomb in malformed.image_bombs()
]
ARRAY = IMAGE[np.newaxis, ..., np.newaxis]
MESSAGES = [
    message("image_bytes", image_bytes=np.array([png()], object)),
    message("", image=ARRAY.astype(np.float32)),
    message("pixels", pixels=ARRAY),
    message("pixels_uint16", pixels=ARRAY.astype(np.uint16)),
    message(
        "region",
        image=np.ones((1, 26, 28, 1), np.float32),
        mean=np.zeros((1, 1), np.float32),
        std=np.ones((1, 1), np.float32),
    ),
]
BOMB_MESSAGES: list[Any] = [
    message("image_bytes", image_bytes=np.array([bomb], object))
    for bomb in malformed.image_bombs()
]

if __name__ == "__main__":
    main()
