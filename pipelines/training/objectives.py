"""The loss and the optimizer of a run, made from its settings and tried before use."""

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.config import FitConfig, import_path


def make_loss(config: FitConfig, output_channels: int) -> Any:
    """Returns the loss on logits, a `keras.losses.Loss` that takes sample weights.

    By default binary cross-entropy for one channel and softmax cross-entropy for more
    (with two channels that is binary cross-entropy on their difference).

    Args:
        config: names the loss by `loss`, or None for the default.
        output_channels: channels of the logits.

    Raises:
        ValueError: the path names nothing, the object cannot take logits, or it does
            not fall when the logits become right.
    """
    if config.loss is None:
        if output_channels == 1:
            return keras.losses.BinaryCrossentropy(from_logits=True)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    target, arguments = import_path.parse(config.loss)
    parameters = _parameters(target, config.loss)
    if "from_logits" not in parameters:
        raise ValueError(
            f"loss {config.loss!r} takes no from_logits, but the net ends in logits: "
            "it would take logits for probabilities. Choose a loss with that argument, "
            "for example keras.losses:BinaryFocalCrossentropy."
        )
    if arguments.setdefault("from_logits", True) is not True:
        raise ValueError(
            f"loss {config.loss!r} sets from_logits, but the net ends in logits. "
            "Leave it out."
        )
    if inspect.isclass(target):
        if "reduction" in parameters:
            # Those of TensorFlow Addons default to none, which Keras would sum.
            arguments.setdefault("reduction", "sum_over_batch_size")
        loss = _construct(target, arguments, config.loss)
    else:
        loss = _FunctionLoss(target, arguments)
    if not isinstance(loss, keras.losses.Loss):
        loss = _FunctionLoss(loss, {})
    _try(loss, config.loss, output_channels)
    return loss


def check_weighted(loss: Any, path: str | None, output_channels: int) -> None:
    """Checks that a loss can be weighed pixel by pixel.

    Args:
        loss: from `make_loss`.
        path: of the loss, as in the settings; None for the default.
        output_channels: channels of the logits.

    Raises:
        ValueError: pixels of weight 0 change the loss, or heavy ones do not count more.
    """
    y_true, right = _example(output_channels)
    # The left half of each image is right, the other wrong.
    is_left = np.arange(4).reshape(1, 1, 4, 1) < 2
    logits = np.where(is_left, right, -right)
    left = np.broadcast_to(is_left, y_true.shape).astype("float32")
    try:
        light, heavy, changed, even, uneven = (
            float(np.mean(loss(y_true, shown, sample_weight=weight)))
            for shown, weight in (
                (logits, left),
                (logits, 1 - left),
                # Wrong on the left: where the weight is 0.
                (-right, 1 - left),
                (logits, np.ones_like(left)),
                (logits, 2 - left),
            )
        )
        same = np.isclose(heavy, changed, rtol=1e-4, atol=1e-6)
        works = bool(same) and light < heavy and even < uneven
    # Losses of other people raise errors of many kinds.
    except Exception:
        works = False
    if not works:
        raise ValueError(
            f"loss {path!r} reduces over pixels by itself, so pixels cannot be "
            "weighed. Choose another loss, or leave weight_map, class_weights and "
            "ignore_value out."
        )


def make_optimizer(config: FitConfig, learning_rate: float) -> Any:
    """Returns the optimizer, with `learning_rate` unless its path sets another.

    Raises:
        ValueError: the path names nothing, or the object has no learning rate.
    """
    target, arguments = import_path.parse(config.optimizer)
    if "learning_rate" not in _parameters(target, config.optimizer):
        raise ValueError(
            f"optimizer {config.optimizer!r} takes no learning_rate, which the "
            "schedule needs. Choose another, for example keras.optimizers:Adam."
        )
    own = rate_of_path(config.optimizer)
    if own is not None:
        # A whole number is one, too, but not for Keras.
        arguments["learning_rate"] = own
    arguments.setdefault("learning_rate", learning_rate)
    return _construct(target, arguments, config.optimizer)


def rate_of_path(path: str) -> float | None:
    """Returns the learning rate that an optimizer's path sets, if it sets one.

    Raises:
        ValueError: the path names nothing.
    """
    rate = import_path.parse(path)[1].get("learning_rate")
    return float(rate) if isinstance(rate, int | float) else None


def check_paths(config: FitConfig) -> None:
    """Checks what can be known of loss and optimizer before the data are read.

    Raises:
        ValueError: a path names nothing, or the optimizer cannot be made or do a step
            (some fail only then), or it has another learning rate than the settings.
    """
    if config.loss is not None:
        import_path.parse(config.loss)
    own = rate_of_path(config.optimizer)
    if own is not None and config.learning_rate not in (None, own):
        raise ValueError(
            f"learning_rate is {config.learning_rate:g}, but the optimizer "
            f"{config.optimizer!r} sets {own:g}. Give one of them."
        )
    rate = 1e-3 if config.learning_rate is None else config.learning_rate
    _try_step(make_optimizer(config, rate), config.optimizer)


def _parameters(target: Any, path: str) -> set[str]:
    try:
        return set(inspect.signature(target).parameters)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path!r} is not a class or a function.") from error


def _construct(target: Any, arguments: dict[str, Any], path: str) -> Any:
    try:
        return target(**arguments)
    # Constructors of other people raise errors of many kinds.
    except Exception as error:
        raise ValueError(f"{path!r} could not be constructed: {error}") from error


class _FunctionLoss(keras.losses.Loss):
    """A bare function as a loss: Keras weighs its values and takes their mean."""

    def __init__(self, function: Any, arguments: dict[str, Any]) -> None:
        name = getattr(function, "__name__", type(function).__name__)
        super().__init__(name=name, reduction="sum_over_batch_size")
        self._function = function
        self._arguments = arguments

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns what the function does."""
        return self._function(y_true, y_pred, **self._arguments)


def _try_step(optimizer: Any, path: str) -> None:
    """Raises ValueError unless the optimizer can do a step, and go on from any."""
    layer = keras.layers.Dense(1, kernel_initializer="zeros")
    layer.build((None, 1))
    gradients = [tf.ones(v.shape) for v in layer.trainable_variables]
    numbers = []
    try:
        # What is built at the first step does not change at the second.
        for _ in range(2):
            pairs = zip(gradients, layer.trainable_variables, strict=True)
            optimizer.apply_gradients(pairs)
            numbers.append(_plain_numbers(optimizer))
    except Exception as error:
        raise ValueError(f"{path!r} cannot do a step: {error}") from error
    first, second = numbers
    changed = [name for name, value in second.items() if first.get(name) != value]
    if changed:
        raise ValueError(
            f"{path!r} counts steps in {', '.join(changed)}, which is no variable, so "
            "that no checkpoint has it and a training could not go on. Make it a "
            "tf.Variable, or choose another optimizer."
        )


def _plain_numbers(optimizer: Any) -> dict[str, float]:
    """Returns the attributes that are numbers of Python."""
    return {
        name: value
        for name, value in vars(optimizer).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _example(output_channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns two masks (2, 4, 4, 1) and right logits (2, 4, 4, output_channels)."""
    y_true = np.arange(32).reshape(2, 4, 4, 1) % max(2, output_channels)
    if output_channels == 1:
        right = (y_true * 2 - 1) * 3.0
    else:
        right = np.eye(output_channels)[y_true[..., 0]] * 6.0 - 3.0
    dtype = "float32" if output_channels <= 2 else "int32"
    return y_true.astype(dtype), right.astype("float32")


def _try(loss: Any, path: str, output_channels: int) -> None:
    """Raises ValueError unless right logits give a lower loss than wrong ones."""
    y_true, right = _example(output_channels)
    try:
        low, middle, high = (
            float(np.mean(loss(y_true, right * np.float32(sign))))
            for sign in (1, 0, -1)
        )
    except Exception as error:
        raise ValueError(
            f"loss {path!r} does not take masks (batch, height, width, 1) and logits "
            f"(batch, height, width, {output_channels}): {error}"
        ) from error
    if not low < middle < high:
        raise ValueError(
            f"loss {path!r} is {low:.4g} for right, {middle:.4g} for undecided and "
            f"{high:.4g} for wrong logits of {output_channels} channels; it must rise. "
            "Choose a loss for this number of channels, or set num_classes."
        )
