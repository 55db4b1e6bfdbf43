"""What the guard of a training looks at in each validation."""

from collections.abc import Sequence

import numpy as np

from keras_unet.guard import FLAT, TrainingGuard
from pipelines.validation import Validation

# At the first, a net may well know only one class yet.
_FIRST_LOOKED_AT = 2


class ValidationGuard(TrainingGuard):
    """Watches the loss of the steps, and what is validated.

    Args:
        class_names: in the order of their ids.
        signed_loss: a loss below 0 is nothing to be said: it is of the user's own, and
            masks that would make cross-entropy so are refused before the training.
        is_weighted: the classes are weighed already.
    """

    missed_advice = (
        "Weigh it more in the loss (--class-weights balanced), show it more often "
        "(--rare-share), or train longer."
    )
    # The budget sees to that.
    losses_are_of_steps = True

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        signed_loss: bool = False,
        is_weighted: bool = False,
    ) -> None:
        super().__init__(signed_loss=signed_loss)
        if is_weighted:
            self.missed_advice = "Show it more often (--rare-share), or train longer."
        self._class_names = class_names
        self._validations = 0

    def look_at(self, result: Validation) -> None:
        """Warns of a constant output and of classes that are never predicted."""
        self._validations += 1
        # The only one is looked at, too.
        is_last = getattr(self.model, "stop_training", False)
        if self._validations < _FIRST_LOOKED_AT and not is_last:
            return
        confusion = result.confusion
        labelled = confusion.sum(axis=1)
        # Of masks of one class, such as empty ones, one value is right.
        if result.spread < FLAT and np.count_nonzero(labelled) > 1:
            self.say_constant()
            return
        self.look_at_counts(labelled, confusion.sum(axis=0), self._class_names)
