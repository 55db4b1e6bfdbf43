"""What every score asks of its arrays."""

import numpy as np


def check_one_shape(**arrays: np.ndarray) -> None:
    """Refuses arrays that are not (height, width) of one size.

    Args:
        **arrays: by the name that the error gives them.

    Raises:
        ValueError: an array has another shape than the first, or not two axes.
    """
    (first, like), *others = arrays.items()
    if like.ndim != 2:
        raise ValueError(f"{first} must be (height, width), got shape {like.shape}.")
    for name, array in others:
        if array.shape != like.shape:
            raise ValueError(
                f"{first} and {name} must have one shape, got {like.shape} and "
                f"{array.shape}."
            )


def check_masks(**masks: np.ndarray) -> None:
    """Refuses masks that are not bool (height, width) of one size.

    Raises:
        ValueError: as `check_one_shape`, or a mask is not boolean: `~` and `[mask]` of
            0 and 1 would mean something else.
    """
    check_one_shape(**masks)
    for name, mask in masks.items():
        if mask.dtype != bool:
            raise ValueError(
                f"{name} must be bool, got {mask.dtype}. Compare class ids with the "
                "class, such as y_true == 1."
            )


def scored_pixels(valid: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """Returns which pixels are scored, bool of the shape: all for None.

    Raises:
        ValueError: `valid` is not boolean or has another shape.
    """
    if valid is None:
        return np.ones(shape, bool)
    if valid.shape != shape or valid.dtype != bool:
        raise ValueError(
            f"valid must be bool {shape}, True where a pixel is scored, got "
            f"{valid.dtype} {valid.shape}."
        )
    return valid


def inside_of(
    y_true: np.ndarray, foreground_probability: np.ndarray, inside: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the true inside of objects, and its probability.

    Args:
        y_true: class ids 0 and 1 (height, width); other ids are neither.
        foreground_probability: P(class 1), floats of that shape.
        inside: the class of the inside: 1, or 0 where the foreground is what lies
            between the objects, such as membranes.

    Returns:
        bool, and float32, each (height, width).

    Raises:
        ValueError: the shapes differ, or inside is neither 0 nor 1.
    """
    check_one_shape(y_true=y_true, foreground_probability=foreground_probability)
    if inside not in (0, 1):
        raise ValueError(
            f"inside must be the class of the inside, 0 or 1, got {inside!r}."
        )
    probability = foreground_probability.astype(np.float32)
    return y_true == inside, probability if inside else 1 - probability
