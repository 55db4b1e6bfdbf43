"""The paper's weight map, which makes the net learn the gaps between touching cells."""

import math
from typing import Any

import numpy as np
from scipy import ndimage

# The exponential is 0 where it is below this share of w0.
NEGLIGIBLE = 1e-7


def border_weights(
    labels: Any, w0: float = 10.0, sigma: float = 5.0, balance_classes: bool = True
) -> np.ndarray:
    """Returns w = w_c + w0 * exp(-(d1 + d2)**2 / (2 * sigma**2)) for every pixel.

    d1 and d2 are the distances in pixels to the nearest and to the second nearest cell,
    that is to the centre of its nearest pixel. The formula is applied to all pixels,
    as it stands in the paper: in a cell d1 is 0 and d2 the distance to the next cell,
    so the pixels of a cell beside a narrow gap weigh more, too. (Tools that add the
    exponential to the background only differ there.) With fewer than two cells there is
    no second nearest one, and the exponential is 0.

    w_c balances background and foreground by inverse frequency. With N pixels of which
    N_c are of the pixel's class, and k classes in the image, w_c = N / (k * N_c); its
    mean over the pixels is 1.

    Args:
        labels: (height, width) of integers, 0 is background and each other number a
            cell. Masks (bool, or with one value beside 0) are first taken apart into
            their connected components; pixels that touch at a corner only are
            not connected (4-connectivity).
        w0: weight of the exponential, at least 0; the paper's is 10.
        sigma: its width in pixels, above 0; the paper's is about 5.
        balance_classes: False sets w_c to 1.

    Returns:
        float32 (height, width), exact to 1e-7 * w0.

    Raises:
        ValueError: labels are not integers of at least 0 or not (height, width), or w0
            or sigma is out of range.

    Source: Ronneberger, Fischer and Brox 2015 (arXiv:1505.04597), equation 2.
    """
    labels = np.asarray(labels)
    _check_arguments(labels, w0, sigma)
    cells = _cells_of(labels)
    weights = _class_weights(cells > 0) if balance_classes else np.ones(cells.shape)
    weights += w0 * _closeness(cells, sigma)
    return weights.astype(np.float32)


def border_closeness(labels: Any, sigma: float = 5.0) -> np.ndarray:
    """Returns exp(-(d1 + d2)**2 / (2 * sigma**2)), from 0 to 1, for every pixel.

    Every id is one cell, whether connected or not, so that a window of a large image
    can be computed alone: with `closeness_margin(sigma)` more pixels on each side (as
    far as there are any) its inner part has the values of the whole image's map.

    Args:
        labels: (height, width) of integers, 0 is background and each other number a
            cell.
        sigma: as in `border_weights`.

    Returns:
        float32 (height, width); 0 where the value is below 1e-7.

    Raises:
        ValueError: as `border_weights`.
    """
    labels = np.asarray(labels)
    _check_arguments(labels, 0.0, sigma)
    return _closeness(_numbered(labels), sigma).astype(np.float32)


def closeness_margin(sigma: float = 5.0) -> int:
    """Returns how many pixels beyond a pixel can change its closeness."""
    return math.ceil(_radius(sigma))


def balanced_weights(counts: Any) -> np.ndarray:
    """Returns the weight of each class by inverse frequency.

    With N pixels of which N_c are of class c, and k classes that occur, it is
    N / (k * N_c), whose mean over the pixels is 1; 1 for classes that do not occur.

    Args:
        counts: pixels of each class, (..., num_classes).

    Returns:
        float64 of the same shape.
    """
    counts = np.asarray(counts, np.float64)
    total = counts.sum(axis=-1, keepdims=True)
    occurring = np.count_nonzero(counts, axis=-1, keepdims=True)
    weights = total / np.maximum(occurring * counts, 1.0)
    return np.where(counts > 0, weights, 1.0)


def _radius(sigma: float) -> float:
    return sigma * math.sqrt(-2.0 * math.log(NEGLIGIBLE))


def _cells_of(labels: np.ndarray) -> np.ndarray:
    """Returns int32 cell numbers 1, 2, ...; masks are taken apart first."""
    values = np.unique(labels)
    if np.count_nonzero(values) == 1:
        return ndimage.label(labels)[0]
    return _numbered(labels)


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Returns int32 cell numbers 1, 2, ... with none left out, 0 is background."""
    ids, numbers = np.unique(labels, return_inverse=True)
    # Without any background the first id is a cell and must not become 0.
    first = 0 if 0 in ids else 1
    return (numbers.reshape(labels.shape) + first).astype(np.int32)


def _class_weights(foreground: np.ndarray) -> np.ndarray:
    counts = np.bincount(foreground.ravel(), minlength=2)
    return balanced_weights(counts)[foreground.astype(int)]


def _closeness(cells: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the exponential, float64, for cells numbered without gaps."""
    radius = _radius(sigma)
    nearest, second = _two_distances(cells, radius)
    distance = nearest + second
    # Cut off in one place, whatever boxes and windows happen to show beyond it.
    distance[distance > radius] = np.inf
    return np.exp(-np.square(distance) / (2.0 * sigma**2))


def _two_distances(cells: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distances to the nearest and second nearest cell.

    Distances above `radius` may be infinite: each cell is looked at within its box
    grown by the radius, for hundreds of transforms of a whole image take minutes.
    """
    nearest = np.full(cells.shape, np.inf)
    second = np.full(cells.shape, np.inf)
    margin = math.ceil(radius)
    for number, box in enumerate(ndimage.find_objects(cells), start=1):
        grown = tuple(
            slice(max(0, side.start - margin), side.stop + margin) for side in box
        )
        distance = ndimage.distance_transform_edt(cells[grown] != number)
        further = np.maximum(nearest[grown], distance)
        second[grown] = np.minimum(second[grown], further)
        nearest[grown] = np.minimum(nearest[grown], distance)
    return nearest, second


def _check_arguments(labels: np.ndarray, w0: float, sigma: float) -> None:
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(
            f"labels must be (height, width) with pixels, got shape {labels.shape}; "
            "take one image, without batch and channel."
        )
    if labels.dtype.kind not in "biu":
        raise ValueError(
            "labels must be integers or bool, 0 for background, got dtype "
            f"{labels.dtype}; cast ids to int32, or threshold probabilities."
        )
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError(
            f"labels must be at least 0, got {labels.min()}; set pixels to leave out "
            "to 0 and give them weight 0 afterwards."
        )
    if not (math.isfinite(w0) and w0 >= 0):
        raise ValueError(f"w0 must be a finite number of at least 0, got {w0!r}.")
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma must be a finite number above 0, got {sigma!r}.")
