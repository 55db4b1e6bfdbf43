"""The course of a training's loss: tells when it has jumped and stays there."""

import math

# The loss has jumped when it is so many times the lowest value of its running mean.
JUMP = 10.0
# Steps in a row that must be so high: half of the tiles may have a hundred times the
# loss of the others, and ten of them in a row come once in a thousand steps.
HIGH_STEPS = 20
# No tile's loss is so many times the usual: of that one step is enough. Often the net
# puts out one value thereafter, and the loss is low again.
BEYOND_TILES = 1e4
# Losses that tell where a training began: their lowest, for an explosion may come with
# the second; and twice that, so that the others are no rise.
FIRST_LOSSES = 3
# Weight of the newest loss in the running mean.
_NEWEST = 0.1
# What a jump is measured by where the lowest mean is nearer to 0.
_LEAST = 1e-3


class LossCourse:
    """Follows the losses of steps.

    Losses of exactly 0 are passed over: nothing of such a batch counts, as where no
    pixel is labelled.
    """

    def __init__(self) -> None:
        self._steps, self._start = 0, math.inf
        self._mean, self._lowest = math.nan, math.inf
        self._high_steps = 0

    def jump(self, loss: float) -> tuple[float, float] | None:
        """Adds the loss of a step.

        Args:
            loss: a finite number; below 0 if the loss has a sign.

        Returns:
            None, or where the loss has jumped the lowest running mean and the newest:
            once twenty steps in a row are ten times the lowest and twice the loss at
            the start, or one is ten thousand times both.
        """
        if loss == 0:
            return None
        if self._steps:
            self._count(loss)
        if self._steps < FIRST_LOSSES:
            self._start = min(self._start, loss)
        self._steps += 1
        before = loss if math.isnan(self._mean) else self._mean
        self._mean = before + _NEWEST * (loss - before)
        self._lowest = min(self._lowest, self._mean)
        if self._high_steps < HIGH_STEPS:
            return None
        return self._lowest, self._mean

    def _count(self, loss: float) -> None:
        """Counts the high steps in a row. Differences, for losses may be signed."""
        unit, start = (max(abs(one), _LEAST) for one in (self._lowest, self._start))
        rise, since_start = loss - self._lowest, loss - self._start
        if rise > BEYOND_TILES * max(unit, start):
            self._high_steps = HIGH_STEPS
        elif rise > (JUMP - 1) * unit and since_start > start:
            self._high_steps += 1
        else:
            self._high_steps = 0


class StepLosses:
    """Tells the losses of steps from the means over the epoch that Keras logs."""

    def __init__(self) -> None:
        self._steps, self._sum = 0, 0.0

    def of(self, batch: int, mean: float) -> float:
        """Returns the loss of the steps since the last call, their mean if several.

        Args:
            batch: number of the step in its epoch, from 0 on.
            mean: of the epoch so far, finite.
        """
        steps, total = batch + 1, (batch + 1) * mean
        if steps <= self._steps:
            # A new epoch.
            self._steps, self._sum = 0, 0.0
        loss = (total - self._sum) / (steps - self._steps)
        self._steps, self._sum = steps, total
        return loss
