"""The same net from Keras's layers as they come, in float32 or mixed_bfloat16."""

import keras
import keras_net
import step_clock
import tensorflow as tf

given = step_clock.arguments()
keras.mixed_precision.set_global_policy(given.precision)
images, masks = map(tf.constant, step_clock.batch())
model = keras_net.unet(given.base_filters)
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given)
