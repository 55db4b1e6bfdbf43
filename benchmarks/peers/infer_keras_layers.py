"""The same net from Keras's layers as they come, by `model.predict`, in float32.

Some images a call, one a batch, so that what a call costs is shared.
"""

import keras_net
import numpy as np
import pass_clock

IMAGES = 4

given = pass_clock.arguments()
model = keras_net.unet(given.base_filters, activation="sigmoid")
images = np.stack([pass_clock.image()] * IMAGES)
pass_clock.count_passes(
    lambda: model.predict(images, batch_size=1, verbose=0), given.seconds, IMAGES
)
