"""fit: from image and mask files to a run folder."""

import dataclasses
import logging
import pathlib

import keras
import numpy as np
import tensorflow as tf

import keras_unet
from keras_unet.gradient_checkpointing import CheckpointedUNet
from pipelines import run_folder, tiles
from pipelines.config import FitConfig
from pipelines.inference import policy
from pipelines.tiles.stream_errors import readable
from pipelines.training import devices, objectives, run_lock, run_start
from pipelines.training.averaging import WeightAverage
from pipelines.training.budget import Budget, Diverged
from pipelines.training.callbacks import Progress, Validator
from pipelines.training.checkpoint import Checkpoint
from pipelines.training.checkpointing import Checkpointer
from pipelines.training.choices import Choice, in_words
from pipelines.training.guarding import ValidationGuard
from pipelines.training.recording import Recorder, forget
from pipelines.training.run_plan import RunPlan, decoded_images, plan_run
from pipelines.training.starting_weights import (
    check_starting_weights,
    load_starting_weights,
)
from pipelines.validation import Validation

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What a finished run came to.

    Attributes:
        run_dir: its folder.
        steps: training steps done.
        best: step, validation loss, mean IoU and pixel error of the saved model.
        threshold: on P(foreground); None from three classes on.
        choices: the settings that were left open, as they were decided.
        object_threshold: that of numbered objects; None where it is the same.
    """

    run_dir: str
    steps: int
    best: dict[str, float]
    threshold: float | None
    choices: tuple[Choice, ...] = ()
    object_threshold: float | None = None

    def __str__(self) -> str:
        """Returns the result in words."""
        if not self.best:
            return f"{in_words(self.choices)}\nNothing was trained or written."
        chosen = "" if self.threshold is None else f", threshold {self.threshold:g}"
        if self.object_threshold is not None:
            chosen += f" (of objects {self.object_threshold:g})"
        return (
            f"{self.steps} steps; best at step {self.best['step']}: validation loss "
            f"{self.best['val_loss']:.4f}, mean IoU {self.best['val_mean_iou']:.4f}, "
            f"pixel error {self.best['val_pixel_error']:.4f}{chosen}.\n"
            f"Run: {self.run_dir} (model.keras, config.json, history.csv, report.html)"
        )


def fit(config: FitConfig) -> FitResult:
    """Trains a U-Net on image and mask files and leaves a run folder.

    All data and settings are checked before the folder is made. With `resume` an
    interrupted run goes on from its newest checkpoint as if nothing had happened: the
    same tiles, schedule, dropout masks and optimizer state. A finished run is left as
    it is. With `deterministic` TensorFlow stays deterministic, and slower, until the
    process ends.

    Args:
        config: every setting; see `FitConfig`.

    Raises:
        ValueError: data or settings do not fit (nothing is written), or training
            diverged, or the disk is full (the run folder holds the best model and the
            last checkpoint so far, or is removed if there is none).
    """
    state = run_start.check_place(config)
    if state is not None and state.finished:
        logger.info("%s is finished already; nothing is done.", config.run_dir)
        return _finished(config)
    other = None
    if state is None and config.init_from is not None:
        other = run_folder.load_record(pathlib.Path(config.init_from))
    plan = plan_run(config)
    if other is not None:
        check_starting_weights(plan.network, other.network, str(config.init_from))
    logger.info("%s", plan.headline())
    if config.plan_only:
        return FitResult(config.run_dir, 0, {}, None, plan.choices)
    logger.info("%s", in_words(plan.choices))
    path = pathlib.Path(config.run_dir)
    if state is None:
        model = _starting_model(config, plan, config.init_from)
        run_start.begin(config, plan)
        with run_lock.held(path):
            return _train(plan.settled(config), plan, model, None)
    run_start.check_same_plan(config, plan, state)
    with run_lock.held(path):
        found = run_start.newest_checkpoint(config)
        # A checkpoint has its own weights: the other run may be gone since.
        init_from = config.init_from if found is None else None
        model = _starting_model(config, plan, init_from)
        return _train(plan.settled(config), plan, model, found)


def _starting_model(
    config: FitConfig, plan: RunPlan, init_from: str | None
) -> keras.Model:
    """Returns the compiled model with the weights that a run starts from.

    Raises:
        ValueError: the weights of the other run do not fit.
    """
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    model = _compiled_model(config, plan)
    if init_from is not None:
        load_starting_weights(model, init_from)
    logger.info(
        "Training on %d images, validating on %d, in %s.",
        len(plan.training_set.pairs),
        len(plan.validation_set.pairs),
        plan.precision,
    )
    return model


def _train(
    config: FitConfig,
    plan: RunPlan,
    model: keras.Model,
    found: Checkpoint | None,
) -> FitResult:
    """Trains in its run folder, from the start or from a checkpoint."""
    path = pathlib.Path(config.run_dir)
    # Not the plan's rate: the optimizer's path may have set another.
    rate = float(np.asarray(model.optimizer.learning_rate))
    budget = Budget(rate, plan.steps, plan.minutes)
    average = WeightAverage(config.averaging)
    guard = ValidationGuard(plan.class_names)
    recorder = Recorder(path, config, plan)
    validator = Validator(
        budget,
        config.validations,
        lambda: _validated(recorder, average, guard),
        recorder.save_best,
        path,
    )
    checkpointer = Checkpointer(
        path / run_folder.CHECKPOINT,
        config.checkpoint_minutes,
        budget,
        average,
        validator,
        recorder,
    )
    if found is None:
        forget(path)
    else:
        checkpointer.go_on(model, found)
    shown = Progress(budget, validator)
    callbacks = [budget, average, validator, guard, shown, checkpointer]
    try:
        if not validator.finished:
            stream = tiles.tile_stream(
                plan.training_set,
                plan.tile_shape,
                batch_size=plan.batch_size,
                seed=config.seed,
                config=config,
                start=budget.step * plan.batch_size,
                cache=decoded_images(config),
            )
            # The stream is shuffled by its own numbers; Keras cannot shuffle a Dataset.
            model.fit(stream, callbacks=callbacks, verbose=0, shuffle=False)
    except BaseException as error:
        # Ctrl-C and SIGTERM are no Exception.
        stopped, lost = not isinstance(error, Exception), isinstance(error, Diverged)
        recorder.give_up(can_go_on=not lost, was_stopped=stopped)
        if isinstance(error, tf.errors.OpError):
            raise readable(error) from error
        raise
    return _finish(path, budget.step, recorder, validator, plan)


def _validated(
    recorder: Recorder, average: WeightAverage, guard: ValidationGuard
) -> Validation:
    result = recorder.validate(average.weights())
    guard.look_at(result)
    return result


def _finish(
    path: pathlib.Path,
    step: int,
    recorder: Recorder,
    validator: Validator,
    plan: RunPlan,
) -> FitResult:
    """Writes the report and notes the end."""
    if not recorder.record.best:
        raise ValueError(
            f"{path}: the validation loss was never a finite number, so no model is "
            "saved; history.csv has what it was. Lower learning_rate, or set precision "
            "to float32, and fit into another run_dir."
        )
    recorder.conclude(validator)
    run_start.finish(path)
    return _result(str(path), step, recorder.record, plan.choices)


def _result(
    run_dir: str, steps: int, record: run_folder.RunRecord, choices: tuple[Choice, ...]
) -> FitResult:
    return FitResult(
        run_dir,
        steps,
        record.best,
        record.threshold,
        choices,
        record.object_threshold,
    )


def _compiled_model(config: FitConfig, plan: RunPlan) -> keras.Model:
    shared = devices.strategy(config, plan.batch_size)
    with policy(plan.precision), shared.scope():
        optimizer = objectives.make_optimizer(config, plan.learning_rate)
        model = keras_unet.build_unet(**plan.network)
        if config.gradient_checkpointing:
            model = CheckpointedUNet(model.input, model.output)
        model.compile(optimizer=optimizer, loss=plan.loss)
    return model


def _finished(config: FitConfig) -> FitResult:
    record = run_folder.load_record(pathlib.Path(config.run_dir))
    history = run_folder.load_history(pathlib.Path(config.run_dir))
    steps = int(history[-1]["step"])
    choices = tuple(Choice.from_json(choice) for choice in record.choices)
    return _result(config.run_dir, steps, record, choices)
