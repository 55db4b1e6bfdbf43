"""Keras 3's preprocessing layers in a tf.data map, images in memory."""

import keras
import numpy as np
import tensorflow as tf
from clock import BATCH_SIZE, TILE_SIZE, arguments, count_tiles, pairs

given = arguments()
images, masks = zip(*pairs(given.folder), strict=True)
LAYERS = [
    keras.layers.RandomCrop(TILE_SIZE, TILE_SIZE),
    keras.layers.RandomFlip(),
    keras.layers.RandomElasticTransform(factor=1.0, scale=1.0),
    keras.layers.RandomRotation(15 / 360),
    keras.layers.RandomZoom(0.1),
    keras.layers.RandomShear(0.05, 0.05),
    keras.layers.RandomBrightness(0.2),
    keras.layers.RandomContrast(0.2),
    keras.layers.RandomGaussianBlur(sigma=1.0),
]


def change(image, mask):
    batch = {"images": image, "segmentation_masks": mask}
    for layer in LAYERS:
        batch = layer(batch, training=True)
    return batch["images"], batch["segmentation_masks"]


stack = (
    np.stack(images)[..., None].astype(np.float32),
    np.stack(masks)[..., None].astype(np.float32),
)
stream = (
    tf.data.Dataset.from_tensor_slices(stack)
    .repeat()
    .shuffle(24)
    .batch(BATCH_SIZE)
    .map(change, num_parallel_calls=tf.data.AUTOTUNE)
    .prefetch(tf.data.AUTOTUNE)
)
count_tiles(stream, given.seconds)
