"""Keras's ImageDataGenerator twice with one seed, as most U-Net tutorials do.

It has no elastic deformation, gamma, noise or blur, and resizes instead of cutting:
images are cut to tiles before.
"""

import numpy as np
import tensorflow as tf
from clock import BATCH_SIZE, TILE_SIZE, arguments, count_tiles, pairs

given = arguments()
tiles = [
    [array[:TILE_SIZE, :TILE_SIZE], array[-TILE_SIZE:, -TILE_SIZE:]]
    for pair in pairs(given.folder)
    for array in pair
]
image_tiles = np.stack([tile for two in tiles[0::2] for tile in two])[..., None]
mask_tiles = np.stack([tile for two in tiles[1::2] for tile in two])[..., None]
changes = {
    "rotation_range": 15,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 5,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "vertical_flip": True,
    "fill_mode": "reflect",
}
Generator = tf.keras.preprocessing.image.ImageDataGenerator
image_changes = Generator(**changes, brightness_range=(0.8, 1.2))
mask_changes = Generator(**changes)
batches = zip(
    image_changes.flow(image_tiles, batch_size=BATCH_SIZE, seed=0),
    mask_changes.flow(mask_tiles, batch_size=BATCH_SIZE, seed=0),
    strict=True,
)
count_tiles(batches, given.seconds)
