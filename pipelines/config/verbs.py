"""The settings of the verbs around the training."""

import dataclasses
from typing import Literal

from pipelines.config.data import DataConfig
from pipelines.config.fields import FILE, FOLDER, IMAGES, PATH, PATTERN, RUN, setting
from pipelines.config.network import MAX_CLASSES, NetworkConfig
from pipelines.config.setting_checks import Settings, overwrite

Engine = Literal["auto", "tensorflow-serving", "development"]
Inside = Literal["foreground", "background"]
Scores = Literal["all", "quick"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(DataConfig):
    """Settings of `evaluate`."""

    model: str = setting(..., RUN, FOLDER)
    json: str | None = setting(None, "file to write the scores to", FILE)
    report: str | None = setting(
        None, "HTML file to write scores and pictures to", FILE
    )
    threshold: str | float | None = setting(
        None,
        "threshold on the foreground probability: a number, or auto, which chooses on "
        "the run's validation images; by default the run's",
    )
    inside: Inside = setting(
        "foreground",
        "the class of objects; background if the masks mark what lies between them, "
        "such as membranes",
    )
    smallest_object: int | None = setting(
        None,
        "pixels of the smallest object that counts; by default the run's",
        least=1,
    )
    flips: bool = setting(
        False, "average over the 8 flips and quarter turns, as predict --flips does"
    )
    scores: Scores = setting(
        "all", "quick leaves out the scores of the ISBI 2012 challenge, which are slow"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        if self.threshold not in (None, "auto"):
            overwrite(self, "threshold", _threshold(self.threshold))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig(Settings):
    """Settings of `export`."""

    model: str = setting(..., RUN, FOLDER)
    to: str = setting(
        ..., "folder saved_models/NAME; the next version is added to it", FOLDER
    )
    keep: int | None = setting(
        None, "number of the newest versions to keep; by default all", least=1
    )
    # TensorFlow decodes PNG files below 2**29 pixels, and JPEG files below 2**29
    # values: an RGB JPEG of more than 178 megapixels is refused whatever the limit.
    pixel_limit: float = setting(
        256, "largest image that a server takes, megapixels", least=0.000001, most=500
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeConfig(Settings):
    """Settings of `serve`."""

    saved_model: str = setting(
        ...,
        "folder saved_models/NAME, or a model configuration file of TensorFlow Serving",
        PATH,
        positional=True,
    )
    engine: Engine = setting(
        "auto", "auto takes TensorFlow Serving if its program or Docker is there"
    )
    host: str = setting(
        "127.0.0.1",
        "address to listen on; TensorFlow Serving without Docker listens on every one",
    )
    rest_port: int = setting(8501, "port of the REST API", least=0, most=65535)
    grpc_port: int = setting(8500, "port of the gRPC API", least=0, most=65535)

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        if self.rest_port == self.grpc_port != 0:
            raise ValueError(
                f"rest_port and grpc_port must differ, got {self.rest_port} for both."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentConfig(Settings):
    """Settings of `segment`."""

    url: str = setting(
        ...,
        "http(s)://HOST:8501/v1/models/NAME or grpc(s)://HOST:8500/NAME of a running "
        "server, or several of one model: A,B; /labels/NAME or /versions/N after it "
        "names a version; KERAS_UNET_TOKEN in the environment is sent over TLS",
    )
    images: str | None = setting(None, IMAGES, PATTERN)
    out: str | None = setting(
        None, "folder to write to, or the file for a single image", PATH
    )
    check: str | None = setting(
        None, "instead: saved_models/NAME, whose recorded answers to compare", FOLDER
    )
    timeout: float = setting(300.0, "seconds to wait for an answer", least=0.001)
    retries: int = setting(
        4,
        "further tries if a server is away, busy or breaks off; one that has answered "
        "before is tried for minutes; 0: one try",
        least=0,
    )
    resume: bool = setting(False, "leave out images that an earlier run has done")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        if not isinstance(self.url, str):
            raise ValueError(f"url must be text, got {self.url!r}.")
        given = (self.images is not None, self.out is not None)
        if given != ((False, False) if self.check is not None else (True, True)):
            raise ValueError(
                "segment takes either images and out, or check; got "
                f"images={self.images!r}, out={self.out!r}, check={self.check!r}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DescribeConfig(NetworkConfig):
    """Settings of `describe`."""

    base_filters: int = setting(64, "channels of the first stage", least=1)
    depth: int = setting(4, "number of poolings", least=1, most=6)
    num_classes: int | None = setting(
        None, "channels out; by default 1 (paper: 2)", least=1, most=MAX_CLASSES
    )
    height: int | None = setting(
        None, "height of the input; by default 572, or 512 padded", least=1
    )
    width: int | None = setting(
        None, "width of the input; by default its height", least=1
    )
    channels: int = setting(1, "channels of the input", least=1)
    figure: str | None = setting(None, "file to draw the U to (.svg or .png)", FILE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoConfig(Settings):
    """Settings of `demo`."""

    out: str = setting(
        "demo", "folder to write to; an earlier demo in it is replaced", FOLDER
    )
    minutes: float = setting(5, "training time, the same on every machine", least=0.001)
    steps: int | None = setting(None, "training steps instead of minutes", least=1)


def _threshold(value: str | float | None) -> float:
    """Returns a threshold on a probability that was given as text or number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number < 1:
        raise ValueError(
            f"threshold must be auto or a number between 0 and 1, got {value!r}."
        )
    return number
