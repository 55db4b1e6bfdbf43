"""The padded net of `build_unet` as `predict` runs it on each tile.

In a precision of `predict`; its scaling of the pixels is part of the pass.
"""

import numpy as np
import pass_clock

import keras_unet
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net

given = pass_clock.arguments()
model = keras_unet.build_unet(base_filters=given.base_filters, activation=None)
net = Net(inference_net(model, given.precision))
image, mean, std = pass_clock.image(), np.zeros(1, np.float32), np.ones(1, np.float32)
pass_clock.count_passes(lambda: net.tile_probability(image, mean, std), given.seconds)
