"""keras-unet 0.1.2's `custom_unet` with normalisation, on Keras 2.15: float32, Adam."""

import contextlib
import sys

import held_out
import keras
import numpy as np

# It prints when it is imported; the steps are to be the only thing on standard output.
with contextlib.redirect_stdout(sys.stderr):
    from keras_unet.models import custom_unet

given = held_out.arguments()
keras.utils.set_random_seed(given.seed)
random = np.random.default_rng(given.seed)
pairs = [
    (held_out.scaled(image), mask)
    for image, mask in held_out.training_pairs(given.train)
]
model = custom_unet(
    (None, None, 1), filters=given.base_filters, num_layers=4, use_batch_norm=True
)
model.compile("adam", "binary_crossentropy")


def tile():
    """Returns a crop, mirrored and turned at random: (size, size, 2)."""
    image, mask = pairs[random.integers(len(pairs))]
    size = held_out.TILE_SIZE
    top, left = (random.integers(one - size + 1) for one in image.shape)
    both = np.stack([image, mask], axis=-1)[top : top + size, left : left + size]
    both = np.rot90(both, random.integers(4))
    return both[:, ::-1] if random.integers(2) else both


def step():
    tiles = np.stack([tile() for _ in range(held_out.BATCH_SIZE)])
    model.train_on_batch(tiles[..., :1], tiles[..., 1:])


steps = held_out.train(step, given.minutes)
held_out.write_probabilities(
    given,
    lambda image: np.asarray(model(image[None, ..., None], training=False))[0, ..., 0],
    steps,
)
