import json
import subprocess
import sys

import numpy as np
import pytest

from pipelines import run_folder
from pipelines.training import devices

# TensorFlow makes logical devices only at its start: a process of its own, one for all.
# If it is given another folder, its last run is made once more: stopped as by Ctrl-C
# after 3 steps, then resumed.
TRAIN = """
import json, sys
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
from pipelines import fit
from pipelines.config import FitConfig
from pipelines.training.budget import Budget
runs = json.loads(sys.argv[1])
for settings in runs:
    fit(FitConfig(**settings))
if len(sys.argv) == 2:
    sys.exit()
end = Budget.on_train_batch_end
def stop(self, batch, logs=None):
    end(self, batch, logs)
    if self.step == 3:
        raise KeyboardInterrupt
Budget.on_train_batch_end = stop
cut = runs[-1] | {"run_dir": sys.argv[2]}
try:
    fit(FitConfig(**cut))
except KeyboardInterrupt:
    pass
Budget.on_train_batch_end = end
fit(FitConfig(**cut, resume=True))
"""
SETTINGS = {
    "base_filters": 2,
    "depth": 1,
    "tile_size": 32,
    "batch_size": 4,
    "steps": 4,
    "validations": 1,
    "precision": "float32",
    "optimizer": "keras.optimizers:SGD",
    # Its statistics are those of each device's share of a batch.
    "batch_norm": False,
}
RUNS = {
    "one": {},
    "two": {"devices": 2},
    # With the moving statistics of both.
    "whole": {
        **{"devices": 2, "batch_norm": True, "checkpoint_minutes": 1e-6},
        "optimizer": "keras.optimizers:Adam",
    },
}


@pytest.fixture(scope="module")
def losses_of(discs, tmp_path_factory):
    """Trains runs in one process; returns the validation loss of each by name."""

    def train(runs, *cut):
        folder = tmp_path_factory.mktemp("runs")
        data = {"images": str(discs / "images"), "masks": str(discs / "masks")}
        settings = [
            SETTINGS | data | changes | {"run_dir": str(folder / name)}
            for name, changes in runs.items()
        ]
        words = [json.dumps(settings), *(str(folder / name) for name in cut)]
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return {
            name: run_folder.load_record(folder / name).best["val_loss"]
            for name in (*runs, *cut)
        }

    return train


@pytest.fixture(scope="module")
def losses(losses_of):
    """The loss of each of RUNS, and of the last one that was cut and resumed."""
    return losses_of(RUNS, "cut")


@pytest.fixture
def config(fit_config):
    def make(**changes):
        return fit_config("runs/never_made", **changes)

    return make


def test_two_devices_learn_what_one_does(losses):
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [({"precision": "float16"}, 2e-3), ({"gradient_checkpointing": True}, 1e-5)],
)
def test_two_devices_learn_it_in_other_ways_too(losses_of, changes, tolerance):
    found = losses_of({"one": changes, "two": changes | {"devices": 2}})
    np.testing.assert_allclose(found["two"], found["one"], rtol=tolerance)


def test_a_training_on_two_devices_can_be_resumed(losses):
    np.testing.assert_allclose(losses["cut"], losses["whole"], rtol=1e-6)


def test_one_device_is_no_strategy(config):
    assert devices.strategy(config(), 3).num_replicas_in_sync == 1


def test_more_devices_than_there_are_are_refused(config):
    with pytest.raises(ValueError, match=r"devices is 64, but TensorFlow sees \d+ .PU"):
        devices.strategy(config(devices=64), 64)


def test_a_batch_that_cannot_be_shared_is_refused(config, monkeypatch):
    found = devices.tf.config.list_logical_devices("CPU") * 2
    monkeypatch.setattr(
        devices.tf.config,
        "list_logical_devices",
        lambda kind: found if kind == "CPU" else [],
    )
    with pytest.raises(ValueError, match="batch of 3 tiles cannot be shared evenly"):
        devices.strategy(config(devices=2), 3)
