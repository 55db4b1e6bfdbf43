"""fit: from image and mask files to a run folder."""

import dataclasses
import logging
import pathlib
import shutil

import keras
import numpy as np
import tensorflow as tf

import keras_unet
from pipelines import objectives, precision, report, run_folder, scores, tiles
from pipelines.callbacks import Budget, Progress, Validator
from pipelines.config import FitConfig
from pipelines.overlap_tile import Net
from pipelines.run_plan import RunPlan, plan_run
from pipelines.validation import Validation, validate

logger = logging.getLogger(__name__)

NUM_PICTURES = 4


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What a finished run came to.

    Attributes:
        run_dir: its folder.
        steps: training steps done.
        best: step, validation loss, mean IoU and pixel error of the saved model.
        threshold: on P(foreground); None from three classes on.
    """

    run_dir: str
    steps: int
    best: dict[str, float]
    threshold: float | None

    def __str__(self) -> str:
        """Returns the result in words."""
        chosen = "" if self.threshold is None else f", threshold {self.threshold:g}"
        return (
            f"{self.steps} steps; best at step {self.best['step']}: validation loss "
            f"{self.best['val_loss']:.4f}, mean IoU {self.best['val_mean_iou']:.4f}, "
            f"pixel error {self.best['val_pixel_error']:.4f}{chosen}.\n"
            f"Run: {self.run_dir} (model.keras, config.json, history.csv, report.html)"
        )


def fit(config: FitConfig) -> FitResult:
    """Trains a U-Net on image and mask files and leaves a run folder.

    All data and settings are checked before the folder is made.

    Args:
        config: every setting; see `FitConfig`.

    Raises:
        ValueError: data or settings do not fit (nothing is written), or training
            diverged (the run folder holds the best model so far, or is removed).
    """
    run_folder.refuse_existing(config.run_dir)
    plan = plan_run(config)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    model = _compiled_model(config, plan)
    # Not the plan's: the optimizer's path may have set another.
    rate = float(np.asarray(model.optimizer.learning_rate))
    budget = Budget(rate, plan.steps, plan.minutes)
    logger.info(
        "Training on %d images, validating on %d, in %s.",
        len(plan.training_set.pairs),
        len(plan.validation_set.pairs),
        plan.precision,
    )
    recorder = _Recorder(config, plan)
    validator = Validator(
        budget,
        config.validations,
        lambda: recorder.validate(model),
        recorder.save_best,
        recorder.path,
    )
    stream = tiles.tile_stream(
        plan.training_set,
        plan.tile_shape,
        batch_size=plan.batch_size,
        seed=config.seed,
        config=config,
    )
    callbacks = [budget, validator, Progress(budget, validator)]
    # The stream is shuffled by its own numbers; Keras cannot shuffle a Dataset.
    try:
        model.fit(stream, callbacks=callbacks, verbose=0, shuffle=False)
    except BaseException:
        recorder.give_up(validator)
        raise
    return recorder.finish(validator)


def _compiled_model(config: FitConfig, plan: RunPlan) -> keras.Model:
    with precision.policy(plan.precision):
        optimizer = objectives.make_optimizer(config, plan.learning_rate)
        model = keras_unet.build_unet(**plan.network)
        model.compile(optimizer=optimizer, loss=plan.loss)
    return model


class _Recorder:
    """Keeps the best model of a training and what is known of it, in the run folder."""

    def __init__(self, config: FitConfig, plan: RunPlan) -> None:
        self.path: pathlib.Path = run_folder.create(config.run_dir)
        self._plan = plan
        # Validated, saved and served in float32: the same numbers on every machine,
        # and nothing that a machine without bfloat16 instructions computes slowly.
        with precision.policy("float32"):
            self._model = keras_unet.build_unet(**plan.network)
        self._net = Net(self._model)
        self._record = run_folder.RunRecord(
            settings=dataclasses.asdict(plan.settled(config)),
            network=plan.network,
            classes=plan.class_names,
            mask_coding=dataclasses.asdict(plan.training_set.coding),
            scaling="per_image",
            threshold=None,
            precision={"training": plan.precision, "model": "float32"},
            data={
                "training": plan.training_set.describe(),
                "validation": plan.validation_set.describe(),
            },
            best={},
            versions=run_folder.versions(),
        )

    def validate(self, model: keras.Model) -> Validation:
        """Scores the model as it is now on the held-out images."""
        self._model.set_weights(model.get_weights())
        return validate(
            self._net,
            self._plan.validation_set,
            loss=self._plan.loss,
            num_pictures=NUM_PICTURES,
        )

    def save_best(self, step: int, result: Validation) -> None:
        """Writes the model last validated, with its record."""
        self._record = dataclasses.replace(
            self._record,
            threshold=result.threshold,
            best={
                "by": "validation loss",
                "step": step,
                "val_loss": result.loss,
                "val_mean_iou": scores.mean_iou(result.confusion),
                "val_pixel_error": scores.pixel_error(result.confusion),
            },
        )
        run_folder.save_model(self.path, self._model)
        run_folder.save_record(self.path, self._record)

    def give_up(self, validator: Validator) -> None:
        """Says what is left of a training that was stopped or failed."""
        if validator.best is None:
            shutil.rmtree(self.path)
            logger.info("No model was saved; %s is removed.", self.path)
        else:
            step = self._record.best["step"]
            logger.info("%s holds the best model so far, step %d.", self.path, step)

    def finish(self, validator: Validator) -> FitResult:
        """Writes the report.

        Raises:
            ValueError: no validation had a loss that is a number.
        """
        if validator.best is None:
            raise ValueError(
                "The validation loss was never a finite number, so no model is saved. "
                "Lower learning_rate, or set precision to float32."
            )
        report.write_report(
            self.path / run_folder.REPORT,
            title=f"Run {self.path.name}",
            record=self._record,
            history=validator.history,
            pictures=validator.best.pictures,
        )
        return FitResult(
            str(self.path),
            validator.budget.step,
            self._record.best,
            self._record.threshold,
        )
