"""Training tiles a second, against what a user would otherwise pick.

The same batch again and again: the step alone. The padded net takes 256-pixel tiles in
batches of 8; the paper's net, for which PyTorch is the one peer, its 572-pixel tile
alone. Each peer runs in a process of its own, with nothing else beside it, in turn over
some rounds; the files in peers/ say what each is.

    python benchmarks/training_speed.py [--base-filters 16] [--rounds 3] [--seconds 12]
    python benchmarks/training_speed.py --variant paper --base-filters 64

The environments of the peers are .venv-peers and .venv-addons: `make
.venv-peers/.installed .venv-addons/.installed`.
"""

import argparse
import statistics

import peer_process
import records

OURS = "ours"
BFLOAT16 = ["--precision", "mixed_bfloat16"]
# Python, script, its flags.
PEERS = {
    OURS: (peer_process.OURS, "train_keras_unet", []),
    "keras_float32": (peer_process.OURS, "train_keras_layers", []),
    "keras_bfloat16": (peer_process.OURS, "train_keras_layers", BFLOAT16),
    "medicai_bfloat16": (peer_process.OURS, "train_medicai", BFLOAT16),
    "torch_bfloat16": (peer_process.PEERS, "train_torch", []),
    "keras_unet_012": (peer_process.ADDONS, "train_keras_unet_012", []),
    "ours_keras_2": (peer_process.ADDONS, "train_keras_unet", []),
}
# Of the names in PEERS those that have the variant, and what its records are called.
VARIANTS = {
    "padded": (list(PEERS), "training_speed"),
    "paper": ([OURS, "torch_bfloat16"], "training_speed_paper"),
}
# Packages that lie apart: one has the name of ours, one needs our Keras.
PATHS = {
    "keras_unet_012": peer_process.ROOT / ".venv-peers" / "keras_unet_012",
    "medicai_bfloat16": peer_process.ROOT / ".venv-peers" / "medicai",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=VARIANTS, default="padded")
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    names, record = VARIANTS[given.variant]
    speeds = peer_process.in_turn(
        names, given.rounds, lambda name: tiles_per_second(name, given), "tiles/s"
    )
    for name, measured in speeds.items():
        ratios = [a / b for a, b in zip(speeds[OURS], measured, strict=True)]
        print(
            f"{name}: {statistics.median(measured):.3g} tiles/s; ours "
            f"{records.spread(ratios)} times as fast"
        )
    records.append(record, vars(given), peers=True, tiles_per_second=speeds)


def tiles_per_second(name: str, given: argparse.Namespace) -> float:
    python, script, flags = PEERS[name]
    sizes = ["--variant", given.variant, "--base-filters", str(given.base_filters)]
    sizes += ["--seconds", str(given.seconds)]
    path = PATHS.get(name, peer_process.ROOT)
    return peer_process.tiles_per_second(python, script, sizes + flags, path)


if __name__ == "__main__":
    main()
