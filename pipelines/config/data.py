"""The settings of images and masks: which they are, and what mask values mean."""

import dataclasses
from typing import Literal

from pipelines.config.class_names import check_names, check_number
from pipelines.config.fields import IMAGES, MASKS, PATTERN, setting
from pipelines.config.setting_checks import Settings, check_texts, check_tuple

MaskKind = Literal["auto", "binary", "classes", "instances"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(Settings):
    """Images, their masks, and what the values of the masks mean."""

    images: str = setting(..., IMAGES, PATTERN)
    masks: str = setting(..., MASKS, PATTERN)
    mask_kind: MaskKind = setting(
        "auto", "what mask values mean; auto decides if it is clear, and asks otherwise"
    )
    class_colours: tuple[str, ...] = setting(
        (), "masks in colour: RRGGBB of each class, in the order of the class ids"
    )
    class_names: tuple[str, ...] = setting(
        (), "names of the classes in the order of their ids, for tables and messages"
    )
    ignore_value: int | None = setting(
        None,
        "mask value of pixels that are neither trained on nor scored",
        least=-(2**31),
        most=2**32 - 1,
    )
    image_prefix: str = setting(
        "", "start of image names that mask names do not have, such as img_"
    )
    image_suffix: str = setting(
        "", "the same at the end, before the ending: _raw of 1_raw.tif"
    )
    mask_prefix: str = setting("", "start of mask names that image names do not have")
    mask_suffix: str = setting("", "the same at the end: _mask of 1_mask.png")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range or settings that clash."""
        super().__post_init__()
        check_texts(self, "class_colours", "colours as RRGGBB", r"[0-9a-fA-F]{6}")
        if self.class_colours and self.mask_kind not in ("auto", "classes"):
            raise ValueError(
                f"class_colours are for masks of classes, got mask_kind "
                f"{self.mask_kind}. Leave one of them out."
            )
        check_tuple(self, "class_names", "names")
        check_names("class_names", self.class_names)
        if self.class_colours:
            num_classes = max(2, len(self.class_colours))
            check_number(self.class_names, num_classes, "class_colours gives")
        elif self.mask_kind in ("binary", "instances"):
            check_number(self.class_names, 2, f"{self.mask_kind} masks have")
        for name in ("image_prefix", "image_suffix", "mask_prefix", "mask_suffix"):
            value = getattr(self, name)
            if not isinstance(value, str) or "/" in value:
                raise ValueError(
                    f"{name} must be a part of a file name, got {value!r}."
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HoldOutConfig(Settings):
    """Which images are held out for validation."""

    validation_images: str | None = setting(
        None, "images to hold out; by default every fifth of --images", PATTERN
    )
    validation_masks: str | None = setting(None, "their masks", PATTERN)
    validation_stems: tuple[str, ...] = setting(
        (),
        "names of images to hold out, without endings; numbers: these pages of stacks",
    )

    def __post_init__(self) -> None:
        """Raises ValueError for settings that clash."""
        super().__post_init__()
        check_texts(self, "validation_stems", "stems")
        if (self.validation_images is None) != (self.validation_masks is None):
            raise ValueError(
                "validation_images and validation_masks go together; got only one."
            )
        if self.validation_images is not None and self.validation_stems:
            raise ValueError(
                "Give validation_images or validation_stems, not both: both say "
                "what is held out."
            )
