"""A callback that says early when a training goes wrong, and why."""

import logging
import math
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_unet.loss_course import LossCourse, StepLosses

logger = logging.getLogger(__name__)

# Metrics that lie between 0 and 1 by their definition.
_SHARES = re.compile(r"iou|dice|jaccard|accuracy|precision|recall|(^|_)(auc|f1)")
# Losses that are watched as metrics, and may have such a name.
_LOSSES = re.compile(r"loss|entropy")
# Probabilities (or logits) with a smaller range are one value.
FLAT = 1e-3
# Per cent of the pixels: a class of more is not missed for being rare.
_RARE = 20.0


class TrainingGuard(keras.callbacks.Callback):
    """Warns once of each sign that a training teaches nothing, with the likely cause.

    After every step, in what Keras reports of it (means over the epoch so far): a loss
    below 0, a metric above 1, a loss that jumps or is not a number. After every epoch
    the same, but for jumps, in what is validated (`val_loss`, ...); and, if it is given
    samples: an output that is the same everywhere, and classes that are in the masks
    but never predicted. Training goes on; the warnings are those of the logger
    `keras_unet.guard`.

        model.fit(..., callbacks=[TrainingGuard(images[:4], masks[:4])])

    Args:
        images: what the model takes, (batch, height, width, channels), a few; None: the
            output is not looked at.
        y_true: class ids of these, (batch, height, width, 1), of the size that the
            model puts out.
        threshold: of a single channel, on the scale that the model puts out: 0.5 for
            probabilities, 0 for logits.
        ignore_class: class id of pixels in y_true that are not looked at; None: none.
        signed_loss: the loss may be below 0, as minus the Dice coefficient is.

    Raises:
        ValueError: only one of images and y_true is given.
    """

    # What to do about a class that is never predicted.
    missed_advice = "Weigh it more in the loss (sample_weight), or train longer."
    # Keras's own logs are means over the epoch.
    losses_are_of_steps = False

    def __init__(
        self,
        images: Any = None,
        y_true: Any = None,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        signed_loss: bool = False,
    ) -> None:
        super().__init__()
        if (images is None) != (y_true is None):
            raise ValueError(
                "images and y_true go together; got only one. Give both, or none to "
                "watch loss and metrics alone."
            )
        self._images, self._y_true = images, y_true
        self._threshold = threshold
        self._ignore_class = ignore_class
        self._signed_loss = signed_loss
        self._said: set[str] = set()
        self._course, self._steps = LossCourse(), StepLosses()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks at the loss and the metrics of a step."""
        self._look_at_logs(logs)
        loss = float((logs or {}).get("loss", math.nan))
        if math.isfinite(loss):
            self._look_at_course(batch, loss)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at what is validated, and at the output on the samples.

        Errors on these do not end the training.
        """
        self._look_at_logs(logs)
        if self._images is None:
            return
        try:
            self._look_at_samples()
        except Exception as error:
            self._images = None
            logger.warning(
                "TrainingGuard cannot look at its samples, and looks at loss and "
                "metrics alone from here on: %s",
                error,
            )

    def _look_at_logs(self, logs: Any) -> None:
        for name, value in (logs or {}).items():
            largest = float(np.max(value))
            if name in ("loss", "val_loss"):
                self._look_at_number(name, largest)
            if name.endswith("loss"):
                self._look_at_sign(name, largest)
            elif _is_share(name) and largest > 1 + 1e-4:
                self._say(
                    name,
                    "%s is %.4g, but cannot be above 1: masks or predictions are not "
                    "in 0 to 1. Masks of 0 and 255 must become 0 and 1; a model that "
                    "ends in logits needs a metric that knows it (from_logits).",
                    name,
                    largest,
                )

    def _look_at_samples(self) -> None:
        y_pred = np.asarray(self.model.predict_on_batch(self._images), np.float32)
        if not np.isfinite(y_pred).all():
            # That is said of the loss, with its causes.
            return
        y_true = np.asarray(self._y_true).ravel().astype(int)
        if y_pred.shape[-1] == 1:
            classes = (y_pred > self._threshold).ravel().astype(int)
        else:
            classes = y_pred.argmax(axis=-1).ravel()
        if y_true.shape != classes.shape:
            raise ValueError(
                f"y_true has shape {np.shape(self._y_true)} and the output "
                f"{y_pred.shape}. Give class ids (batch, height, width, 1) of the size "
                "that the model puts out."
            )
        if np.ptp(y_pred.reshape(-1, y_pred.shape[-1]), axis=0).max() < FLAT:
            self.say_constant()
            return
        num_classes = max(2, y_pred.shape[-1])
        kept = y_true != self._ignore_class
        y_true, classes = y_true[kept], classes[kept]
        unknown = y_true[(y_true < 0) | (y_true >= num_classes)]
        if unknown.size:
            self._say(
                "y_true",
                "y_true holds %d, but the net tells %d classes apart: masks must hold "
                "class ids from 0 to %d. Masks of 0 and 255 must become 0 and 1; for "
                "the id of ignored pixels pass ignore_class.",
                unknown[0],
                num_classes,
                num_classes - 1,
            )
            return
        self.look_at_counts(
            np.bincount(y_true, minlength=num_classes),
            np.bincount(classes, minlength=num_classes),
        )

    def look_at_counts(
        self, labelled: np.ndarray, predicted: np.ndarray, names: Sequence[str] = ()
    ) -> None:
        """Warns of classes that are there and never predicted.

        Args:
            labelled: pixels of each class in the masks, (num_classes,).
            predicted: pixels of each class in the predictions, (num_classes,).
            names: of the classes; empty: their ids.
        """
        for index in np.flatnonzero((labelled > 0) & (predicted == 0)):
            share = 100 * labelled[index] / max(1, labelled.sum())
            name = names[int(index)] if names else f"class {index}"
            self._say(
                f"never {index}",
                "%s is never predicted, though %.3g %% of the mask pixels are of it: "
                "%s, or training is short. %s",
                name,
                share,
                "it is too rare for the loss"
                if share < _RARE
                else "the loss prefers other classes",
                self.missed_advice,
            )

    def say_constant(self) -> None:
        """Warns of an output that is the same for every pixel."""
        self._say(
            "constant",
            "The output is the same for every pixel: nothing is learned. Look at the "
            "pairs of images and masks, and at the scaling (raw pixel values are too "
            "large); then lower learning_rate.",
        )

    def _look_at_sign(self, name: str, value: float) -> None:
        if value < 0 and not self._signed_loss:
            self._say(
                name,
                "%s is %.4g, below 0: cross-entropy cannot be, unless masks are beyond "
                "0 to 1 (0 and 255 must become 0 and 1) or the model's last layer is "
                "not what the loss expects (from_logits). For a loss that may be below "
                "0 pass signed_loss=True.",
                name,
                value,
            )

    def _look_at_number(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            self._say(
                "not finite",
                "%s is %s: gradients explode, or the images hold NaN or infinite "
                "values. Look at the images, then lower learning_rate or clip the "
                "gradients (global_clipnorm of the optimizer).",
                "The loss" if name == "loss" else name,
                value,
            )

    def _look_at_course(self, batch: int, logged: float) -> None:
        loss = logged if self.losses_are_of_steps else self._steps.of(batch, logged)
        risen = self._course.jump(loss)
        if risen is not None:
            self._say(
                "jump",
                "The loss has risen from %.3g to %.3g: gradients explode. Lower "
                "learning_rate or clip the gradients (global_clipnorm of the "
                "optimizer).",
                *risen,
            )

    def _say(self, key: str, message: str, *values: Any) -> None:
        """Warns, but of each sign once."""
        if key not in self._said:
            self._said.add(key)
            logger.warning(message, *values)


def _is_share(name: str) -> bool:
    return bool(_SHARES.search(name)) and not _LOSSES.search(name)
