"""U-Nets (Ronneberger, Fischer and Brox 2015, arXiv:1505.04597) in Keras.

The names load on first use, so that `keras_unet.geometry` comes without TensorFlow.
"""

import importlib
import pkgutil
import sys
import types
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    # What editors and type checkers see.
    from keras_unet import (
        blocks,
        border_weights,
        describe,
        drawing,
        geometry,
        gradient_checkpointing,
        guard,
        layers,
        losses,
        metrics,
    )
    from keras_unet.arguments import arguments_of
    from keras_unet.unet import build_unet

__all__ = [
    "arguments_of",
    "blocks",
    "border_weights",
    "build_unet",
    "describe",
    "drawing",
    "geometry",
    "gradient_checkpointing",
    "guard",
    "layers",
    "losses",
    "metrics",
]

__version__ = "0.2.0"

# Functions among the names, and the modules that they are in.
_FUNCTIONS = {"arguments_of": "arguments", "build_unet": "unet"}
_WITH_REGISTERED_OBJECTS = ("gradient_checkpointing", "layers", "losses", "metrics")


# Keras, and modules from here, whose import is complete.
_complete: set[str] = set()


def _register_objects(module: types.ModuleType) -> None:
    """Imports the modules that register objects for `keras.models.load_model`.

    Not while one of ours is half imported, as `layers` is when it is the one that
    imports Keras: others could not take names from it. Its own end comes back here.
    """
    _complete.add(module.__name__)
    begun = {name for name in sys.modules if name.startswith(f"{__name__}.")}
    if "keras" in _complete and begun <= _complete:
        for name in _WITH_REGISTERED_OBJECTS:
            importlib.import_module(f"{__name__}.{name}")


# A saved model must load after `import keras_unet`, before or after `import keras`;
# importing Keras from here would make everybody wait for TensorFlow.
for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    wrapt.register_post_import_hook(_register_objects, _module.name)
wrapt.register_post_import_hook(_register_objects, "keras")


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"keras_unet.{_FUNCTIONS[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"keras_unet.{name}")
    raise AttributeError(f"module 'keras_unet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
