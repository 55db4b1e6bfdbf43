"""The numbers of a training: weights, optimizer, dropout steps; taken and put back."""

from typing import Any

import keras
import numpy as np

from keras_unet.layers import SeededDropout
from pipelines.training.optimizer_state import build_optimizer, optimizer_variables

WEIGHTS, OPTIMIZER, DROPOUT = "weights", "optimizer", "dropout"


def take(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """Returns all numbers of a compiled model that training changes, as copies."""
    optimizer = optimizer_variables(model.optimizer)
    return {
        WEIGHTS: [np.array(weight) for weight in model.get_weights()],
        OPTIMIZER: [np.array(variable.numpy()) for variable in optimizer],
        DROPOUT: [np.array(layer.step, np.int64) for layer in _dropouts(model)],
    }


def put_back(model: keras.Model, arrays: dict[str, list[np.ndarray]]) -> None:
    """Gives a compiled model the numbers that `take` returned.

    Raises:
        ValueError: they are of another network or optimizer.
    """
    # Of several devices each keeps a copy of the optimizer's variables.
    with model.distribute_strategy.scope():
        build_optimizer(model.optimizer, model)
    variables = optimizer_variables(model.optimizer)
    _check_fit("weights", [w.shape for w in model.weights], arrays.get(WEIGHTS, []))
    _check_fit("optimizer", [v.shape for v in variables], arrays.get(OPTIMIZER, []))
    model.set_weights(arrays.get(WEIGHTS, []))
    for variable, array in zip(variables, arrays.get(OPTIMIZER, []), strict=True):
        variable.assign(array)
    layers = _dropouts(model)
    for layer, step in zip(layers, arrays.get(DROPOUT, []), strict=True):
        layer.step = int(step)


def _dropouts(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, SeededDropout)]


def _check_fit(what: str, shapes: list[Any], arrays: list[np.ndarray]) -> None:
    expected = [tuple(shape) for shape in shapes]
    found = [array.shape for array in arrays]
    if expected != found:
        raise ValueError(
            f"The checkpoint has other {what} ({len(found)} arrays) than this training "
            f"({len(expected)}). Go on with the versions that made it, or fit anew."
        )
