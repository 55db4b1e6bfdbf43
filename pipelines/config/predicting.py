"""The settings of `predict`."""

import dataclasses
from typing import Literal

from pipelines.config.byte_sizes import parse_bytes
from pipelines.config.fields import FOLDER, IMAGES, PATH, PATTERN, RUN, setting
from pipelines.config.setting_checks import Settings

Output = Literal["mask", "probability", "instances"]
OutputFormat = Literal["auto", "png", "tiff", "zarr"]
PredictionPrecision = Literal["float32", "bfloat16"]
ProbabilityType = Literal["uint8", "uint16", "float32"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictConfig(Settings):
    """Settings of `predict`."""

    model: str = setting(..., RUN, FOLDER)
    images: str = setting(..., IMAGES, PATTERN)
    out: str = setting(..., "folder to write to, or the file for a single image", PATH)
    output: Output = setting("mask", "what to write; instances are numbered objects")
    smallest_object: int | None = setting(
        None,
        "pixels of the smallest object that gets a number; by default the run's",
        least=1,
    )
    probability_dtype: ProbabilityType = setting(
        "uint16",
        "type of probabilities: 1 is 255 in uint8, 65535 in uint16, 1 in float32",
    )
    format: OutputFormat = setting(
        "auto",
        "kind of file; auto: TIFF for TIFF and microscope files, Zarr for Zarr, else "
        "PNG, or TIFF for what a PNG cannot hold",
    )
    pyramid: bool = setting(False, "add smaller levels for viewers (TIFF and Zarr)")
    memory: str | None = setting(
        None,
        "most memory of the whole process: 900MB, 4GB; by default 1500MB (in a process "
        "that holds more already, 500MB beyond that)",
    )
    flips: bool = setting(
        False, "average over the 8 flips and quarter turns: 8 times the work"
    )
    precision: PredictionPrecision = setting(
        "float32",
        "bfloat16 is faster on new processors; probabilities differ by up to 0.06",
    )
    resume: bool = setting(False, "leave out images that an earlier run has done")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        if self.memory is not None:
            parse_bytes(self.memory, "memory")
        if self.smallest_object is not None and self.output != "instances":
            raise ValueError(
                "smallest_object is for output instances, got output "
                f"{self.output}. Leave it out, or set output."
            )
        if self.probability_dtype != "uint16" and self.output != "probability":
            raise ValueError(
                f"probability_dtype {self.probability_dtype} is for output "
                f"probability, got output {self.output}. Leave it out, or set output."
            )
        if self.pyramid and self.format == "png":
            raise ValueError(
                "pyramid needs the format tiff or zarr: a PNG has no levels."
            )
