"""Megapixels a second of the padded net's forward pass, against other engines.

512x512 pixels of the net's input, one image at a time, from an array to its
probabilities. Each peer runs in a process of its own, with nothing else beside it, in
turn over some rounds; the files in peers/ say what each is.

Ours is what `predict` computes of each tile, in both of its precisions, normalisation
folded into the convolutions; in float32 it is the net of an export.

    python benchmarks/inference_speed.py [--base-filters 32,64] [--rounds 3]
        [--seconds 12]

The environment of the peers is .venv-peers: `make .venv-peers/.installed`.
"""

import argparse
import statistics

import peer_process
import records

OURS = "predict_bfloat16"
# Python, script, its flags.
PEERS = {
    OURS: (peer_process.OURS, "infer_keras_unet", ["--precision", "bfloat16"]),
    "predict_float32": (peer_process.OURS, "infer_keras_unet", []),
    "keras_float32": (peer_process.OURS, "infer_keras_layers", []),
    "torch_bfloat16": (peer_process.PEERS, "infer_torch", []),
    "openvino_bfloat16": (peer_process.PEERS, "infer_openvino", []),
    "onnxruntime_float32": (peer_process.PEERS, "infer_onnxruntime", []),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", default="32,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    runs = []
    for base_filters in map(int, given.base_filters.split(",")):
        speeds = measure(base_filters, given)
        runs.append({"base_filters": base_filters, "megapixels_per_second": speeds})
    records.append("inference_speed", vars(given), peers=True, runs=runs)


def measure(base_filters: int, given: argparse.Namespace) -> dict[str, list[float]]:
    sizes = ["--base-filters", str(base_filters), "--seconds", str(given.seconds)]

    def megapixels_per_second(name: str) -> float:
        python, script, flags = PEERS[name]
        return peer_process.figure(
            "megapixels_per_second", python, script, sizes + flags
        )

    speeds = peer_process.in_turn(
        PEERS, given.rounds, megapixels_per_second, "megapixels/s"
    )
    for name, measured in speeds.items():
        ratios = [a / b for a, b in zip(speeds[OURS], measured, strict=True)]
        print(
            f"base {base_filters}, {name}: {statistics.median(measured):.3f} MP/s; "
            f"ours {records.spread(ratios)} times as fast",
            flush=True,
        )
    return speeds


if __name__ == "__main__":
    main()
