"""Images of a report beside their masks, as HTML with the pixels inside."""

import base64
import html

import imagecodecs
import numpy as np

from pipelines.report.pictures import (
    EXTRA,
    HIT,
    MISSED,
    colour_mask,
    difference,
    displayable,
    shrunk,
)
from pipelines.validation import Picture

# Of a panel's longer side.
MOST_PIXELS = 768
JPEG_LEVEL = 90


def legend(num_classes: int) -> str:
    """Says what the colours of differences mean."""
    extra = "too much (false positive)"
    missed = "missed (false negative)" if num_classes == 2 else "missed or wrong class"
    found = "found (true positive)" if num_classes == 2 else "right class"
    keys = "".join(
        f"<li><span class='key' style='background: rgb{colour}'></span>{text}</li>"
        for colour, text in ((HIT, found), (MISSED, missed), (EXTRA, extra))
    )
    return (
        f"<ul class='legend'>{keys}<li><span class='key grey'></span>"
        "background in both (true negative), or ignored</li></ul>"
    )


def figure(picture: Picture, num_classes: int) -> str:
    """Returns image, truth, prediction and difference of one picture."""
    name = html.escape(picture.name)
    shown = displayable(picture.image)
    panels = [
        ("image", shown, True),
        ("truth", colour_mask(picture.y_true, num_classes), False),
        ("prediction", colour_mask(picture.y_pred, num_classes), False),
        ("difference", difference(picture, shown), True),
    ]
    cells = "".join(
        f"<div><img alt='{name}: {what}' src='{_data(pixels, photo)}'>{what}</div>"
        for what, pixels, photo in panels
    )
    note = f": {html.escape(picture.note)}" if picture.note else ""
    return (
        f"<figure><figcaption><b>{name}</b>{note}</figcaption>"
        f"<div class='panels'>{cells}</div></figure>"
    )


def _data(pixels: np.ndarray, photo: bool) -> str:
    """Returns uint8 RGB as an address that holds the image itself."""
    pixels = shrunk(pixels, MOST_PIXELS)
    if photo and pixels.size > 2**16:
        kind = "jpeg"
        # All colours at full size: coloured pixels are what is looked at.
        data = imagecodecs.jpeg_encode(pixels, level=JPEG_LEVEL, subsampling="444")
    else:
        kind, data = "png", imagecodecs.png_encode(pixels)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
