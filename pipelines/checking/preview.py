"""A sheet of augmented training tiles, to see what a training would be shown."""

import dataclasses
import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
from PIL.Image import Resampling

from pipelines import tiles
from pipelines.config import CheckConfig
from pipelines.dataset import Dataset
from pipelines.report.pictures import MISSED, colours_by_id
from pipelines.tiles.pixel_weights import pixel_weights
from pipelines.tiles.places import Places, default_rare_share

# Images on a sheet, from the first to the last at equal steps, and tiles of each.
NUM_IMAGES, NUM_TILES = 4, 4
# Pixels of a shown tile's side, and of a line of text.
PANEL, LINE, GAP = 256, 18, 4
# A word and its colour.
Word = tuple[str, tuple[int, ...]]
# Weights from dark (0) to bright: black, purple, orange, white.
WEIGHT_COLOURS = np.array(
    [(0, 0, 0), (90, 24, 120), (230, 110, 40), (255, 255, 255)], np.float64
)


def preview(dataset: Dataset, config: CheckConfig) -> bytes:
    """Draws tiles as `fit` would train on with the same settings.

    A row is an image; its tiles have one range of grey, so that changes of brightness
    and contrast show. Masks are outlined, and weight maps stand beside their tiles.

    Args:
        dataset: checked pairs.
        config: what is done with the tiles.

    Returns:
        A PNG file, RGB.
    """
    config = _with_choices_of_the_set(dataset, config)
    last = len(dataset.pairs) - 1
    places = np.linspace(0, last, min(NUM_IMAGES, last + 1)).round()
    rows = [_row(dataset, int(p), row, config) for row, p in enumerate(places)]
    sheet = np.concatenate([*rows, _legend(dataset, rows[0].shape[1])])
    file = io.BytesIO()
    PIL.Image.fromarray(sheet).save(file, "PNG")
    return file.getvalue()


def outlined(image: np.ndarray, mask: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns an image with a line along the inner border of each class but 0.

    Args:
        image: uint8 RGB (height, width, 3).
        mask: class ids of the same height and width.
        num_classes: classes with the background.
    """
    # Here, since scikit-image takes long to import.
    from skimage.segmentation import find_boundaries

    border = find_boundaries(mask, connectivity=1, mode="inner")
    image = image.copy()
    image[border] = colours_of(num_classes)[mask[border]]
    return image


def colours_of(num_classes: int) -> np.ndarray:
    """Returns the colour of each class's outline, uint8 (256, 3)."""
    if num_classes == 2:
        return np.repeat(np.array([MISSED], np.uint8), 256, axis=0)
    return colours_by_id()


def weight_picture(weight: np.ndarray, highest: float) -> np.ndarray:
    """Returns weights (height, width) from 0 to `highest` as uint8 RGB.

    By their square roots: the small weights of a background are to be seen as well.
    """
    share = np.sqrt(np.clip(weight / max(highest, 1e-12), 0, 1))
    share *= len(WEIGHT_COLOURS) - 1
    low = np.minimum(share.astype(int), len(WEIGHT_COLOURS) - 2)
    part = (share - low)[..., np.newaxis]
    mixed = WEIGHT_COLOURS[low] * (1 - part) + WEIGHT_COLOURS[low + 1] * part
    return mixed.astype(np.uint8)


def _with_choices_of_the_set(dataset: Dataset, config: CheckConfig) -> CheckConfig:
    """Returns the settings with what `fit` takes from the whole set, as numbers.

    The share of rarer classes, and without a weight map balanced class weights: a row
    has one image.
    """
    share = config.rare_share
    if share is None:
        share = default_rare_share(dataset)
        config = dataclasses.replace(config, rare_share=share)
    if config.class_weights != ("balanced",) or config.weight_map != "none":
        return config
    places = Places(dataset, config.tile_size, config.seed, share)
    found = pixel_weights(dataset, config, places.class_shares())
    table = np.ones(1) if found is None else found.of_classes[0, :-1]
    weights = tuple(f"{weight:.6f}" for weight in table)
    return dataclasses.replace(config, class_weights=weights)


def _row(dataset: Dataset, index: int, number: int, config: CheckConfig) -> np.ndarray:
    one = dataset.subset([index])
    # Other places than in the rows before.
    start = number * NUM_TILES
    shape = tiles.TileShape(config.tile_size, config.tile_size)
    stream = tiles.tile_stream(
        one,
        shape,
        batch_size=NUM_TILES,
        seed=config.seed,
        config=config,
        start=start,
        num_tiles=start + NUM_TILES,
    )
    image, mask, *weights = (part.numpy() for part in next(iter(stream)))
    text = dataset.pairs[index].image.name
    panels = []
    highest = float(weights[0].max()) if weights else 0.0
    if weights:
        text += f"   (weights: black 0, white {highest:.3g})"
    for tile, grey in enumerate(_as_rgb(image)):
        ids = _resized(mask[tile, ..., 0].astype(np.uint8), Resampling.NEAREST)
        shown = _resized(grey, Resampling.BILINEAR)
        panels.append(outlined(shown, ids, dataset.coding.num_classes))
        if weights:
            picture = weight_picture(weights[0][tile, ..., 0], highest)
            panels.append(_resized(picture, Resampling.NEAREST))
    gap = np.full((PANEL, GAP, 3), 160, np.uint8)
    line = np.concatenate([part for panel in panels for part in (panel, gap)], axis=1)
    return np.concatenate([_text([(text, (0, 0, 0))], line.shape[1]), line])


def _as_rgb(images: np.ndarray) -> np.ndarray:
    """Returns tiles (number, height, width, channels) as uint8 RGB, of one range."""
    shown = images[..., :3] if images.shape[-1] >= 3 else images[..., [0, 0, 0]]
    low, high = np.percentile(shown, [1, 99])
    return (np.clip((shown - low) / max(high - low, 1e-12), 0, 1) * 255).astype("uint8")


def _resized(picture: np.ndarray, how: Resampling) -> np.ndarray:
    image = PIL.Image.fromarray(picture).resize((PANEL, PANEL), how)
    return np.asarray(image)


def _legend(dataset: Dataset, width: int) -> np.ndarray:
    colours = colours_of(dataset.coding.num_classes)
    words: list[Word] = [("outlines:", (0, 0, 0))]
    for number, name in list(enumerate(dataset.class_names))[1:]:
        words.append((name, tuple(int(part) for part in colours[number])))
    return _text(words, width)


def _text(words: list[Word], width: int) -> np.ndarray:
    """Returns a line of words, each of its colour, on white."""
    line = PIL.Image.new("RGB", (width, LINE), "white")
    draw = PIL.ImageDraw.Draw(line)
    left = 4.0
    for word, colour in words:
        draw.text((left, 3), word, fill=colour)
        left += draw.textlength(f"{word}  ")
    return np.asarray(line)
