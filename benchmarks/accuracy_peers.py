"""What others reach on the sets of accuracy.py, in the same minutes, scored alike.

Each trains on the same images with 16 filters in its first stage and keeps its last
weights; probabilities are means over the 8 flips and turns, and mask and objects are
where they are above 0.5: unlike `keras-unet`, none chooses a threshold. Objects that
are smaller than those of the training masks are left out, as by `keras-unet`. The files
in peers/ say what each is.

    python benchmarks/accuracy_peers.py --set isbi2012 [--minutes 10] [--seed 0]
        [--peers torch,keras_unet_012]
"""

import argparse
import pathlib
import tempfile
import time

import accuracy
import numpy as np
import peer_process
import PIL.Image
import records

from pipelines import scores
from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.dataset.object_sizes import object_sizes

# Python, script, where it finds packages first, name in the table.
PEERS = {
    "torch": (
        peer_process.PEERS,
        "accuracy_torch",
        peer_process.ROOT,
        "PyTorch loop, albumentations",
    ),
    "keras_unet_012": (
        peer_process.ADDONS,
        "accuracy_keras_unet_012",
        peer_process.ROOT / ".venv-peers" / "keras_unet_012",
        "keras-unet 0.1.2",
    ),
}
THRESHOLD = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=accuracy.FOLDERS, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    for peer in given.peers.split(","):
        name = PEERS[peer][-1]
        with tempfile.TemporaryDirectory() as folder:
            found, _ = train_and_score(
                peer, given.set, pathlib.Path(folder), given.minutes, given.seed
            )
        print(f"{given.set}, {name}, seed {given.seed}: {found}", flush=True)
        settings = vars(given) | {"name": name, "steps": None}
        records.append("accuracy", settings, peers=True, scores=found)


def train_and_score(
    peer: str, name: str, folder: pathlib.Path, minutes: float, seed: int
) -> tuple[dict[str, float], float]:
    """Returns scores and steps on a set, and the seconds from start to trained net."""
    python, script, path, _ = PEERS[peer]
    accuracy.split(name, folder)
    (folder / "out").mkdir()
    words = ["--train", f"{folder}/train", "--test", f"{folder}/test"]
    words += ["--out", f"{folder}/out", "--minutes", str(minutes)]
    words += ["--seed", str(seed)]
    begin = time.monotonic()
    figures = peer_process.figures(python, script, words, path)
    seconds = time.monotonic() - begin - figures["prediction_seconds"]
    return score(name, folder) | {"steps": int(figures["steps"])}, seconds


def smallest_of_training(folder: pathlib.Path, name: str) -> int:
    """Returns what `fit` takes for the smallest object."""
    config = DataConfig(
        images=str(folder / "train" / "images"),
        masks=str(folder / "train" / "masks"),
        mask_kind="binary" if name == "isbi2012" else "instances",
    )
    return object_sizes(load_dataset(config)).smallest


def read_mask(path: pathlib.Path) -> np.ndarray:
    with PIL.Image.open(path) as mask:
        return np.asarray(mask).astype(np.int64)


def score(name: str, folder: pathlib.Path) -> dict[str, float]:
    """Returns the scores of accuracy.py for the probabilities in out/."""
    confusion = np.zeros((2, 2), np.int64)
    challenge = scores.ChallengeScores()
    instances = scores.InstanceCounts()
    smallest = smallest_of_training(folder, name)
    for path in sorted((folder / "test" / "images").iterdir()):
        probability = np.load(folder / "out" / f"{path.stem}.npy")
        labels = read_mask(folder / "test" / "masks" / path.name)
        y_true, y_pred = labels > 0, probability > THRESHOLD
        confusion += scores.confusion_matrix(
            y_true.astype(np.uint8), y_pred.astype(np.uint8), 2
        )
        challenge.add(y_true.astype(np.uint8), probability)
        objects = scores.objects(y_true) if name == "isbi2012" else labels
        instances.add(objects, scores.objects(y_pred, smallest=smallest))
    by_class = scores.class_scores(confusion)
    return {
        "foreground_iou": float(by_class.iou[1]),
        "foreground_dice": float(by_class.dice[1]),
        "background_dice": float(by_class.dice[0]),
        "pixel_error": float(scores.pixel_error(confusion)),
        "v_rand": float(challenge.v_rand()),
        "v_info": float(challenge.v_info()),
        "average_precision_50": instances.average_precision()["0.5"],
    }


if __name__ == "__main__":
    main()
