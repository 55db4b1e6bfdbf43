"""Where each pixel of a tile comes from: one map of coordinates for all changes.

Coordinates are planes, rows first: float32 (2, height, width), in pixels.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from pipelines.augment import draws
from pipelines.augment.augmentation import Augmentation

GRID = 3


def halo(changes: Augmentation, tile_size: int) -> int:
    """Returns how many pixels around a tile its changes may reach into it.

    All of rotation, zoom and shear, and three standard deviations of the elastic
    deformation, but not more than the tile is large: what lies beyond is mirrored at
    the edge of the window.
    """
    half = (tile_size - 1) / 2
    beyond = half * (_largest_stretch(changes) - 1) + 3 * changes.elastic
    return min(math.ceil(beyond - 1e-6), tile_size)


def _largest_stretch(changes: Augmentation) -> float:
    """Returns the farthest a corner at (1, 1) may get along one axis, at least 1."""
    most = math.radians(min(changes.rotation, 90.0))
    angles = np.linspace(0.0, most, 1 + math.ceil(changes.rotation) * 4)
    shear = math.tan(math.radians(changes.shear))
    along = (1 + shear) * np.cos(angles) + np.sin(angles)
    across = (1 + shear) * np.sin(angles) + np.cos(angles)
    return math.exp(changes.zoom) * float(max(along.max(), across.max()))


# Compiled, so that a graph has the same bits as the function alone; it is faster, too.
@tf.function(jit_compile=True)
def tile_places(
    seed: tf.Tensor, changes: Augmentation, tile_size: int, window_size: int
) -> tf.Tensor:
    """Returns where the pixels of a changed tile lie in its window.

    Args:
        seed: of this tile, int32 (2,).
        changes: which changes, and how strong.
        tile_size: height and width of the tile, at the window's centre.
        window_size: height and width of the window.

    Returns:
        float32 (2, tile_size, tile_size): rows and columns of the window; a few may lie
        outside of it.
    """
    affine_seed, turn_seed, warp_seed = draws.split(seed, 3)
    matrix = turn_matrix(turn_seed, changes) @ affine_matrix(affine_seed, changes)
    line = tf.range(tile_size, dtype=tf.float32) - (tile_size - 1) / 2
    columns = matrix[:, 1, tf.newaxis, tf.newaxis] * line
    places = matrix[:, 0, tf.newaxis, tf.newaxis] * line[:, tf.newaxis] + columns
    if changes.elastic:
        places += displacement_field(warp_seed, tile_size, changes.elastic)
    return places + (window_size - 1) / 2


def turn_matrix(seed: tf.Tensor, changes: Augmentation) -> tf.Tensor:
    """Returns a random turn by quarters and mirroring: float32 (2, 2) of -1, 0, 1."""
    quarters, rows, columns = tf.unstack(draws.whole(seed, [3], 4))
    matrix = tf.eye(2)
    if changes.quarter_turns:
        matrix = tf.gather(tf.constant(QUARTER_TURNS), quarters)
    if changes.flips:
        # With quarter turns one axis reaches all eight; without, both are needed.
        signs = 1.0 - 2.0 * tf.cast(tf.stack([rows, columns]) % 2, tf.float32)
        matrix = signs[:, tf.newaxis] * matrix
    return matrix


QUARTER_TURNS = np.array(
    [
        [[1, 0], [0, 1]],
        [[0, -1], [1, 0]],
        [[-1, 0], [0, -1]],
        [[0, 1], [-1, 0]],
    ],
    np.float32,
)


def affine_matrix(seed: tf.Tensor, changes: Augmentation) -> tf.Tensor:
    """Returns a random rotation, zoom and shear: float32 (2, 2).

    The matrix takes coordinates of the tile to those of the image. All three are drawn
    evenly up to their strength, to both sides; the shear is along rows or along
    columns.
    """
    if not (changes.rotation or changes.zoom or changes.shear):
        return tf.eye(2)
    angle, size, shear, along = tf.unstack(draws.uniform(seed, [4], -1.0, 1.0))
    angle *= math.radians(changes.rotation)
    slope = tf.tan(shear * math.radians(changes.shear))
    along_rows = tf.cast(along > 0, tf.float32)
    rotation = [[tf.cos(angle), -tf.sin(angle)], [tf.sin(angle), tf.cos(angle)]]
    shearing = [[1.0, slope * along_rows], [slope * (1 - along_rows), 1.0]]
    return tf.exp(size * changes.zoom) * (tf.stack(rotation) @ tf.stack(shearing))


def displacement_field(seed: tf.Tensor, tile_size: int, sigma: float) -> tf.Tensor:
    """Returns a smooth random field of displacements in pixels.

    Random vectors with s.d. `sigma` on a 3x3 grid whose corners are the tile's,
    interpolated bicubically between them (section 3.1 of the paper, arXiv:1505.04597).

    Returns:
        float32 (2, tile_size, tile_size): row and column displacement.
    """
    vectors = draws.normal(seed, [2, GRID, GRID], sigma)
    weights = tf.constant(bicubic_weights(tile_size, GRID))
    return tf.matmul(tf.matmul(weights, vectors), weights, transpose_b=True)


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
