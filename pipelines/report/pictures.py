"""Pictures of images, masks and their differences, as arrays."""

import numpy as np
import PIL.Image

from pipelines.dataset.mask_values import IGNORED
from pipelines.validation import Picture

# The Okabe-Ito colours: also told apart by people who do not see red and green alike.
HIT = (0, 158, 115)
MISSED = (230, 159, 0)
EXTRA = (204, 121, 167)
CLASS_COLOURS = np.array(
    [
        (86, 180, 233),
        (230, 159, 0),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ],
    np.uint8,
)


def displayable(image: np.ndarray) -> np.ndarray:
    """Returns an image (height, width, channels) of any type as uint8 RGB.

    The first channel, or the first three; its 1st to 99th percentile fill the range.
    """
    shown = image[..., : 3 if image.shape[2] >= 3 else 1]
    low, high = np.percentile(shown, [1, 99])
    scaled = np.subtract(shown, low, dtype=np.float64)
    scaled /= max(high - low, 1e-12)
    pixels = (np.clip(scaled, 0, 1, out=scaled) * 255).astype(np.uint8)
    # Grey is repeated last: a third of the memory.
    return np.repeat(pixels, 3 // pixels.shape[2], axis=2)


def colours_by_id() -> np.ndarray:
    """Returns the colour of each class id, uint8 (256, 3); the background's is black.

    After the last of CLASS_COLOURS the first is used again.
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[1:] = np.resize(CLASS_COLOURS, (255, 3))
    return colours


def colour_mask(mask: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns class ids, uint8 (height, width), as RGB: black and white for two.

    Ignored pixels are grey.
    """
    colours = colours_by_id()
    if num_classes == 2:
        colours[1:] = 255
    colours[IGNORED] = 128
    return colours[mask]


def difference(picture: Picture, shown: np.ndarray) -> np.ndarray:
    """Returns the image in grey with hits, missed and extra pixels in colour.

    With more than two classes, pixels of one that are given another have the colour of
    missed ones.

    Args:
        picture: image, truth and prediction.
        shown: the image as `displayable` returns it.
    """
    grey = shown.mean(axis=2, keepdims=True, dtype=np.float32)
    base = np.repeat(grey.astype(np.uint8), 3, axis=2)
    scored = picture.y_true != IGNORED
    truth, predicted = scored & (picture.y_true > 0), scored & (picture.y_pred > 0)
    colours = [
        ((picture.y_true == picture.y_pred) & truth, HIT),
        ((picture.y_true != picture.y_pred) & truth, MISSED),
        (~truth & predicted, EXTRA),
    ]
    for where, colour in colours:
        base[where] = 0.45 * base[where] + 0.55 * np.array(colour)
    return base


def comparison(picture: Picture, num_classes: int) -> np.ndarray:
    """Returns image, truth, prediction and difference side by side, uint8 RGB."""
    shown = displayable(picture.image)
    panels = [
        shown,
        colour_mask(picture.y_true, num_classes),
        colour_mask(picture.y_pred, num_classes),
        difference(picture, shown),
    ]
    gap = np.full((panels[0].shape[0], 4, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(parts[:-1], axis=1)


def shrunk(pixels: np.ndarray, most: int) -> np.ndarray:
    """Returns an image of at most so many pixels a side: means of whole squares.

    Args:
        pixels: uint8 (height, width, 3).
        most: of the longer side.
    """
    factor = -(-max(pixels.shape[:2]) // most)
    return np.asarray(PIL.Image.fromarray(pixels).reduce(factor))
