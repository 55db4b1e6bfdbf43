"""fit: from image and mask files to a run folder."""

import logging
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_unet
from keras_unet.gradient_checkpointing import CheckpointedUNet
from pipelines import run_folder, tensorflow_start, tiles
from pipelines.config import FitConfig
from pipelines.inference import policy
from pipelines.tiles.stream_errors import readable
from pipelines.training import devices, objectives, run_lock, run_start
from pipelines.training.averaging import WeightAverage
from pipelines.training.budget import Budget, Diverged
from pipelines.training.checkpoint import Checkpoint
from pipelines.training.checkpointing import Checkpointer
from pipelines.training.choices import in_words
from pipelines.training.fit_result import (
    FitPlan,
    FitResult,
    result_of,
    result_of_finished_run,
)
from pipelines.training.guarding import ValidationGuard
from pipelines.training.optimizer_state import build_optimizer
from pipelines.training.progress import Progress
from pipelines.training.random_states import of_the_caller
from pipelines.training.recording import Recorder, forget
from pipelines.training.replica_statistics import ReplicaStatistics
from pipelines.training.run_plan import RunPlan, plan_run
from pipelines.training.starting_weights import (
    check_starting_weights,
    load_starting_weights,
    shape_of_other,
    warn_of_scaling,
)
from pipelines.training.stopping import StopSignal
from pipelines.training.validator import Validator
from pipelines.training.write_failures import written
from pipelines.validation import Validation

logger = logging.getLogger(__name__)


@of_the_caller()
def fit(config: FitConfig) -> FitResult | FitPlan:
    """Trains a U-Net on image and mask files and leaves a run folder.

    All data and settings are checked before the folder is made. With `resume` an
    interrupted run goes on from its newest checkpoint as if nothing had happened: the
    same tiles, schedule, dropout masks and optimizer state. A finished run is left as
    it is. TensorFlow stays seeded, and with `deterministic` it stays deterministic, and
    slower, until the process ends. Memory of GPUs that are not in use yet is taken as
    it is needed.

    Args:
        config: every setting; see `FitConfig`.

    Returns:
        What came of it; with `plan_only` what it would do.

    Raises:
        ValueError: data or settings do not fit (nothing is written), or training
            diverged, or the disk is full (the run folder holds the best model and the
            last checkpoint so far, or is removed if there is none).
    """
    tensorflow_start.let_gpus_grow()
    state = run_start.check_place(config)
    if state is not None:
        return _go_on(run_start.as_begun(config, state), state)
    other = None
    if config.init_from is not None:
        other = run_folder.load_record(pathlib.Path(config.init_from))
        config = shape_of_other(config, other.network)
    plan = plan_run(config)
    if other is not None:
        run_dir = str(config.init_from)
        check_starting_weights(plan.network, other.network, run_dir)
        warn_of_scaling(plan.training_set.scaling, other.scaling, run_dir)
    _say(plan)
    if config.plan_only:
        return FitPlan(plan.choices)
    model = _starting_model(plan, config.init_from)
    run_start.begin(plan)
    with run_lock.held(plan.path):
        return _train(plan, model, None)


def _go_on(config: FitConfig, state: run_start.RunState) -> FitResult | FitPlan:
    """Goes on with a run from its newest checkpoint."""
    if state.finished:
        logger.info("%s is finished already; nothing is done.", config.run_dir)
        return result_of_finished_run(pathlib.Path(config.run_dir))
    plan = run_start.resumed_plan(plan_run(config), state)
    _say(plan)
    if config.plan_only:
        return FitPlan(plan.choices)
    with run_lock.held(plan.path):
        # Another process may have finished it while the data were read here.
        state = run_start.check_place(config) or state
        if state.finished:
            return _go_on(config, state)
        found = run_start.newest_checkpoint(plan.path)
        # A checkpoint has its own weights: the other run may be gone since.
        init_from = config.init_from if found is None else None
        model = _starting_model(plan, init_from)
        return _train(plan, model, found)


def _say(plan: RunPlan) -> None:
    logger.info("%s", plan.headline())
    if not plan.config.plan_only:
        logger.info("%s", in_words(plan.choices))


def _starting_model(plan: RunPlan, init_from: str | None) -> keras.Model:
    """Returns the compiled model with the weights that a run starts from.

    Raises:
        ValueError: the weights of the other run do not fit.
    """
    keras.utils.set_random_seed(plan.config.seed)
    if plan.config.deterministic:
        tf.config.experimental.enable_op_determinism()
    model = _compiled_model(plan)
    if init_from is not None:
        load_starting_weights(model, init_from)
    logger.info(
        "Training on %d images, validating on %d, in %s.",
        len(plan.training_set.pairs),
        len(plan.validation_set.pairs),
        plan.config.precision,
    )
    return model


def _train(plan: RunPlan, model: keras.Model, found: Checkpoint | None) -> FitResult:
    """Trains in its run folder, from the start or from a checkpoint."""
    config, path = plan.config, plan.path
    # Not the plan's rate: the optimizer's path may have set another.
    rate = float(np.asarray(model.optimizer.learning_rate))
    budget = Budget(rate, config.steps, config.minutes, decay=config.decay)
    average = WeightAverage(config.averaging)
    guard = ValidationGuard(
        plan.class_names,
        signed_loss=config.loss is not None,
        is_weighted=bool(config.class_weights),
    )
    recorder, stop = Recorder(plan), StopSignal()
    validator = Validator(
        budget,
        config.validations,
        lambda: _validated(recorder, average, guard, stop),
        recorder.save_best,
        path,
        plan.steps_of_a_validation,
    )
    checkpointer = Checkpointer(
        path / run_folder.CHECKPOINT,
        config.checkpoint_minutes,
        budget,
        average,
        validator,
        recorder,
        stop,
    )
    if found is None:
        forget(path)
    else:
        checkpointer.go_on(model, found)
    shown = Progress(budget, validator)
    shared = ReplicaStatistics()
    callbacks = [budget, shared, average, validator, guard, shown, checkpointer]
    try:
        if not validator.finished:
            with stop.held_back():
                _fit(model, plan, budget.step, callbacks)
    except BaseException as error:
        # Ctrl-C and SIGTERM are no Exception.
        stopped, lost = not isinstance(error, Exception), isinstance(error, Diverged)
        recorder.give_up(can_go_on=not lost, was_stopped=stopped)
        said = _in_words(error)
        if said is None:
            raise
        raise said from error
    return _conclude(path, budget.step, recorder, validator)


def _fit(model: keras.Model, plan: RunPlan, step: int, callbacks: list[Any]) -> None:
    """Trains on the tiles from a step on, until a callback ends it."""
    stream = tiles.tile_stream(
        plan.training_set,
        plan.tile_shape,
        batch_size=plan.batch_size,
        seed=plan.config.seed,
        config=plan.config,
        start=step * plan.batch_size,
        cache=plan.image_cache(),
    )
    # The stream is shuffled by its own numbers; Keras cannot shuffle a Dataset.
    model.fit(stream, callbacks=callbacks, verbose=0, shuffle=False)


def _in_words(error: BaseException) -> Exception | None:
    """Returns what is raised instead of an error of TensorFlow; None for others."""
    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError):
        return ValueError(
            "There is no memory left for a training step. Set a smaller batch_size or "
            "tile_size and fit into another run_dir, or set gradient_checkpointing, "
            "which takes less memory and is slower; with it a run can go on by resume."
        )
    return readable(error) if isinstance(error, tf.errors.OpError) else None


def _validated(
    recorder: Recorder, average: WeightAverage, guard: ValidationGuard, stop: StopSignal
) -> Validation:
    # Of many images it takes longer than whoever asked to stop may wait.
    with stop.let_through():
        result = recorder.validate(average.weights())
    guard.look_at(result)
    return result


def _conclude(
    path: pathlib.Path, step: int, recorder: Recorder, validator: Validator
) -> FitResult:
    """Writes the report and notes the end."""
    if not recorder.record.best:
        raise ValueError(
            f"{path}: the validation loss was never a finite number, so no model is "
            "saved; history.csv has what it was. Lower learning_rate, or set precision "
            "to float32, and fit into another run_dir."
        )
    recorder.conclude(validator)
    with written(str(path)):
        run_start.finish(path)
    return result_of(path, step, recorder.record)


def _compiled_model(plan: RunPlan) -> keras.Model:
    config = plan.config
    shared = devices.strategy(config, plan.batch_size)
    with policy(config.precision), shared.scope():
        optimizer = objectives.make_optimizer(config, plan.learning_rate)
        model = keras_unet.build_unet(**plan.network)
        if config.gradient_checkpointing:
            model = CheckpointedUNet(model.input, model.output)
        model.compile(optimizer=optimizer, loss=plan.loss)
    # By itself it would be built within the first step, which would be traced twice.
    with shared.scope():
        build_optimizer(model.optimizer, model)
    return model
