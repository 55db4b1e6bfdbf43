"""medicai 0.0.4's `UNet` on Keras 3, as near to the padded net as it lets itself be.

It takes an encoder, here the padded net's own of Keras's layers, and brings the
decoder. What differs: its skips begin at half the size, so that the last stage of the
decoder joins nothing; and it enlarges by repeating pixels, without a transposed
convolution (with one, its stages have one convolution of 3x3 instead of two). Stages
and filters are the same.
"""

import keras
import keras_net
import step_clock
import tensorflow as tf
from medicai.models import UNet

given = step_clock.arguments()
keras.mixed_precision.set_global_policy(given.precision)
DEPTH = keras_net.DEPTH


def encoder(base_filters, size):
    """Returns a model with the features at 1/2, 1/4, ... of the size as P1, P2, ..."""
    image = keras.Input((size, size, 1))
    features, levels = keras_net.convolutions(image, base_filters), {}
    for level in range(1, DEPTH + 1):
        features = keras.layers.MaxPooling2D()(features)
        features = keras_net.convolutions(features, base_filters * 2**level)
        levels[f"P{level}"] = features
    model = keras.Model(image, features)
    model.pyramid_outputs = levels
    return model


images, masks = map(tf.constant, step_clock.batch())
model = UNet(
    encoder=encoder(given.base_filters, images.shape[1]),
    encoder_depth=DEPTH,
    decoder_filters=[given.base_filters * 2**level for level in reversed(range(DEPTH))],
    classifier_activation="linear",
)
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given)
