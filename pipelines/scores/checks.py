"""What every score asks of its arrays."""

import numpy as np


def check_one_shape(**arrays: np.ndarray) -> None:
    """Refuses arrays that are not (height, width) of one size.

    Args:
        **arrays: by the name that the error gives them.

    Raises:
        ValueError: an array has another shape than the first, or not two axes.
    """
    first, like = next(iter(arrays.items()))
    if like.ndim != 2:
        raise ValueError(f"{first} must be (height, width), got shape {like.shape}.")
    check_same_shape(**arrays)


def check_same_shape(**arrays: np.ndarray) -> None:
    """Refuses arrays of different shapes, whatever these are.

    Args:
        **arrays: by the name that the error gives them.

    Raises:
        ValueError: an array has another shape than the first.
    """
    (first, like), *others = arrays.items()
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
        ValueError: `valid` has another shape, or is neither bool nor integers of 0 and
            1.
    """
    if valid is None:
        return np.ones(shape, bool)
    if valid.shape != shape:
        raise ValueError(
            f"valid must have the shape {shape} of what is scored, got {valid.shape}."
        )
    return mask_of("valid", valid)


def mask_of(name: str, mask: np.ndarray) -> np.ndarray:
    """Returns a mask as bool: as it is, or from integers of 0 and 1.

    Raises:
        ValueError: it holds something else, which as an index would take other pixels.
    """
    if mask.dtype == bool:
        return mask
    if mask.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be bool, or integers of 0 and 1, got {mask.dtype}. Compare, "
            "such as probability > threshold."
        )
    low, high = mask.min(initial=0), mask.max(initial=0)
    if low < 0 or high > 1:
        raise ValueError(
            f"{name} must be bool, or integers of 0 and 1, got {mask.dtype} "
            f"{low if low < 0 else high}. Compare, such as mask == 255."
        )
    return mask.astype(bool)


def check_class_ids(
    num_classes: int, valid: np.ndarray | None = None, **arrays: np.ndarray
) -> None:
    """Refuses what is no class ids, integers or bool, where it is scored.

    Args:
        num_classes: classes with the background.
        valid: bool, True where a pixel is scored; None: everywhere.
        **arrays: of one shape, by the name that the error gives them.

    Raises:
        ValueError: an id is not from 0 to num_classes - 1, or an array is of floats.
    """
    for name, ids in arrays.items():
        if ids.dtype.kind not in "biu":
            raise ValueError(
                f"{name} must hold class ids, integers from 0 to {num_classes - 1}, "
                f"got {ids.dtype}. Decide first, such as probability > threshold."
            )
        scored = ids if valid is None else ids[valid]
        low, high = scored.min(initial=0), scored.max(initial=0)
        if low < 0 or high >= num_classes:
            raise ValueError(
                f"{name} must hold class ids from 0 to {num_classes - 1}, got "
                f"{low if low < 0 else high}. Masks of 0 and 255 become ids by "
                "mask // 255; `valid` leaves out ignored pixels."
            )


def check_probability(
    name: str, probability: np.ndarray, scored: np.ndarray | None = None
) -> np.ndarray:
    """Returns probabilities as floats from 0 to 1; refuses other numbers.

    Args:
        name: that the error gives them.
        probability: floats from 0 to 1 of any shape, or a mask: bool, or integers of 0
            and 1.
        scored: bool, True where a pixel is scored; elsewhere anything may stand.

    Returns:
        Floats of that shape, of the dtype that was given, float32 for a mask.

    Raises:
        ValueError: a number that is scored is NaN or not from 0 to 1.
    """
    kind = probability.dtype.kind
    if kind not in "biuf":
        raise ValueError(
            f"{name} must hold probabilities, floats from 0 to 1, got "
            f"{probability.dtype}."
        )
    where = True if scored is None else scored
    low = probability.min(initial=0, where=where)
    high = probability.max(initial=0, where=where)
    # The sum of a softmax is rounded.
    rounding = 4 * np.finfo(probability.dtype).eps if kind == "f" else 0
    # NaN is in neither range.
    if not (low >= -rounding and high <= 1 + rounding):
        worst = low if np.isnan(low) or low < -rounding else high
        way_out = "Divide integers by what stands for 1, 255 or 65535"
        if kind == "f":
            way_out += "; take the sigmoid of logits; leave NaN out with `valid`"
        raise ValueError(
            f"{name} must hold probabilities from 0 to 1, got {probability.dtype} "
            f"{worst:g}. {way_out}."
        )
    if kind != "f":
        probability = probability.astype(np.float32)
    # Of NaN, which may stand where nothing is scored, fmax takes the other number.
    return np.fmin(np.fmax(probability, 0), 1)


def inside_of(
    y_true: np.ndarray,
    foreground_probability: np.ndarray,
    inside: int,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the true inside of objects, and its probability.

    Args:
        y_true: class ids 0 and 1 (height, width); other ids only where ignored.
        foreground_probability: P(class 1) from 0 to 1, of that shape.
        inside: the class of the inside: 1, or 0 where the foreground is what lies
            between the objects, such as membranes.
        valid: bool, True where a pixel is scored.

    Returns:
        bool, and float32, each (height, width).

    Raises:
        ValueError: the shapes differ, ids that are scored are others, what is scored is
            no probability, or inside is neither 0 nor 1.
    """
    check_one_shape(y_true=y_true, foreground_probability=foreground_probability)
    if inside not in (0, 1):
        raise ValueError(
            f"inside must be the class of the inside, 0 or 1, got {inside!r}."
        )
    scored = scored_pixels(valid, y_true.shape)
    check_class_ids(2, scored, y_true=y_true)
    probability = check_probability(
        "foreground_probability", foreground_probability, scored
    ).astype(np.float32)
    return y_true == inside, probability if inside else 1 - probability
