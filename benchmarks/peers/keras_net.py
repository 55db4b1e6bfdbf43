"""The padded net from Keras's layers as they come: no fused normalisation."""

import keras
from keras import layers

DEPTH = 4


def unet(base_filters, activation=None):
    """Returns a model from (batch, height, width, 1) to as many pixels, in float32."""
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
    outputs = layers.Conv2D(1, 1, dtype="float32", activation=activation)(features)
    return keras.Model(image, outputs)


def convolutions(features, filters):
    """Applies two 3x3 convolutions, each with normalisation and ReLU."""
    for _ in range(2):
        features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization()(features)
        features = layers.ReLU()(features)
    return features
