"""The learning rate of a run that names none."""

import inspect

from keras_unet.unet import DEFAULTS
from pipelines.config import FitConfig, import_path
from pipelines.config.choice import Choice
from pipelines.training import objectives

RATE, RATE_WITHOUT_NORMALISATION = 2e-3, 2e-4
# Of Keras and of TensorFlow Addons: a step is about as long as the rate, whatever the
# size of the gradients. Subclasses are of the kind too.
LIKE_ADAM = {
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "RMSprop",
    "RectifiedAdam",
    "AdaBelief",
}


def learning_rate(config: FitConfig) -> Choice:
    """Decides the learning rate at the start.

    What is chosen suits Adam and its kin; others keep their own.
    """
    batch_norm = config.batch_norm
    if batch_norm is None:
        batch_norm = DEFAULTS[config.variant]["batch_norm"]
    rate, kind = (
        (RATE, "with") if batch_norm else (RATE_WITHOUT_NORMALISATION, "without")
    )
    reason = f"{kind} batch normalisation"
    own = objectives.rate_of_path(config.optimizer)
    if own is not None:
        rate, reason = own, "as the optimizer's path sets it"
    elif not _is_like_adam(config, rate):
        default = _default_rate(config.optimizer)
        if default is None:
            reason += ", for Adam: this optimizer has no default of its own"
        else:
            rate = default
            reason = "the optimizer's own default: what suits Adam may not suit it"
    return Choice("learning_rate", rate, reason)


def _is_like_adam(config: FitConfig, rate: float) -> bool:
    # A function may make one too.
    optimizer = objectives.make_optimizer(config, rate)
    return bool(LIKE_ADAM & {kind.__name__ for kind in type(optimizer).__mro__})


def _default_rate(path: str) -> float | None:
    target, _ = import_path.parse(path)
    default = inspect.signature(target).parameters["learning_rate"].default
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return float(default) if is_number else None
