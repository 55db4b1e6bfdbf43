"""The settings of training tiles: how they are changed, chosen, scaled and weighted."""

import dataclasses
import decimal
import numbers
from typing import Any, Literal

from pipelines.config.fields import setting
from pipelines.config.setting_checks import check_choice, check_range, check_texts

Scaling = Literal["per_image", "dtype"]
WeightMap = Literal["none", "paper", "authors-tool"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of training tiles; 0 or --no- switches one off."""

    flips: bool = setting(True, "mirror tiles (not for oblique light or shadows)")
    quarter_turns: bool = setting(True, "turn tiles by quarters")
    elastic: float | None = setting(
        None,
        "standard deviation in pixels of the displacements on a 3x3 grid; by default "
        "10, less for tiles under 256 pixels; 0: none",
    )
    rotation: float = setting(0.0, "most degrees that tiles are turned by; 0: none")
    zoom: float = setting(
        0.3, "most that the logarithm of the size is changed by, to both sides; 0: none"
    )
    shear: float = setting(
        0.0, "most degrees that tiles are sheared by, along rows or columns; 0: none"
    )
    brightness: float = setting(
        0.2,
        "standard deviation of the shift of pixel values, where that of the image is "
        "1; 0: none",
    )
    contrast: float = setting(
        0.2,
        "standard deviation of the logarithm of the factor on pixel values; 0: none",
    )
    gamma: float = setting(
        0.0,
        "standard deviation of the logarithm of the exponent on the tile's range of "
        "values; 0: none",
    )
    noise: float = setting(
        0.3,
        "largest standard deviation of noise added to pixel values, where that of the "
        "image is 1; 0: none",
    )
    blur: float = setting(
        0.0, "largest standard deviation of a Gaussian blur in pixels; 0: none"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a strength out of range."""
        check_range(self, "elastic", 0, 1000)
        check_range(self, "rotation", 0, 180)
        check_range(self, "zoom", 0, 1)
        check_range(self, "shear", 0, 45)
        for name in ("brightness", "contrast", "noise"):
            check_range(self, name, 0, 10)
        check_range(self, "gamma", 0, 2)
        check_range(self, "blur", 0, 5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightConfig:
    """What each pixel weighs in the loss."""

    weight_map: WeightMap = setting(
        "none",
        "equation 2 of the paper: gaps between touching objects weigh more; paper is "
        "w0 10 and sigma 5, authors-tool 50 and 6",
    )
    border_weight: float | None = setting(None, "w0 of the weight map, if another")
    border_sigma: float | None = setting(
        None, "sigma of the weight map in pixels, if another"
    )
    class_weights: tuple[str, ...] = setting(
        (),
        "weight of each class by its id, or the word balanced; by default all 1 "
        "(balanced with a weight map, as in the paper)",
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        check_choice(self, "weight_map", WeightMap)
        check_range(self, "border_weight", 0, 1e6)
        check_range(self, "border_sigma", 0.1, 1000)
        number = r"\d+(\.\d*)?|\.\d+"
        if isinstance(self.class_weights, list | tuple):
            # On the command line numbers are text; the dataclass is frozen for others.
            texts = tuple(_as_text(weight) for weight in self.class_weights)
            object.__setattr__(self, "class_weights", texts)
        check_texts(self, "class_weights", "weights", f"{number}|balanced")
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
        "learn a line of background between objects of masks of instances that touch",
    )
    rare_share: float | None = setting(
        None,
        "share of the tiles centred on a pixel of a rarer class; by default a third, "
        "or none where no class is rare (of two: none under a fifth of the pixels)",
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        AugmentConfig.__post_init__(self)
        WeightConfig.__post_init__(self)
        check_choice(self, "scaling", Scaling)
        check_range(self, "rare_share", 0, 1)


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
