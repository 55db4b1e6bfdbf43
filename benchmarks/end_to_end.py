"""Time from image files to a trained net that reaches V_rand 0.96 on ISBI 2012.

Trains with `keras-unet fit`, with its defaults, and with the PyTorch loop of
accuracy_peers.py, each from the beginning for more and more minutes until one of its
trainings reaches the score on the held-out slices. The time is that of the last
training, its whole process: start, reading, training, and for `fit` validation and
report. Both are scored alike, with the mean over flips and turns, which is not in it.

    python benchmarks/end_to_end.py [--minutes 0.5,1,1.5,2,3,4,6,8,12] [--seed 0]
"""

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable

import accuracy
import accuracy_peers
import records

NAME = "isbi2012"
AIM = 0.96
# Scores of a training in a folder for some minutes with a seed, and its seconds.
Trainer = Callable[[pathlib.Path, float, int], tuple[dict[str, float], float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", default="0.5,1,1.5,2,3,4,6,8,12")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    minutes = [float(word) for word in given.minutes.split(",")]
    trainings = {
        name: until_reached(name, trainer, minutes, given.seed)
        for name, trainer in TRAINERS.items()
    }
    records.append(
        "end_to_end",
        vars(given),
        peers=True,
        aim=AIM,
        trainings=trainings,
    )


def until_reached(
    name: str, trainer: Trainer, minutes: list[float], seed: int
) -> list[dict[str, float]]:
    """Returns the trainings that were done, the last of them the one that reached."""
    done = []
    for budget in minutes:
        with tempfile.TemporaryDirectory() as folder:
            scores, seconds = trainer(pathlib.Path(folder), budget, seed)
        found = {"minutes": budget, "seconds": seconds, "steps": scores["steps"]}
        done.append(found | {"v_rand": scores["v_rand"]})
        print(f"{name}: {done[-1]}", flush=True)
        if scores["v_rand"] >= AIM:
            break
    return done


def fit(
    folder: pathlib.Path, minutes: float, seed: int
) -> tuple[dict[str, float], float]:
    accuracy.split(NAME, folder)
    data_flags = accuracy.mask_flags(NAME)
    flags = [*data_flags, *accuracy.validation_flags(NAME, folder)]
    begin = time.monotonic()
    accuracy.train(folder, seed, [*flags, "--minutes", str(minutes)])
    seconds = time.monotonic() - begin
    return accuracy.score(folder, data_flags), seconds


def torch_loop(
    folder: pathlib.Path, minutes: float, seed: int
) -> tuple[dict[str, float], float]:
    return accuracy_peers.train_and_score("torch", NAME, folder, minutes, seed)


TRAINERS: dict[str, Trainer] = {"ours": fit, "torch": torch_loop}


if __name__ == "__main__":
    main()
