"""All variables of an optimizer: what a checkpoint must hold of it."""

from typing import Any

import tensorflow as tf


def build_optimizer(optimizer: Any, model: Any) -> None:
    """Creates all variables of an optimizer, as its first step would.

    Args:
        optimizer: of Keras, or of the kind before Keras 2.11 (TensorFlow Addons).
        model: what it will train.
    """
    if not _is_legacy(optimizer):
        if not getattr(optimizer, "built", False):
            optimizer.build(model.trainable_variables)
        return
    # Has no public name; a step with gradients of 0 would count and decay weights.
    optimizer._create_all_weights(model.trainable_variables)


def optimizer_variables(optimizer: Any) -> list[tf.Variable]:
    """Returns all variables that a step of the optimizer reads or changes.

    Slots, the count of steps, the learning rate and, under float16, the scale of the
    loss. Two optimizers made alike list them in one order, once they are built.

    Args:
        optimizer: after its first step or `build_optimizer`.
    """
    listed = optimizer.weights if _is_legacy(optimizer) else optimizer.variables
    found = [tensorflow_variable(variable) for variable in listed]
    found += _loss_scale(optimizer)
    rate = tensorflow_variable(optimizer.learning_rate)
    if isinstance(rate, tf.Variable) and not any(rate is other for other in found):
        found.append(rate)
    return found


def _is_legacy(optimizer: Any) -> bool:
    return hasattr(optimizer, "weights")


def tensorflow_variable(variable: Any) -> Any:
    """Returns what a variable of Keras 3 wraps; anything else as it is."""
    value = getattr(variable, "value", None)
    return value if isinstance(value, tf.Variable) else variable


def _loss_scale(optimizer: Any) -> list[tf.Variable]:
    """Returns the scale and its counter, which Keras 2 does not list."""
    if not hasattr(optimizer, "dynamic_counter"):
        return []
    state = tf.train.TrackableView(optimizer).children(optimizer).get("loss_scale")
    return [] if state is None else [state.current_loss_scale, state.counter]
