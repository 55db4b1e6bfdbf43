"""Training tiles a second, against what a user would otherwise pick.

Each peer cuts and changes 256-pixel tiles of the same images in a process of its own,
with nothing else beside it, in turn over some rounds. The same kinds of changes as far
as the peer has them: flips, quarter turns, elastic deformation, rotation, zoom, shear,
brightness, contrast, gamma, noise, blur. The docstrings in peers/ say what is missing.

    python benchmarks/augmentation_peers.py [--rounds 3] [--seconds 10]

The environment of the peers is .venv-peers: `make .venv-peers/.installed`.
"""

import argparse
import pathlib
import statistics
import tempfile

import data
import peer_process
import records

OURS = "keras_unet_tiles"
PYTHONS = {
    OURS: peer_process.OURS,
    "albumentations_loader": peer_process.PEERS,
    "keras_layers": peer_process.OURS,
    "image_data_generator": peer_process.OURS,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = data.images_and_masks(pathlib.Path(folder))
        arguments = [folder, "--seconds", str(given.seconds)]
        speeds = peer_process.in_turn(
            PYTHONS,
            given.rounds,
            lambda name: peer_process.tiles_per_second(PYTHONS[name], name, arguments),
            "tiles/s",
        )
    for name, measured in speeds.items():
        ratios = [a / b for a, b in zip(speeds[OURS], measured, strict=True)]
        print(
            f"{name}: {statistics.median(measured):.0f} tiles/s; ours "
            f"{records.spread(ratios)} times as fast"
        )
    records.append(
        "augmentation_peers",
        vars(given),
        peers=True,
        images=images,
        tiles_per_second=speeds,
    )


if __name__ == "__main__":
    main()
