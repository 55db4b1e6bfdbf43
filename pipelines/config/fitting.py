"""The settings of `fit`."""

import dataclasses
from typing import Literal

from pipelines.config.class_names import check_number
from pipelines.config.data import DataConfig, HoldOutConfig
from pipelines.config.fields import FOLDER, LARGEST_SEED, setting
from pipelines.config.import_path import FORM
from pipelines.config.network import NetworkConfig
from pipelines.config.stream import StreamConfig

Precision = Literal["auto", "float32", "bfloat16", "float16"]

DEFAULT_MINUTES = 10.0

# What `fit` decides from data, machine and other settings, and what stands for open.
_DECIDED = dict.fromkeys(
    (
        *("base_filters", "depth", "tile_size", "batch_size", "rare_share"),
        "elastic",
        *("minutes", "learning_rate", "smallest_object"),
        *("num_classes", "batch_norm", "dropout"),
    )
)
_DECIDED |= {"precision": "auto", "class_weights": ()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig(NetworkConfig, StreamConfig, HoldOutConfig, DataConfig):
    """Settings of `fit`."""

    run_dir: str = setting(
        ...,
        "folder to write the run to; must not exist yet, except with --resume",
        FOLDER,
    )
    plan_only: bool = setting(
        False, "print what fit would decide, with reasons, and stop"
    )
    base_filters: int | None = setting(
        None,
        "channels of the first stage; by default 16, 32 on GPUs or from 120 minutes on",
        least=1,
    )
    depth: int | None = setting(
        None,
        "number of poolings; by default 4, by the size of images and objects 1 to 5",
        least=1,
        most=6,
    )
    tile_size: int | None = setting(
        None,
        "pixels of a training tile's side; by default 256, 512 for large objects, less "
        "for small images (paper: 572)",
        least=1,
    )
    batch_size: int | None = setting(
        None,
        "tiles a step; by default 8 of 256 pixels, 2 of 512 (paper: 1)",
        least=1,
    )
    steps: int | None = setting(None, "training steps", least=1)
    minutes: float | None = setting(
        None,
        f"training time instead of steps; {DEFAULT_MINUTES:g} if neither is given",
        least=0.001,
    )
    validations: int = setting(10, "validations over the whole training", least=1)
    learning_rate: float | None = setting(
        None,
        "learning rate at the start; by default 0.002 (0.0002 without batch "
        "normalisation), for optimizers unlike Adam their own default",
        least=1e-12,
    )
    decay: float = setting(
        0.9,
        "power by which the learning rate falls to 0 over the training; 0: it stays",
        least=0,
    )
    loss: str | None = setting(
        None,
        "import path MODULE:NAME[:key=value,...]; by default binary cross-entropy "
        "(softmax cross-entropy from two channels on)",
    )
    optimizer: str = setting(
        "keras.optimizers:Adam", "import path MODULE:NAME[:key=value,...]"
    )
    averaging: float = setting(
        0.1,
        "share of the steps, the latest, whose weights are averaged; 0: none",
        least=0,
        most=1,
    )
    smallest_object: int | None = setting(
        None,
        "pixels of the smallest object that predict and evaluate count; by default "
        "from the training masks",
        least=1,
    )
    precision: Precision = setting(
        "auto",
        "precision of training; auto is bfloat16 or float16 if processor or GPU "
        "computes it fast",
    )
    gradient_checkpointing: bool = setting(
        False, "compute features again instead of keeping them: less memory, slower"
    )
    devices: int = setting(1, "GPUs that share the tiles of each step", least=1)
    seed: int = setting(
        0, "seed of weights, tiles and augmentation", least=0, most=LARGEST_SEED
    )
    deterministic: bool = setting(
        False, "the same weights in every run with --steps on one machine; slower"
    )
    init_from: str | None = setting(
        None, "folder of another run, whose weights are the start", FOLDER
    )
    resume: bool = setting(
        False,
        "go on with the run in --run-dir after a stop of any kind; begin it if there "
        "is none yet",
    )
    checkpoint_minutes: float = setting(
        2.0, "minutes of training between checkpoints; 0: after every step", least=0
    )
    cache_gigabytes: float = setting(
        10.0,
        "most disk for decoded images (formats that are not read in parts), in a "
        "folder beside the run; 0: in memory",
        least=0,
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        for name in ("loss", "optimizer"):
            _check_import_path(self, name)
        if self.steps is not None and self.minutes is not None:
            raise ValueError(
                f"Give steps or minutes, not both; got {self.steps} steps and "
                f"{self.minutes} minutes."
            )
        if self.num_classes is not None:
            # One channel tells two classes apart.
            who = f"num_classes {self.num_classes} gives"
            check_number(self.class_names, max(2, self.num_classes), who)

    def left_open(self) -> set[str]:
        """Returns the names of the settings that `fit` is to decide."""
        return {
            name for name, value in _DECIDED.items() if getattr(self, name) == value
        }


def _check_import_path(config: FitConfig, name: str) -> None:
    value = getattr(config, name)
    if not isinstance(value, str) and not (value is None and name == "loss"):
        raise ValueError(
            f"{name} must be an import path {FORM}, got {value!r}: settings are kept "
            "with the run. Name the object by its module."
        )
    if value is not None and ":" not in value:
        example = {"loss": "keras_unet.losses:SoftDice"}.get(
            name, "keras.optimizers:Adam"
        )
        raise ValueError(
            f"{name} must be an import path {FORM}, such as {example}, got {value!r}."
        )
