"""The settings of every verb: frozen dataclasses that check themselves.

A default stands here and nowhere else. The command line makes its flags from these
classes, and a run keeps its `FitConfig` in config.json.
"""

import dataclasses
from typing import Any, Literal

from pipelines.setting_checks import (
    check_choice,
    check_named,
    check_named_if_given,
    check_range,
)

MaskKind = Literal["auto", "binary", "classes", "instances"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Engine = Literal["auto", "tensorflow-serving", "development"]
Output = Literal["mask", "probability"]
Variant = Literal["padded", "paper"]

IMAGES = "image files: a file, a folder, a glob or a multi-page TIFF"
MASKS = "mask files of the same stems: a file, a folder, a glob or a multi-page TIFF"
MASK_KIND = "what mask values mean; auto takes masks of two values as binary"
RUN = "folder of a finished fit"

DEFAULT_MINUTES = 10.0


def setting(default: Any, text: str, *, positional: bool = False) -> Any:
    """Returns a dataclass field with a default (`...`: none) and its help text."""
    metadata = {"help": text, "positional": positional}
    if default is ...:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The arguments of `keras_unet.build_unet` that are settings."""

    variant: Variant = setting("padded", "the padded net, or the 2015 paper's")
    base_filters: int = setting(64, "channels of the first stage")
    depth: int = setting(4, "number of poolings, 1 to 6")
    num_classes: int | None = setting(
        None, "channels out; by default from the masks (paper: at least 2)"
    )
    batch_norm: bool | None = setting(
        None, "batch normalisation; by default in the padded net only"
    )
    dropout: float | None = setting(
        None, "share dropped at the bottom; by default 0.5 in the paper net only"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_choice(self, "variant", Variant)
        check_range(self, "base_filters", 1)
        check_range(self, "depth", 1, 6)
        check_range(self, "num_classes", 1)
        check_range(self, "dropout", 0, 0.99)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of training tiles; each can be switched off."""

    flips: bool = setting(True, "mirror tiles (not for oblique light or shadows)")
    quarter_turns: bool = setting(True, "turn tiles by quarters")
    elastic: float = setting(
        10.0, "s.d. in pixels of the displacements on a 3x3 grid; 0: no deformation"
    )
    brightness: float = setting(
        0.2, "s.d. of the shift of pixel values, in s.d. of the image; 0: none"
    )
    contrast: float = setting(
        0.2, "s.d. of the logarithm of the factor on pixel values; 0: none"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a strength out of range."""
        check_range(self, "elastic", 0, 1000)
        check_range(self, "brightness", 0, 10)
        check_range(self, "contrast", 0, 10)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """Settings of `check`."""

    images: str = setting(..., IMAGES)
    masks: str = setting(..., MASKS)
    mask_kind: MaskKind = setting("auto", MASK_KIND)

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_named(self, "images", "masks")
        check_choice(self, "mask_kind", MaskKind)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig(NetworkConfig, AugmentConfig, CheckConfig):
    """Settings of `fit`."""

    run_dir: str = setting(..., "folder to write the run to; must not exist yet")
    # Fits a few CPU minutes; build_unet's 64 takes 16 times as long a step.
    base_filters: int = setting(16, "channels of the first stage")
    validation_images: str | None = setting(
        None, f"held-out {IMAGES}; by default every fifth image"
    )
    validation_masks: str | None = setting(None, "held-out masks")
    validation_stems: tuple[str, ...] = setting(
        (), "comma-separated stems of images to hold out (pages of a stack: numbers)"
    )
    tile_size: int | None = setting(
        None, "pixels of a training tile's side; by default 256 (paper: 572)"
    )
    batch_size: int | None = setting(
        None, "tiles a step; by default 8 (paper: 1, as in the paper)"
    )
    steps: int | None = setting(None, "training steps")
    minutes: float | None = setting(
        None,
        f"training time instead of steps; {DEFAULT_MINUTES:g} if neither is given",
    )
    validations: int = setting(10, "validations over the whole training")
    learning_rate: float | None = setting(
        None, "at the start; by default 0.002 (0.0002 without batch normalisation)"
    )
    loss: str | None = setting(
        None,
        "import path MODULE:NAME[:key=value,...]; by default binary cross-entropy "
        "(softmax cross-entropy from two channels on)",
    )
    optimizer: str = setting(
        "keras.optimizers:Adam", "import path MODULE:NAME[:key=value,...]"
    )
    precision: Precision = setting(
        "auto", "of training; auto is bfloat16 where the processor has it"
    )
    seed: int = setting(0, "of weights, tiles and augmentation")
    deterministic: bool = setting(
        False, "the same weights at every run on one machine; slower"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        NetworkConfig.__post_init__(self)
        AugmentConfig.__post_init__(self)
        CheckConfig.__post_init__(self)
        check_named(self, "run_dir")
        check_named_if_given(self, "validation_images", "validation_masks")
        check_choice(self, "precision", Precision)
        for name in ("tile_size", "batch_size", "steps", "validations"):
            check_range(self, name, 1)
        check_range(self, "minutes", 0.001)
        check_range(self, "learning_rate", 1e-12)
        check_range(self, "seed", 0, 2**31 - 1)
        if isinstance(self.validation_stems, str):
            raise ValueError(
                "validation_stems must be a tuple of stems, got "
                f"{self.validation_stems!r}; write ({self.validation_stems!r},)."
            )
        if self.steps is not None and self.minutes is not None:
            raise ValueError(
                f"Give steps or minutes, not both; got {self.steps} steps and "
                f"{self.minutes} minutes."
            )
        if (self.validation_images is None) != (self.validation_masks is None):
            raise ValueError(
                "validation_images and validation_masks go together; got only one."
            )
        if self.validation_images is not None and self.validation_stems:
            raise ValueError(
                "Give validation_images or validation_stems, not both: both say "
                "what is held out."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(CheckConfig):
    """Settings of `evaluate`."""

    model: str = setting(..., RUN)
    json: str | None = setting(None, "file to write the scores to")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        CheckConfig.__post_init__(self)
        check_named(self, "model")
        check_named_if_given(self, "json")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Settings of `predict`."""

    model: str = setting(..., RUN)
    images: str = setting(..., IMAGES)
    out: str = setting(..., "folder to write to, or the file for a single image")
    output: Output = setting("mask", "mask, or probability as uint16 (65535 is 1)")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_named(self, "model", "images", "out")
        check_choice(self, "output", Output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `export`."""

    model: str = setting(..., RUN)
    to: str = setting(..., "folder saved_models/NAME; the next version is added to it")

    def __post_init__(self) -> None:
        """Raises ValueError for an empty name."""
        check_named(self, "model", "to")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Settings of `serve`."""

    saved_model: str = setting(..., "folder saved_models/NAME", positional=True)
    engine: Engine = setting("auto", "auto is TensorFlow Serving where it is to be had")
    host: str = setting("127.0.0.1", "address of the development server")
    rest_port: int = setting(8501, "port of the REST API")
    grpc_port: int = setting(8500, "port of the gRPC API (TensorFlow Serving only)")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_named(self, "saved_model")
        check_choice(self, "engine", Engine)
        check_range(self, "rest_port", 0, 65535)
        check_range(self, "grpc_port", 0, 65535)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """Settings of `segment`."""

    url: str = setting(..., "http://HOST:8501/v1/models/NAME of a running server")
    images: str = setting(..., IMAGES)
    out: str = setting(..., "folder to write masks to, or the file for one image")
    timeout: float = setting(300.0, "seconds to wait for an answer")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_named(self, "url", "images", "out")
        check_range(self, "timeout", 0.001)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DescribeConfig(NetworkConfig):
    """Settings of `describe`."""

    num_classes: int | None = setting(None, "channels out; by default 1 (paper: 2)")
    height: int | None = setting(None, "of the input; by default 572, or 512 padded")
    width: int | None = setting(None, "of the input; by default its height")
    channels: int = setting(1, "of the input")
    figure: str | None = setting(None, "file to draw the U to (.svg or .png)")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        NetworkConfig.__post_init__(self)
        for name in ("height", "width", "channels"):
            check_range(self, name, 1)
        check_named_if_given(self, "figure")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Settings of `demo`."""

    out: str = setting("demo", "folder to write to; an earlier demo in it is replaced")
    steps: int = setting(420, "training steps")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_named(self, "out")
        check_range(self, "steps", 1)
