"""The same net from Keras's layers as they come, in float32 or mixed_bfloat16."""

import keras
import step_clock
import tensorflow as tf
from keras import layers

given = step_clock.arguments()
keras.mixed_precision.set_global_policy(given.precision)
DEPTH = 4


def convolutions(features, filters):
    for _ in range(2):
        features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization()(features)
        features = layers.ReLU()(features)
    return features


def unet(base_filters):
    image = keras.Input((None, None, 1))
    features, skips = image, []
    for level in range(DEPTH):
        features = convolutions(features, base_filters * 2**level)
        skips.append(features)
        features = layers.MaxPooling2D()(features)
    features = convolutions(features, base_filters * 2**DEPTH)
    for level in reversed(range(DEPTH)):
        filters = base_filters * 2**level
        features = layers.Conv2DTranspose(filters, 2, strides=2)(features)
        features = layers.concatenate([skips[level], features])
        features = convolutions(features, filters)
    return keras.Model(image, layers.Conv2D(1, 1, dtype="float32")(features))


images, masks = map(tf.constant, step_clock.batch())
model = unet(given.base_filters)
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given.seconds)
