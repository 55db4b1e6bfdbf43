"""A set of one large image as a set of two: one to train on and one to hold out."""

import os
import pathlib

from pipelines.images import WindowedImage, find_images, open_image, open_mask
from pipelines.images.finding import ImageEntry
from pipelines.results.writing import write_image

# Of the longer side, as of the images of a larger set.
HELD_OUT_SHARE = 1 / 5


def cut_in_two(
    image: str | os.PathLike[str],
    mask: str | os.PathLike[str],
    folder: str | os.PathLike[str],
) -> None:
    """Cuts an image and its mask at the same place, for `fit` to train and validate on.

    Writes images/0.tif and 1.tif, and the same of masks: the second is the last fifth
    of the longer side, which `fit` holds out. Values stay as they are; alpha, and where
    the image lies on the Earth, are left out.

    Args:
        image: a file that is one image, in memory while it is cut.
        mask: a file of the same size.
        folder: to write to; must not exist yet.

    Raises:
        ValueError: a file holds several images or cannot be read, the sizes differ, or
            the folder exists.
    """
    target = pathlib.Path(folder)
    if target.exists():
        raise ValueError(f"{target} exists already. Name a new folder.")
    with open_image(_one_of(image)) as whole, open_mask(_one_of(mask)) as labels:
        if (whole.height, whole.width) != (labels.height, labels.width):
            raise ValueError(
                f"{mask} has {labels.height}x{labels.width} pixels, but {image} has "
                f"{whole.height}x{whole.width}. Name the mask of this image."
            )
        _write_parts(target / "images", whole)
        _write_parts(target / "masks", labels)


def _one_of(path: str | os.PathLike[str]) -> ImageEntry:
    entries = find_images(os.fspath(path))
    if len(entries) > 1:
        raise ValueError(
            f"{path}: expected one image, got {len(entries)}. fit holds out one of "
            "several itself."
        )
    return entries[0]


def _write_parts(folder: pathlib.Path, image: WindowedImage) -> None:
    height, width = image.height, image.width
    channels = image.channels - image.has_alpha
    along = max(height, width)
    kept = along - max(1, round(HELD_OUT_SHARE * along))
    for number, (first, end) in enumerate(((0, kept), (kept, along))):
        box = (first, 0, end - first, width)
        if width > height:
            box = (0, first, height, end - first)
        write_image(folder / f"{number}.tif", image.window(*box)[..., :channels])
