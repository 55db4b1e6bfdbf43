"""The settings of training tiles: how they are changed, chosen, scaled and weighted."""

import dataclasses
import decimal
import numbers
from typing import Any, Literal

from pipelines.config.fields import setting
from pipelines.config.setting_checks import (
    Settings,
    check_texts,
    check_tuple,
    overwrite,
)

Scaling = Literal["per_image", "dtype"]
WeightMap = Literal["none", "paper", "authors-tool"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig(Settings):
    """Random changes of training tiles; 0 or --no- switches one off."""

    flips: bool = setting(True, "mirror tiles (not for oblique light or shadows)")
    quarter_turns: bool = setting(True, "turn tiles by quarters (as above)")
    elastic: float | None = setting(
        None,
        "standard deviation in pixels of the displacements on a 3x3 grid; by default "
        "10, less for tiles under 256 pixels; 0: none",
        least=0,
        most=1000,
    )
    rotation: float = setting(
        0.0, "most degrees that tiles are turned by; 0: none", least=0, most=180
    )
    zoom: float = setting(
        0.3,
        "largest change of the logarithm of the size: 0.3 is 0.74 to 1.35; 0: none",
        least=0,
        most=1,
    )
    shear: float = setting(
        0.0,
        "most degrees that tiles are sheared by, along rows or columns; 0: none",
        least=0,
        most=45,
    )
    brightness: float = setting(
        0.2,
        "standard deviation of the shift of pixel values, where that of the image is "
        "1; 0: none",
        least=0,
        most=10,
    )
    contrast: float = setting(
        0.2,
        "standard deviation of the logarithm of the factor on pixel values; 0: none",
        least=0,
        most=10,
    )
    gamma: float = setting(
        0.0,
        "standard deviation of the logarithm of the exponent on the tile's range of "
        "values; 0: none",
        least=0,
        most=2,
    )
    noise: float = setting(
        0.3,
        "largest standard deviation of noise added to pixel values, where that of the "
        "image is 1; 0: none",
        least=0,
        most=10,
    )
    blur: float = setting(
        0.0,
        "largest standard deviation of a Gaussian blur in pixels; 0: none",
        least=0,
        most=5,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightConfig(Settings):
    """What each pixel weighs in the loss."""

    weight_map: WeightMap = setting(
        "none",
        "equation 2 of the paper: gaps between touching objects weigh more; paper is "
        "w0 10 and sigma 5, authors-tool 50 and 6",
    )
    border_weight: float | None = setting(
        None, "another w0 of the weight map", least=0, most=1e6
    )
    border_sigma: float | None = setting(
        None, "another sigma of the weight map, in pixels", least=0.1, most=1000
    )
    class_weights: tuple[str, ...] = setting(
        (),
        "weights in the order of the class ids, or the word balanced; by default all 1 "
        "(balanced with a weight map, as in the paper)",
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        number = r"\d+(\.\d*)?|\.\d+"
        what = "weights (numbers from 0 on, or the word balanced)"
        check_tuple(self, "class_weights", what)
        # On the command line numbers are text.
        overwrite(self, "class_weights", tuple(map(_as_text, self.class_weights)))
        check_texts(self, "class_weights", what, f"{number}|balanced")
        if "balanced" in self.class_weights and len(self.class_weights) > 1:
            raise ValueError(
                "class_weights is the word balanced or a number for each class, got "
                f"{','.join(self.class_weights)}."
            )
        for name in ("border_weight", "border_sigma"):
            if self.weight_map == "none" and getattr(self, name) is not None:
                raise ValueError(
                    f"{name} is a setting of the weight map, which is off. Set "
                    "weight_map to paper, or leave it out."
                )


def _as_text(weight: Any) -> Any:
    """Returns a number as it would be written on the command line."""
    is_number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
    # Never with an exponent.
    return format(decimal.Decimal(str(weight)), "f") if is_number else weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamConfig(AugmentConfig, WeightConfig):
    """Everything that the tile stream does with an image and its mask."""

    scaling: Scaling = setting(
        "per_image",
        "how pixel values are scaled: by each image's mean and standard deviation, or "
        "by the range of its type",
    )
    separate_objects: bool = setting(
        True,
        "learn a line of background between touching objects of masks of instances",
    )
    rare_share: float | None = setting(
        None,
        "share of the tiles centred on a pixel of a rarer class; by default a third, "
        "or 0 if no class is rare (of two: none under a fifth of the pixels)",
        least=0,
        most=1,
    )


# Beside the defaults, so that what is on by one is off here.
NO_AUGMENTATION = StreamConfig(
    flips=False,
    quarter_turns=False,
    elastic=0,
    zoom=0,
    brightness=0,
    contrast=0,
    noise=0,
    rare_share=0,
    separate_objects=False,
)
