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


@pytest.fixture
def config(fit_config):
    def make(**changes):
        return fit_config("runs/never_made", **changes)

    return make


def test_two_devices_learn_what_one_does(discs, tmp_path):
    settings = {
        "images": str(discs / "images"),
        "masks": str(discs / "masks"),
        "base_filters": 2,
        "depth": 1,
        "tile_size": 32,
        "batch_size": 4,
        "steps": 4,
        "validations": 1,
        "precision": "float32",
        # Its statistics are those of each device's share of a batch.
        "batch_norm": False,
        "optimizer": "keras.optimizers:SGD",
    }
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(settings), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    losses = [
        json.loads((tmp_path / name / "config.json").read_text())["best"]["val_loss"]
        for name in ("1", "2")
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


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
