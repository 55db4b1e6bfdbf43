import json
import subprocess
import sys

import numpy as np
import pytest

from pipelines.training import devices

# TensorFlow makes logical devices only at its start: a process of its own.
TRAIN = """
import json, sys
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
from pipelines import fit, run_folder
from pipelines.config import FitConfig
settings = json.loads(sys.argv[1])
for count in (1, 2):
    fit(FitConfig(**settings, devices=count, run_dir=f"{sys.argv[2]}/{count}"))
"""


# The same, stopped as by Ctrl-C after 3 steps, then resumed.
RESUME = (
    TRAIN[: TRAIN.index("for count")]
    + """
from pipelines.training.budget import Budget
settings |= {"devices": 2, "checkpoint_minutes": 1e-6}
fit(FitConfig(**settings, run_dir=f"{sys.argv[2]}/whole"))
end = Budget.on_train_batch_end
def stop(self, batch, logs=None):
    end(self, batch, logs)
    if self.step == 3:
        raise KeyboardInterrupt
Budget.on_train_batch_end = stop
try:
    fit(FitConfig(**settings, run_dir=f"{sys.argv[2]}/cut"))
except KeyboardInterrupt:
    pass
Budget.on_train_batch_end = end
fit(FitConfig(**settings, run_dir=f"{sys.argv[2]}/cut", resume=True))
"""
)
SETTINGS = {
    "base_filters": 2,
    "depth": 1,
    "tile_size": 32,
    "batch_size": 4,
    "steps": 4,
    "validations": 1,
    "precision": "float32",
    # Its statistics are those of each device's share of a batch.
    "batch_norm": False,
}


@pytest.fixture
def losses_of(discs, tmp_path):
    """Runs a script on two devices; returns the losses of the runs that it leaves."""

    def run(script, names, **changes):
        folders = {"images": str(discs / "images"), "masks": str(discs / "masks")}
        settings = json.dumps(SETTINGS | folders | changes)
        done = subprocess.run(
            [sys.executable, "-c", script, settings, str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        records = [(tmp_path / name / "config.json").read_text() for name in names]
        return [json.loads(record)["best"]["val_loss"] for record in records]

    return run


@pytest.fixture
def config(fit_config):
    def make(**changes):
        return fit_config("runs/never_made", **changes)

    return make


def test_two_devices_learn_what_one_does(losses_of):
    one, two = losses_of(TRAIN, ("1", "2"), optimizer="keras.optimizers:SGD")
    np.testing.assert_allclose(two, one, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [({"precision": "float16"}, 2e-3), ({"gradient_checkpointing": True}, 1e-5)],
)
def test_two_devices_learn_it_in_less_memory_too(losses_of, changes, tolerance):
    settings = {"optimizer": "keras.optimizers:SGD", "steps": 2} | changes
    one, two = losses_of(TRAIN, ("1", "2"), **settings)
    np.testing.assert_allclose(two, one, rtol=tolerance)


def test_a_training_on_two_devices_can_be_resumed(losses_of):
    # With the moving statistics of both.
    whole, resumed = losses_of(RESUME, ("whole", "cut"), batch_norm=True)
    np.testing.assert_allclose(resumed, whole, rtol=1e-6)


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
