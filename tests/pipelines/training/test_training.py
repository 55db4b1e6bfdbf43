import csv
import functools
import json

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tensorflow_config

from keras_unet import geometry
from pipelines import fit, run_folder, scaling
from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.overlap_tile import Net
from pipelines.training import devices, training
from pipelines.training.fit_result import FitPlan
from pipelines.training.optimizer_state import optimizer_variables
from pipelines.validation import ObjectThresholds, object_thresholds, validate

BINARY_CROSSENTROPY = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.fixture
def tiny(fit_config, tmp_path):
    """Makes the settings of the smallest run."""

    def make(name="run", **changes):
        smallest = {"base_filters": 2, "depth": 1, "steps": 2, "validations": 1}
        return fit_config(tmp_path / name, **smallest | changes)

    return make


@pytest.fixture(scope="module")
def weights_of(fit_config, tmp_path_factory):
    """Trains as `deterministic` does; returns the weights of the best model."""

    @functools.cache
    def train(**changes):
        path = tmp_path_factory.mktemp("runs") / "run"
        settings = {"base_filters": 2, "depth": 1, "steps": 3, "validations": 1}
        settings |= {"dropout": 0.2, "deterministic": True}
        try:
            fit(fit_config(path, **settings | changes))
        finally:
            # It is a switch of the whole process.
            tensorflow_config.disable_op_determinism()
        return run_folder.load(str(path)).model.get_weights()

    return train


def rows_of_history(path):
    with (path / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_what_is_promised_and_nothing_else(run):
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoint",
        "config.json",
        "history.csv",
        "logs",
        "model.keras",
        "report.html",
    ]
    assert list((run / "logs").iterdir())


def test_the_record_holds_settings_versions_data_and_threshold(run, fit_config):
    record = json.loads((run / "config.json").read_text())
    settings = vars(fit_config(run))
    assert set(record["settings"]) == set(settings)
    assert record["settings"]["tile_size"] == 32
    # As it was decided: of tiles of 32 pixels.
    assert record["settings"]["elastic"] == 10 * 32 / 256
    assert record["classes"] == ["background", "foreground"]
    assert record["scaling"] == "per_image"
    assert 0.01 <= record["threshold"] <= 0.99
    assert record["precision"] == {"training": "float32", "model": "float32"}
    assert {"tensorflow", "keras", "numpy", "python"} <= set(record["versions"])
    # Every fifth image is held out.
    names = {
        part: [name.split("/")[-1] for name in record["data"][part]["images"]]
        for part in ("training", "validation")
    }
    assert names["validation"] == ["cell_4.png"]
    assert names["training"] == [f"cell_{number}.png" for number in range(4)]
    fingerprints = [record["data"][part]["fingerprint"] for part in names]
    assert len(set(fingerprints)) == 2
    assert all(len(fingerprint) == 32 for fingerprint in fingerprints)


def test_validations_are_spread_over_the_steps(run):
    assert [row["step"] for row in rows_of_history(run)] == ["2", "4"]


def test_the_saved_model_is_the_best_by_validation_loss(run, discs):
    rows = rows_of_history(run)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    loaded = run_folder.load(str(run))
    assert loaded.record.best["by"] == "validation loss"
    assert loaded.record.best["step"] == int(best["step"])
    held_out = load_dataset(
        DataConfig(
            images=str(discs / "images" / "cell_4.png"),
            masks=str(discs / "masks" / "cell_4.png"),
            mask_kind="binary",
        )
    )
    again = validate(Net(loaded.model), held_out, loss=BINARY_CROSSENTROPY)
    assert again.loss == pytest.approx(float(best["val_loss"]), rel=1e-4)
    assert again.threshold == loaded.record.threshold


def test_decay_and_weights_of_classes_are_known_to_schedule_and_guard(
    tiny, tmp_path, monkeypatch
):
    advice = []

    class Guard(training.ValidationGuard):
        def __init__(self, *given, **settings):
            super().__init__(*given, **settings)
            advice.append(self.missed_advice)

    monkeypatch.setattr(training, "ValidationGuard", Guard)
    fit(tiny(decay=0, learning_rate=0.003, class_weights=("1", "2")))
    (row,) = rows_of_history(tmp_path / "run")
    assert float(row["learning_rate"]) == pytest.approx(0.003)
    # They are given already.
    assert "--class-weights" not in advice[0]


def test_the_saved_model_loads_with_plain_keras(run):
    model = keras.models.load_model(run / "model.keras")
    assert model.layers[-1].name == "logits"
    logits = model(np.zeros((1, 8, 12, 1), np.float32))
    assert (logits.shape, logits.dtype) == ((1, 8, 12, 1), tf.float32)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_short_numbers_train_and_the_saved_model_is_float32(tiny, precision):
    result = fit(tiny(precision=precision, steps=3, validations=2, dropout=0.2))
    assert result.steps == 3
    run = run_folder.load(result.run_dir)
    assert run.record.precision == {"training": precision, "model": "float32"}
    assert {layer.dtype for layer in run.model.layers} == {"float32"}
    assert run.model.layers[-1].name == "logits"
    assert keras.mixed_precision.global_policy().name == "float32"


def test_gradient_checkpointing_trains_the_same_weights(weights_of):
    checkpointed = weights_of(gradient_checkpointing=True)
    for one, other in zip(checkpointed, weights_of(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_paper_net_trains_on_its_smallest_tile(tiny):
    size = geometry.least_input_size(1, "paper")
    result = fit(tiny(variant="paper", tile_size=size))
    run = run_folder.load(result.run_dir)
    assert run.model.output_shape[-1] == 2
    assert run.record.threshold is not None
    assert "2 steps; best at step 2" in str(result)


CLASS_NAMES = ["sky", "<b>sea</b>", "Fluß", "none yet"]


def test_colours_and_three_classes_train(tiny, write_pair, folders, random):
    for number in range(3):
        image = random.integers(0, 256, (20, 24, 3)).astype(np.uint8)
        write_pair(f"{number}.png", random.integers(0, 3, (20, 24)), image)
    result = fit(
        tiny(
            **folders,
            mask_kind="classes",
            num_classes=4,
            class_names=CLASS_NAMES,
            validation_stems=("0",),
        )
    )
    run = run_folder.load(result.run_dir)
    assert run.model.input_shape[-1] == 3
    assert run.model.output_shape[-1] == 4
    assert run.record.threshold is None
    assert run.record.classes == CLASS_NAMES
    report = (run.path / run_folder.REPORT).read_text(encoding="utf-8")
    assert "&lt;b&gt;sea" in report and "<b>sea" not in report and "Fluß" in report
    assert run.record.data["validation"]["images"] == [f"{folders['images']}/0.png"]


def test_a_budget_of_minutes_ends_with_a_validation(tiny):
    result = fit(tiny(steps=None, minutes=0.001, validations=3))
    rows = rows_of_history(run_folder.load(result.run_dir).path)
    assert 1 <= len(rows) <= 3
    assert int(rows[-1]["step"]) == result.steps >= 1
    assert float(rows[-1]["learning_rate"]) < 1e-3 * 0.01


def test_masks_of_0_and_255_and_of_0_and_1_train_to_the_same_weights(
    weights_of, discs, tmp_path
):
    for path in (discs / "masks").iterdir():
        mask = np.asarray(PIL.Image.open(path)) // 255
        PIL.Image.fromarray(mask).save(tmp_path / path.name)
    of_ones = weights_of(masks=str(tmp_path))
    for one, other in zip(of_ones, weights_of(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_search_that_draws_its_settings_draws_others_after_a_training(tiny):
    np.random.seed(3)
    expected = np.random.random(2).tolist()
    np.random.seed(3)
    drawn = [np.random.random()]
    fit(tiny(seed=3))
    assert [*drawn, np.random.random()] == expected


def test_a_diverged_training_is_an_error(tiny, tmp_path):
    config = tiny(
        optimizer="keras.optimizers:SGD:learning_rate=1e30",
        batch_norm=False,
        steps=20,
    )
    with pytest.raises(ValueError, match=r"diverged. Lower learning_rate .*1e\+30"):
        fit(config)
    assert not (tmp_path / "run" / "model.keras").exists()


def test_the_optimizer_is_built_before_the_first_step(tiny, monkeypatch):
    # Within the step it would have that traced twice.
    counts = []

    def counted(model, *_, **__):
        variables = optimizer_variables(model.optimizer)
        counts.extend([len(variables), len(model.trainable_variables)])
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny())
    variables, weights = counts
    # Adam has two of each weight.
    assert variables >= 2 * weights > 0


def test_too_little_memory_for_a_step_is_told_with_the_ways_out(tiny, monkeypatch):
    def no_memory(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(keras.Model, "fit", no_memory)
    with pytest.raises(ValueError, match="no memory left .*batch_size .*resume"):
        fit(tiny())


def test_gpus_may_grow_before_anything_else(tiny, tmp_path, monkeypatch):
    grown = []
    monkeypatch.setattr(
        training.tensorflow_start, "let_gpus_grow", lambda: grown.append(True)
    )
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="exists already"):
        fit(tiny("there"))
    assert grown == [True]


def test_an_existing_folder_is_refused_before_the_data_are_read(tiny, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="run exists already"):
        fit(tiny(images="/nowhere"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": "/nowhere"}, "/nowhere: no images found"),
        ({"loss": "keras.losses:MeanSquaredError"}, "takes no from_logits"),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_written(
    tiny, tmp_path, changes, words
):
    with pytest.raises(ValueError, match=words):
        fit(tiny(**changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"tile_size": 33},
        {"optimizer": "keras.optimizers:Nothing"},
        {"loss": "keras.losses:Nothing"},
        {"init_from": "/nowhere"},
        {"devices": 64},
        {"devices": 2, "batch_size": 3},
    ],
)
def test_what_no_data_could_mend_is_refused_before_they_are_read(
    tiny, changes, monkeypatch
):
    found = devices.tf.config.list_logical_devices("CPU") * 2
    monkeypatch.setattr(
        devices.tf.config,
        "list_logical_devices",
        lambda kind: found if kind == "CPU" else [],
    )
    with pytest.raises(ValueError) as error:
        fit(tiny(images="/no_images", plan_only=True, **changes))
    assert "/no_images" not in str(error.value)


def test_a_plan_is_returned_and_nothing_is_written(tiny, tmp_path):
    found = fit(tiny(plan_only=True))
    assert isinstance(found, FitPlan)
    assert "smallest_object" in {choice.name for choice in found.choices}
    assert not (tmp_path / "run").exists()


def test_a_training_stopped_before_its_first_checkpoint_can_go_on(
    tiny, tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("keras.Model.fit", stop)
        fit(tiny())
    result = fit(tiny(resume=True))
    assert result.steps == tiny().steps


def test_objects_of_instance_masks_have_a_threshold_of_their_own(
    tiny, tmp_path, monkeypatch, run
):
    seen = []

    class Fixed(ObjectThresholds):
        def add(self, one):
            seen.append(one)
            super().add(one)

        def best(self):
            return 0.77

    monkeypatch.setattr(object_thresholds, "ObjectThresholds", Fixed)
    result = fit(tiny(mask_kind="instances"))
    found = run_folder.load(str(tmp_path / "run"))
    assert found.record.object_threshold == result.object_threshold == 0.77
    assert "(of objects 0.77)" in str(result)
    # By what the best model puts out.
    (one,) = seen
    image = np.asarray(scaling.scale_image(one.image))
    np.testing.assert_array_equal(Net(found.model).logits(image), one.logits)
    # Of binary masks it is that of masks.
    assert run_folder.load_record(run).object_threshold is None
