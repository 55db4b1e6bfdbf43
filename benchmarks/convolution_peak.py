"""Share of the machine's convolutions that the padded net reaches, in bfloat16.

The peak is what TensorFlow's own 3x3 convolutions of 128 channels do in a second. The
net's are counted as `describe` counts them (two operations for a multiply-add, of
convolutions alone; a training step three times the forward pass), so normalisation,
pooling, joining and the optimiser lower the share. Inference is that of
inference_speed.py, on 512x512 pixels, training that of training_speed.py, on 8 tiles of
256x256; each runs in a process of its own, in turn with the peak.

    python benchmarks/convolution_peak.py [--base-filters 32,64] [--rounds 3]
        [--seconds 12]
"""

import argparse

import peer_process
import records

import keras_unet
from keras_unet import describe

PEAK = "peak"
MEGAPIXELS = "megapixels_per_second"
INFERENCE = ["--precision", "bfloat16"]
# Script, its flags, the figure it writes, side of an image, forward passes' worth.
NETS = {
    "predict": ("infer_keras_unet", INFERENCE, MEGAPIXELS, 512, 1),
    "training": ("train_keras_unet", [], "tiles_per_second", 256, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", default="32,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    runs = []
    for base_filters in map(int, given.base_filters.split(",")):
        gigaflops = measure(base_filters, given)
        for name, measured in gigaflops.items():
            shares = [a / b for a, b in zip(measured, gigaflops[PEAK], strict=True)]
            print(
                f"base {base_filters}, {name}: {records.spread(measured)} GFLOP/s, "
                f"share {records.spread(shares)}",
                flush=True,
            )
        runs.append({"base_filters": base_filters, "gigaflops": gigaflops})
    records.append("convolution_peak", vars(given), runs=runs)


def measure(base_filters: int, given: argparse.Namespace) -> dict[str, list[float]]:
    """Returns billions of operations a second, of each round."""
    gigaflops: dict[str, list[float]] = {name: [] for name in (PEAK, *NETS)}
    seconds = ["--seconds", str(given.seconds)]
    for _ in range(given.rounds):
        gigaflops[PEAK].append(
            peer_process.figure(
                "gigaflops", peer_process.OURS, "peak_convolution", seconds
            )
        )
        for name, (script, flags, figure, side, passes) in NETS.items():
            flags = ["--base-filters", str(base_filters), *seconds, *flags]
            speed = peer_process.figure(figure, peer_process.OURS, script, flags)
            images = speed * 10**6 / side**2 if figure == MEGAPIXELS else speed
            operations = passes * forward_operations(base_filters, side)
            gigaflops[name].append(images * operations / 10**9)
    return gigaflops


def forward_operations(base_filters: int, side: int) -> int:
    """Returns the operations of the net's convolutions for one image."""
    model = keras_unet.build_unet(base_filters=base_filters, activation=None)
    rows = describe.feature_table(model, side, side)
    return 2 * sum(row.multiply_adds for row in rows)


if __name__ == "__main__":
    main()
