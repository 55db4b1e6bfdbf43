"""Trainings that are really killed go on as if nothing had happened."""

import csv
import json
import pathlib
import random
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import PIL.Image
import pytest

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 12
SMALL = (
    *("--base-filters", "2", "--depth", "2", "--batch-size", "2", "--seed", "3"),
    *("--dropout", "0.3", "--validations", "4", "--steps", str(STEPS)),
    *("--weight-map", "paper", "--checkpoint-minutes", "0", "--deterministic"),
)
VARIANTS = {
    "padded": ("--tile-size", "32"),
    "paper": ("--variant", "paper", "--tile-size", "52"),
}
KINDS = {
    f"{variant}-{precision}": (*flags, "--precision", precision)
    for variant, flags in VARIANTS.items()
    for precision in ("float32", "bfloat16")
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five images of discs in noise, and their masks."""
    folder = tmp_path_factory.mktemp("data")
    numbers = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :56]
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(5):
        top, left = numbers.uniform(12, 28, 2)
        disc = np.hypot(rows - top, columns - left) < 9
        image = (80 + 90 * disc + numbers.normal(0, 10, disc.shape)).astype(np.uint8)
        PIL.Image.fromarray(image).save(folder / "images" / f"{number}.png")
        mask = disc.astype(np.uint8) * 255
        PIL.Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder


def start(data, run, kind, *more):
    words = ["fit", "--images", f"{data}/images", "--masks", f"{data}/masks"]
    words += ["--run-dir", str(run), *SMALL, *KINDS[kind], *more]
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def kill_after_step(process, run, step):
    """Kills a training that has written the checkpoint of a step, or a later one."""
    while process.poll() is None:
        found = [int(path.stem[5:]) for path in run.glob("checkpoint/step_*.npz")]
        if max(found, default=0) >= step:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "ended before it was killed"


def outcome(run):
    """Returns what a run came to, without times."""
    with (run / "history.csv").open(newline="") as file:
        history = [
            {name: value for name, value in row.items() if name != "minutes"}
            for row in csv.DictReader(file)
        ]
    record = json.loads((run / "config.json").read_text())
    for name in ("run_dir", "resume"):
        record["settings"].pop(name)
    return history, record, weights(run / "model.keras")


def weights(path):
    """Reads all arrays of a .keras file, without Keras."""
    found = {}
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:
        with h5py.File(file) as group:
            group.visititems(
                lambda name, item: (
                    found.update({name: item[()]})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
    return found


def assert_same(run, other):
    (history, record, arrays), (history_2, record_2, arrays_2) = (
        outcome(run),
        outcome(other),
    )
    assert history == history_2
    assert record == record_2
    assert arrays.keys() == arrays_2.keys() and len(arrays) > 10
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, arrays_2[name])
    assert (run / "report.html").exists()
    leftovers = [path.name for path in run.glob("**/*") if ".part" in path.name]
    assert not leftovers


def test_a_kill_changes_nothing(data, tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    kind = ("padded-float32", "--depth", "1")
    side_by_side = start(data, straight, *kind)
    # There are checkpoints and a best model, and validations are to come.
    kill_after_step(start(data, killed, *kind), killed, 4)
    finish(side_by_side)
    output = finish(start(data, killed, *kind, "--resume"))
    assert f"Going on with {killed} after step" in output
    assert_same(straight, killed)


def test_a_training_that_is_asked_to_end_says_how_to_go_on(data, tmp_path):
    run = tmp_path / "run"
    small = ("--depth", "1", "--steps", "100000")
    process = start(data, run, "padded-float32", *small)
    while not list(run.glob("checkpoint/step_*.npz")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.terminate()
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 143, output
    assert "Go on with --resume" in output
    assert output.endswith("keras-unet fit: stopped by SIGTERM.\n")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_any_moment_change_nothing(data, tmp_path, kind):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    begin = time.monotonic()
    finish(start(data, straight, kind))
    whole = time.monotonic() - begin
    numbers = random.Random(0)
    for _ in range(10):
        # Also before there is a folder: an unattended restart is the same command.
        process = start(data, killed, kind, "--resume")
        time.sleep(numbers.uniform(0.3, 1.0) * whole)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(data, killed, kind, "--resume"))
    assert_same(straight, killed)
