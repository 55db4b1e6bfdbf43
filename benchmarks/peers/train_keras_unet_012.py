"""keras-unet 0.1.2's `custom_unet` as it comes, on Keras 2.15: float32, dropout."""

import contextlib
import sys

import step_clock

# It prints when it is imported; the figure is to be the only thing on standard output.
with contextlib.redirect_stdout(sys.stderr):
    from keras_unet.models import custom_unet

given = step_clock.arguments()
images, masks = step_clock.batch()
size = images.shape[1]
model = custom_unet((size, size, 1), filters=given.base_filters, num_layers=4)
model.compile("adam", "binary_crossentropy")
step_clock.count_steps(lambda: model.train_on_batch(images, masks), given)
