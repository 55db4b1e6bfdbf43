"""What `fit` reaches on real sets in some minutes, with its defaults or other settings.

Trains with `keras-unet fit` on the set's training images and scores its held-out ones
with `keras-unet evaluate --flips`. The sets are read from the folder that
KERAS_UNET_TEST_DATA names (docs/accuracy.md says how they lie there), each as its usual
split:

isbi2012: slices 02, 07, 12, 17, 22, 27 held out; u373: the last 10 frames of sequence
02; dsb2018_fluo: trained on 256x256 and 256x320, scored on 360x360 and 512x640.
On the first two, which are small, the held-out images choose the model and the
threshold too; on the third every fifth of the training images does.

Cells at the border of u373 have no mask: its field of interest ends 50 pixels before
(Cell Tracking Challenge). --ignore-border 50 leaves the background of that band out of
training and scores.

    python benchmarks/accuracy.py --set isbi2012 [--minutes 10 | --steps 900]
        [--seeds 0,1] [--name defaults] [--ignore-border 50] [--threshold 0.5]
        [-- flags of fit]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import PIL.Image
import records

DATA = pathlib.Path(os.environ.get("KERAS_UNET_TEST_DATA", "data"))
HELD_OUT_SLICES = ("02", "07", "12", "17", "22", "27")
HELD_OUT_FRAMES = 10
# Of dsb2018_fluo, width and height; images of others are not used.
SIZES = {
    (256, 256): "train",
    (320, 256): "train",
    (360, 360): "test",
    (640, 512): "test",
}
KINDS = ("images", "masks")
IGNORED = 65535
COMMAND = (sys.executable, "-m", "pipelines.cli")
FOLDERS = {
    "isbi2012": ("image", "label"),
    "u373": ("image", "mask"),
    "dsb2018_fluo": ("image", "mask"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=FOLDERS, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int, help="instead: the same on a busy machine")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--name", help="of the row; by default what is not as usual")
    parser.add_argument("--ignore-border", type=int, default=0)
    parser.add_argument("--threshold", help="a second row for each training, with it")
    parser.add_argument("flags", nargs="*", help="more flags of fit, after --")
    given = parser.parse_args()
    if given.name is None:
        given.name = " ".join(given.flags) or "defaults"
        if given.ignore_border:
            given.name += f", a border of {given.ignore_border} pixels ignored"
    for seed in map(int, given.seeds.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            split(given.set, folder, given.ignore_border)
            data_flags = mask_flags(given.set, given.ignore_border)
            flags = [*data_flags, *validation_flags(given.set, folder), *given.flags]
            budget = ["--minutes", str(given.minutes)]
            if given.steps:
                budget = ["--steps", str(given.steps)]
            train(folder, seed, budget + flags)
            append(given, seed, given.name, score(folder, data_flags))
            if given.threshold is not None:
                fixed = ["--threshold", given.threshold]
                name = f"{given.name}, threshold {given.threshold}"
                append(given, seed, name, score(folder, [*data_flags, *fixed]))


def append(
    given: argparse.Namespace, seed: int, name: str, scores: dict[str, float]
) -> None:
    print(f"{given.set}, {name}, seed {seed}: {scores}")
    settings = vars(given) | {"seed": seed, "name": name}
    records.append("accuracy", settings, scores=scores)


def split(name: str, folder: pathlib.Path, ignore_border: int = 0) -> None:
    """Links images and masks of a set into train/ and test/.

    Args:
        name: of the set.
        folder: of train/ and test/.
        ignore_border: pixels of a band of the masks whose background becomes IGNORED.
    """
    if not (DATA / name).is_dir():
        sys.exit(
            f"{DATA / name} is missing: KERAS_UNET_TEST_DATA must name its folder."
        )
    images, masks = (DATA / name / part for part in FOLDERS[name])
    paths = sorted(images.glob("*.png"))
    for place, path in enumerate(paths):
        if name == "isbi2012":
            part = "test" if path.stem in HELD_OUT_SLICES else "train"
        elif name == "u373":
            part = "test" if place >= len(paths) - HELD_OUT_FRAMES else "train"
        else:
            with PIL.Image.open(path) as image:
                part = SIZES.get(image.size, "")
        for kind, source in (("images", path), ("masks", masks / path.name)):
            if part:
                target = folder / part / kind
                target.mkdir(parents=True, exist_ok=True)
                if kind == "masks" and ignore_border:
                    write_ignoring(source, target / path.name, ignore_border)
                else:
                    (target / path.name).symlink_to(source)


def write_ignoring(source: pathlib.Path, target: pathlib.Path, border: int) -> None:
    with PIL.Image.open(source) as image:
        mask = np.asarray(image).astype(np.uint16)
    inside = np.zeros(mask.shape, bool)
    inside[border:-border, border:-border] = True
    mask[~inside & (mask == 0)] = IGNORED
    PIL.Image.fromarray(mask).save(target)


def mask_flags(name: str, ignore_border: int = 0) -> list[str]:
    """Returns what the masks mean, for `fit` and `evaluate`."""
    flags = ["--mask-kind", "binary" if name == "isbi2012" else "instances"]
    return [*flags, "--ignore-value", str(IGNORED)] if ignore_border else flags


def validation_flags(name: str, folder: pathlib.Path) -> list[str]:
    """The small sets have no images to spare: their held-out ones choose the model."""
    if name == "dsb2018_fluo":
        return []
    held_out = folder / "test"
    return [f"--validation-{kind}={held_out / kind}" for kind in KINDS]


def train(folder: pathlib.Path, seed: int, flags: list[str]) -> None:
    """Trains on train/, to run/."""
    fit = ["fit", "--images", str(folder / "train" / "images")]
    fit += [
        "--masks",
        str(folder / "train" / "masks"),
        "--run-dir",
        str(folder / "run"),
    ]
    subprocess.run([*COMMAND, *fit, "--seed", str(seed), *flags], check=True)


def score(folder: pathlib.Path, flags: list[str]) -> dict[str, float]:
    """Returns the scores of the images in test/ and the steps that were done."""
    run, result = folder / "run", folder / "scores.json"
    images, masks = (str(folder / "test" / kind) for kind in KINDS)
    evaluate = ["evaluate", "--model", str(run), "--json", str(result), "--flips"]
    evaluate += ["--images", images, "--masks", masks, *flags]
    subprocess.run([*COMMAND, *evaluate], check=True)
    found = json.loads(result.read_text())
    history = (run / "history.csv").read_text().splitlines()
    return {
        "steps": int(history[-1].split(",")[0]),
        "foreground_iou": found["classes"][1]["iou"],
        "foreground_dice": found["classes"][1]["dice"],
        "background_dice": found["classes"][0]["dice"],
        "pixel_error": found["pixel_error"],
        "v_rand": found["v_rand"],
        "v_info": found["v_info"],
        "average_precision_50": found["average_precision"]["0.5"],
    }


if __name__ == "__main__":
    main()
