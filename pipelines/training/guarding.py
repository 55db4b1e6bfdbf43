"""What the guard of a training looks at in each validation."""

from collections.abc import Sequence

from keras_unet.guard import FLAT, TrainingGuard
from pipelines.validation import Validation

# At the first, a net may well know only one class yet.
_FIRST_LOOKED_AT = 2


class ValidationGuard(TrainingGuard):
    """Watches the loss of the steps, and what is validated.

    Args:
        class_names: in the order of their ids.
    """

    missed_advice = (
        "Weigh it more in the loss (--class-weights balanced), show it more often "
        "(--rare-share), or train longer."
    )

    def __init__(self, class_names: Sequence[str]) -> None:
        super().__init__()
        self._class_names = class_names
        self._validations = 0

    def look_at(self, result: Validation) -> None:
        """Warns of a constant output and of classes that are never predicted."""
        self._validations += 1
        # The only one is looked at, too.
        is_last = getattr(self.model, "stop_training", False)
        if self._validations < _FIRST_LOOKED_AT and not is_last:
            return
        if result.spread < FLAT:
            self.say_constant()
            return
        confusion = result.confusion
        self.look_at_counts(
            confusion.sum(axis=1), confusion.sum(axis=0), self._class_names
        )
