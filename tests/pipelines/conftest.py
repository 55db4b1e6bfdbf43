"""Small images, nets and runs that the tests of several modules share."""

import functools
import pathlib

import keras
import numpy as np
import PIL.Image
import pytest

import keras_unet
import pipelines
from pipelines.config import DataConfig, FitConfig
from pipelines.dataset import load_dataset
from pipelines.results.writing import write_image
from pipelines.training import budget

NUM_IMAGES, HEIGHT, WIDTH = 5, 40, 56


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> pathlib.Path:
    """A folder with images/ and masks/: grey PNG of bright discs, 0 and 255."""
    folder = tmp_path_factory.mktemp("discs")
    random = np.random.default_rng(seed=1)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(NUM_IMAGES):
        centre = random.uniform(12, 28, 2)
        inside = np.hypot(rows - centre[0], columns - centre[1]) < 9
        image = 80 + 90 * inside + random.normal(0, 10, inside.shape)
        for name, pixels in (("images", image), ("masks", inside * 255)):
            path = folder / name / f"cell_{number}.png"
            PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="session")
def disc_set(discs):
    """The discs as a checked data set."""
    paths = {name: str(discs / name) for name in ("images", "masks")}
    return load_dataset(DataConfig(**paths))


@pytest.fixture
def write_pair(tmp_path, random):
    """Writes an image, of noise if none is given, and its mask, for `folders`."""

    def write(name, mask, image=None, folder=""):
        mask = np.array(mask, np.uint8)
        if image is None:
            image = random.integers(0, 256, mask.shape[:2]).astype(np.uint8)
        write_image(tmp_path / f"{folder}images" / name, image)
        write_image(tmp_path / f"{folder}masks" / name, mask)

    return write


@pytest.fixture
def folders(tmp_path):
    """The settings of what `write_pair` writes."""
    return {name: str(tmp_path / name) for name in ("images", "masks")}


@pytest.fixture(scope="session")
def fit_config(discs):
    """Makes the settings of a run of a few steps."""

    def make(run_dir, **changes) -> FitConfig:
        settings = {
            "images": str(discs / "images"),
            "masks": str(discs / "masks"),
            "run_dir": str(run_dir),
            "base_filters": 4,
            "depth": 2,
            "tile_size": 32,
            "batch_size": 2,
            "steps": 4,
            "validations": 2,
            "precision": "float32",
        }
        return FitConfig(**settings | changes)

    return make


@pytest.fixture(scope="session")
def run(fit_config, tmp_path_factory) -> pathlib.Path:
    """The folder of a finished run."""
    from pipelines import fit

    path = tmp_path_factory.mktemp("runs") / "discs"
    fit(fit_config(path))
    return path


@functools.cache
def _random_net(variant, depth, channels, num_classes, base_filters):
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(seed=3)
    model = keras_unet.build_unet(
        variant,
        (None, None, channels),
        num_classes,
        base_filters=base_filters,
        depth=depth,
        activation=None,
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.get_weights()[0].shape
            # Neither 0 nor 1, and such that logits are of the order of 1.
            scale, variance = random.uniform(0.6, 1.2, (2, *shape))
            shift, mean = random.normal(0, 0.2, (2, *shape))
            layer.set_weights([scale, shift, mean, variance])
        elif len(layer.get_weights()) == 2:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.normal(0, 0.1, bias.shape)])
    return model


@pytest.fixture(scope="session")
def random_net():
    """Makes a net with random weights, biases and batch statistics."""

    def make(variant="padded", depth=1, channels=1, num_classes=1, base_filters=2):
        return _random_net(variant, depth, channels, num_classes, base_filters)

    return make


@pytest.fixture(scope="session")
def save_run():
    """Writes a run folder around a net of `build_unet`."""
    return lambda path, model, **known: pipelines.save_run(model, path, **known)


class Clock:
    """Stands in for the module time and moves when told to."""

    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock of budgets, which moves when told to."""
    clock = Clock()
    # In this module alone: event loops of servers in this process keep the real one,
    # and would sleep for hours after a look at another.
    monkeypatch.setattr(budget, "time", clock)
    return clock


@pytest.fixture
def run_callbacks():
    """Calls callbacks as a training of at most `steps` steps does."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")

    def run(parts, steps, before_step=lambda number: None, loss=1.0):
        model.stop_training = False
        for part in parts:
            part.set_model(model)
            part.on_train_begin()
        rates = []
        for number in range(steps):
            before_step(number)
            for part in parts:
                part.on_train_batch_begin(number)
            rates.append(float(np.asarray(model.optimizer.learning_rate)))
            for part in parts:
                part.on_train_batch_end(number, {"loss": loss})
            if model.stop_training:
                break
        for part in parts:
            part.on_train_end()
        return rates

    return run
