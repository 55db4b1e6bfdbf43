"""Random changes of training tiles: pure functions of (image, mask, seed).

Images are float32 (height, width, channels), already scaled; masks are class ids
(height, width, 1). A seed is a tensor int32 (2,), as TensorFlow's stateless random ops
take it. Quarter turns, flips and elastic deformation are one mapping of coordinates, so
that the image is interpolated once and the mask follows the same mapping.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from pipelines.config import AugmentConfig

GRID = 3


def halo(config: AugmentConfig) -> int:
    """Returns how many pixels around a tile the deformation may reach into it.

    Three standard deviations; the rare vectors beyond them are mirrored at the edge.
    """
    return math.ceil(3 * config.elastic)


def augment(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentConfig,
    *,
    tile_size: int,
    mask_size: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a changed tile out of a window.

    Args:
        image: the window, float32 (n, n, channels) with n = tile_size + 2 * halo.
        mask: class ids of the same window, (n, n, 1).
        seed: of this tile.
        config: which changes, and how strong.
        tile_size: height and width of the image tile, the window's centre.
        mask_size: height and width of the mask tile: the centre that the net puts
            out, which is the whole tile for the padded net.

    Returns:
        (image, mask): float32 (tile_size, tile_size, channels) and, of the mask's
        dtype, (mask_size, mask_size, 1).
    """
    turn_seed, warp_seed, intensity_seed = tf.unstack(
        tf.random.experimental.stateless_split(seed, 3)
    )
    places = tile_coordinates(tile_size)
    places = turn_and_flip(places, turn_seed, config)
    if config.elastic:
        places += displacement_field(warp_seed, tile_size, config.elastic)
    places += (int(image.shape[0]) - 1) / 2
    cut = (tile_size - mask_size) // 2
    mask_places = places[cut : cut + mask_size, cut : cut + mask_size]
    image = change_intensity(sample_bilinear(image, places), intensity_seed, config)
    return image, sample_nearest(mask, mask_places)


def tile_coordinates(tile_size: int) -> tf.Tensor:
    """Returns (row, column) of each pixel from the centre: float32 (n, n, 2)."""
    line = tf.range(tile_size, dtype=tf.float32) - (tile_size - 1) / 2
    return tf.stack(tf.meshgrid(line, line, indexing="ij"), axis=-1)


def turn_and_flip(
    places: tf.Tensor, seed: tf.Tensor, config: AugmentConfig
) -> tf.Tensor:
    """Turns coordinates about the centre by random quarters and mirrors columns."""
    draw = tf.random.stateless_uniform([2], seed, 0, 4, dtype=tf.int32)
    if config.quarter_turns:
        sine = tf.gather(tf.constant([0.0, 1.0, 0.0, -1.0]), draw[0])
        cosine = tf.gather(tf.constant([1.0, 0.0, -1.0, 0.0]), draw[0])
        rows, columns = places[..., 0], places[..., 1]
        places = tf.stack(
            [cosine * rows - sine * columns, sine * rows + cosine * columns], axis=-1
        )
    if config.flips:
        # With quarter turns, one axis reaches all eight; without, both are needed.
        signs = [1 - 2 * tf.cast(draw[1] // 2, tf.float32)]
        signs.append(1 - 2 * tf.cast(draw[1] % 2, tf.float32))
        places *= tf.stack(signs)
    return places


def displacement_field(seed: tf.Tensor, tile_size: int, sigma: float) -> tf.Tensor:
    """Returns a smooth random field of displacements in pixels.

    Random vectors with s.d. `sigma` on a 3x3 grid whose corners are the tile's,
    interpolated bicubically between them (section 3.1 of the paper, arXiv:1505.04597).

    Returns:
        float32 (tile_size, tile_size, 2): row and column displacement.
    """
    vectors = tf.random.stateless_normal([2, GRID, GRID], seed, stddev=sigma)
    weights = tf.constant(bicubic_weights(tile_size, GRID))
    field = tf.matmul(tf.matmul(weights, vectors), weights, transpose_b=True)
    return tf.transpose(field, [1, 2, 0])


@functools.lru_cache
def bicubic_weights(size: int, points: int) -> np.ndarray:
    """Returns how much each control point weighs at each pixel of a line.

    Cubic convolution (Keys 1981, equation 4, a = -1/2) between `points` evenly spaced
    control points, the first at pixel 0 and the last at pixel size - 1. Beyond the ends
    the points are continued in a straight line, so linear fields are kept exactly.

    Returns:
        float32 (size, points); rows sum to 1.
    """
    weights = np.zeros((size, points + 2))
    places = np.linspace(0, points - 1, size)
    for point in range(-1, points + 1):
        distance = np.abs(places - point)
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        weights[:, point + 1] = np.where(distance <= 1, near, far * (distance < 2))
    inner = weights[:, 1:-1].copy()
    inner[:, 0] += 2 * weights[:, 0]
    inner[:, 1] -= weights[:, 0]
    inner[:, -1] += 2 * weights[:, -1]
    inner[:, -2] -= weights[:, -1]
    return inner.astype(np.float32)


def sample_bilinear(image: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Reads an image between its pixels.

    Args:
        image: float32 (n, n, channels).
        places: float32 (height, width, 2): rows and columns, mirrored when outside.

    Returns:
        float32 (height, width, channels).
    """
    low = tf.floor(places)
    fraction = (places - low)[..., tf.newaxis, :]
    row, column = fraction[..., 0], fraction[..., 1]
    corner = tf.cast(low, tf.int32)
    top = _gather(image, corner) * (1 - column)
    top += _gather(image, corner + [0, 1]) * column
    bottom = _gather(image, corner + [1, 0]) * (1 - column)
    bottom += _gather(image, corner + [1, 1]) * column
    return top * (1 - row) + bottom * row


def sample_nearest(mask: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Reads the nearest pixel of a mask (n, n, 1) at `places` (height, width, 2)."""
    return _gather(mask, tf.cast(tf.floor(places + 0.5), tf.int32))


def change_intensity(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentConfig
) -> tf.Tensor:
    """Multiplies by exp(contrast * n1) and adds brightness * n2, n1 and n2 normal."""
    if not config.brightness and not config.contrast:
        return image
    draws = tf.random.stateless_normal([2], seed)
    return image * tf.exp(config.contrast * draws[0]) + config.brightness * draws[1]


def _gather(image: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Reads pixels at whole-numbered (row, column), mirrored outside."""
    height, width, channels = image.shape
    rows = geometry.mirror_index(indices[..., 0], height)
    columns = geometry.mirror_index(indices[..., 1], width)
    # One flat index is several times faster than gather_nd.
    return tf.gather(tf.reshape(image, [-1, channels]), rows * width + columns)
