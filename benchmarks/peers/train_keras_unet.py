"""The padded net of `build_unet`, in the precision that `fit` chooses."""

import keras
import step_clock
import tensorflow as tf

import keras_unet
from pipelines.training import precision

given = step_clock.arguments()
images, masks = map(tf.constant, step_clock.batch())
with precision.policy(precision.resolve("auto")):
    model = keras_unet.build_unet(base_filters=given.base_filters, activation=None)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given.seconds)
