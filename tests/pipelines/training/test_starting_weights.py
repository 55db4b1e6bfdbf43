import dataclasses
import logging

import keras
import numpy as np
import pytest

import keras_unet
from pipelines import run_folder
from pipelines.config import FitConfig
from pipelines.training.starting_weights import (
    check_starting_weights,
    load_starting_weights,
    shape_of_other,
    warn_of_scaling,
)

# Keras reads its variables in a way that NumPy 2 asks it to change.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)

NETWORK = {
    "variant": "padded",
    "input_shape": (None, None, 1),
    "base_filters": 2,
    "depth": 1,
    "num_classes": 1,
    "batch_norm": True,
    "dropout": 0.0,
    "activation": None,
}


@pytest.fixture(scope="module")
def other(save_run, tmp_path_factory):
    """A run folder with the model and the record of NETWORK."""
    keras.utils.set_random_seed(1)
    model = keras_unet.build_unet(**NETWORK)
    return save_run(tmp_path_factory.mktemp("runs") / "other", model)


def build(**changes):
    keras.utils.set_random_seed(2)
    return keras_unet.build_unet(**NETWORK | changes)


def assert_equal(found, expected):
    for one, another in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, another)


def test_all_weights_are_copied(other):
    model = build(dropout=0.3)
    load_starting_weights(model, str(other))
    assert_equal(model.get_weights(), run_folder.load(str(other)).model.get_weights())


def test_logits_of_other_classes_stay_fresh_and_a_line_says_so(other, caplog):
    model = build(num_classes=3)
    fresh = model.get_layer("logits").get_weights()
    with caplog.at_level(logging.INFO):
        load_starting_weights(model, str(other))
    assert "Layer logits has another number of channels" in caplog.text
    assert_equal(model.get_layer("logits").get_weights(), fresh)
    source = run_folder.load(str(other)).model
    assert_equal(model.get_weights()[:-2], source.get_weights()[:-2])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variant": "paper"}, "has variant=padded, this one variant=paper"),
        ({"depth": 2}, "has depth=1, this one depth=2.* Set depth=1, or leave init_"),
        ({"base_filters": 4}, "has base_filters=2, this one base_filters=4"),
        ({"batch_norm": False}, "has batch_norm=True, this one batch_norm=False"),
        ({"input_shape": (None, None, 3)}, "images of 1 channels, this one of 3"),
    ],
)
def test_another_network_is_refused_by_the_setting_that_differs(changes, words):
    with pytest.raises(ValueError, match=words):
        check_starting_weights(NETWORK | changes, NETWORK, "other")


def test_classes_and_dropout_may_differ_by_the_record():
    changed = NETWORK | {"num_classes": 5, "dropout": 0.5}
    check_starting_weights(changed, NETWORK, "other")


def test_a_record_beside_the_model_of_another_network_is_noticed(other, tmp_path):
    (tmp_path / run_folder.RECORD).write_bytes((other / "config.json").read_bytes())
    build(base_filters=3).save(tmp_path / run_folder.MODEL)
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match="has base_filters=3, this one base_filters=2"):
        load_starting_weights(model, str(tmp_path))
    assert_equal(model.get_weights(), before)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no run folder: config.json is missing"):
        load_starting_weights(build(), str(tmp_path))


def test_a_net_that_is_left_open_is_that_of_the_other_run(caplog):
    caplog.set_level(logging.INFO)
    open_one = FitConfig(images="i", masks="m", run_dir="r", init_from="runs/a")
    config = shape_of_other(open_one, NETWORK | {"batch_norm": False})
    assert (config.depth, config.base_filters, config.batch_norm) == (1, 2, False)
    assert "As in runs/a: depth 1, base_filters 2, batch_norm False." in caplog.text
    given = dataclasses.replace(open_one, depth=3, base_filters=8, batch_norm=True)
    assert shape_of_other(given, NETWORK) == given


def test_nothing_is_taken_of_another_variant(caplog):
    caplog.set_level(logging.INFO)
    config = FitConfig(
        images="i", masks="m", run_dir="r", init_from="a", variant="paper"
    )
    assert shape_of_other(config, NETWORK) == config
    assert caplog.text == ""


def test_weights_of_another_scaling_are_told(caplog):
    warn_of_scaling("per_image", "per_image", "runs/a")
    assert not caplog.text
    warn_of_scaling("per_image", "dtype", "runs/a")
    assert "runs/a: that run has scaling=dtype, this one scaling=per_image" in (
        caplog.text
    )
