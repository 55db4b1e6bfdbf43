"""The nets of `build_unet`, in the precision that `fit` chooses."""

import keras
import step_clock
import tensorflow as tf

import keras_unet
from pipelines.inference import policy
from pipelines.training import precision

given = step_clock.arguments()
images, masks = map(tf.constant, step_clock.batch(given.variant))
if given.variant == "paper":
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
else:
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
with policy(precision.resolve("auto")):
    model = keras_unet.build_unet(
        given.variant, base_filters=given.base_filters, activation=None
    )
    model.compile("adam", loss)
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given)
