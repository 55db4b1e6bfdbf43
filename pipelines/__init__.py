"""What is done with the network: one verb a file, from image files to a served mask.

Every verb takes its settings class from `pipelines.config`, whose fields `keras-unet
VERB --help` explains. `save_run` makes a run of a net that was trained without `fit`,
and `Predictor` segments arrays with a run. Names load on first use, so that none waits
for the libraries of another.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What editors and type checkers see.
    from pipelines.checking.checking import check
    from pipelines.client import segment
    from pipelines.demonstration import demo
    from pipelines.describing import describe
    from pipelines.evaluation.evaluation import evaluate
    from pipelines.exporting.exporting import export
    from pipelines.own_model import save_run
    from pipelines.prediction.prediction import predict
    from pipelines.predictor import Predictor
    from pipelines.serving.serving import serve
    from pipelines.training.training import fit

# Modules are nouns: a module named like its verb would shadow it once imported.
_VERBS = {
    "check": "checking.checking",
    "fit": "training.training",
    "evaluate": "evaluation.evaluation",
    "predict": "prediction.prediction",
    "export": "exporting.exporting",
    "serve": "serving.serving",
    "segment": "client",
    "describe": "describing",
    "demo": "demonstration",
}
_MODULES = {**_VERBS, "save_run": "own_model", "Predictor": "predictor"}
# What the guides call by `pipelines.`, as `pipelines.scaling.scale_array`.
_PACKAGES = ("client", "config", "dataset", "scaling", "scores", "tiles")

__all__ = [
    "Predictor",
    "check",
    "demo",
    "describe",
    "evaluate",
    "export",
    "fit",
    "predict",
    "save_run",
    "segment",
    "serve",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"pipelines.{_MODULES[name]}"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"pipelines.{name}")
    raise AttributeError(f"module 'pipelines' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_PACKAGES]
