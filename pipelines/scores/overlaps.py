"""How much the objects of two label images have in common."""

import numpy as np
from scipy import ndimage, sparse

from pipelines.scores import checks
from pipelines.scores.growth import grow


def objects(
    mask: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    smallest: int = 1,
    within: np.ndarray | None = None,
) -> np.ndarray:
    """Numbers the connected components of a mask.

    Pixels that share a side are connected (4-connectivity).

    Args:
        mask: bool (height, width); of probabilities: `probability > threshold`.
        valid: bool, True where a pixel is scored; ignored pixels belong to no object,
            and an object that they cut through becomes two.
        smallest: pixels; components of fewer are background.
        within: bool, a larger mask whose outlines objects have, where the mask parts
            them better: they grow into it by up to `GROWTH` pixels; see `grow`.

    Returns:
        int32 (height, width): 0 for the background, objects from 1 on.

    Raises:
        ValueError: a mask is not bool (height, width), or the shapes differ.
    """
    masks = {"mask": mask} if within is None else {"mask": mask, "within": within}
    checks.check_masks(**masks)
    scored = checks.scored_pixels(valid, mask.shape)
    labels, _ = ndimage.label(mask & scored)
    numbers = numbers_of_large(np.bincount(labels.ravel()), smallest)
    found = numbers[labels].astype(np.int32, copy=False)
    return found if within is None else grow(found, within & scored)


def without_cuts(
    labels: np.ndarray, valid: np.ndarray, *, smallest: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Divides true objects where ignored pixels cut them, as `objects` does.

    An object next to ignored pixels is divided into its connected components, as a
    prediction of it is. Components of too few pixels are remnants: they are ignored,
    too, for nobody knows whether what is predicted there is large enough to count.

    Args:
        labels: numbers of objects, integers (height, width), 0 for the background.
        valid: bool, True where a pixel is scored.
        smallest: pixels; remnants of fewer are ignored.

    Returns:
        (labels, valid): int64, 0 where nothing is scored, and bool, each (height,
        width). Objects that touch no ignored pixel keep their numbers.

    Raises:
        ValueError: the shapes differ, or labels are no integers from 0 on.
    """
    checks.check_one_shape(labels=labels)
    valid = checks.scored_pixels(valid, labels.shape)
    _check_labels("labels", labels if valid.all() else labels[valid])
    if valid.all():
        return labels.astype(np.int64), valid
    labels = np.where(valid, labels, 0).astype(np.int64)
    cut = np.unique(labels[ndimage.binary_dilation(~valid) & (labels > 0)])
    if not cut.size:
        return labels, valid
    # Here, since scikit-image takes long to import.
    from skimage.measure import label

    touched = np.isin(labels, cut)
    parts = label(np.where(touched, labels, 0), connectivity=1)
    remnants = touched & (np.bincount(parts.ravel()) < smallest)[parts]
    labels = np.where(touched, labels.max() + parts, labels)
    labels[remnants] = 0
    return labels, valid & ~remnants


def numbers_of_large(areas: np.ndarray, smallest: int) -> np.ndarray:
    """Returns the numbers of components without the small ones.

    Args:
        areas: pixels of each component by its number, (count + 1,); that of number 0,
            the background, is not looked at.
        smallest: pixels; components of fewer become background.

    Returns:
        (count + 1,): the new number by the old one, without gaps, 0 for background.
    """
    large = areas >= smallest
    large[:1] = False
    return np.cumsum(large) * large


def overlap_table(
    true_labels: np.ndarray,
    predicted_labels: np.ndarray,
    valid: np.ndarray | None = None,
) -> sparse.csr_array:
    """Counts the pixels by their object in two label images.

    Args:
        true_labels: integers from 0 on, (height, width).
        predicted_labels: integers from 0 on, of that shape.
        valid: bool, True where a pixel is counted.

    Returns:
        int64, truth by prediction. Row and column 0 are those of label 0; the others
        are in the order of the labels, without gaps.

    Raises:
        ValueError: the shapes differ, or labels are no integers from 0 on.
    """
    checks.check_one_shape(true_labels=true_labels, predicted_labels=predicted_labels)
    scored = checks.scored_pixels(valid, true_labels.shape)
    rows, num_rows = _numbered("true_labels", true_labels[scored])
    columns, num_columns = _numbered("predicted_labels", predicted_labels[scored])
    ones = np.ones(rows.size, np.int64)
    table = sparse.coo_array((ones, (rows, columns)), shape=(num_rows, num_columns))
    # Pixels of the same two labels are added up.
    return table.tocsr()


def _numbered(name: str, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns labels without gaps, and how many there are with label 0."""
    _check_labels(name, labels)
    largest = int(labels.max(initial=0))
    if largest > max(labels.size, 65535):
        found, numbers = np.unique(
            np.append(labels, labels.dtype.type(0)), return_inverse=True
        )
        return numbers[:-1], len(found)
    # Some times faster than sorting them, for numbers in the usual range.
    found = np.zeros(largest + 1, np.int32)
    found[labels], found[0] = 1, 1
    numbers = np.cumsum(found, dtype=np.int32)
    return numbers[labels] - 1, int(numbers[-1])


def _check_labels(name: str, labels: np.ndarray) -> None:
    if not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
        raise ValueError(
            f"{name} must hold the numbers of objects, integers from 0 on, got "
            f"{labels.dtype} from {labels.min(initial=0)} on."
        )
