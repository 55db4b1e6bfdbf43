"""The padded net of `build_unet` as `predict` runs it on each tile.

In a precision of `predict`; its scaling of the pixels is part of the pass. With
--folded normalisation is folded into the convolutions, as `export` does.
"""

import numpy as np
import pass_clock

import keras_unet
from pipelines.exporting.norm_folding import fold_batch_norm
from pipelines.overlap_tile import Net
from pipelines.prediction.inference_precision import in_precision

given = pass_clock.arguments()
model = keras_unet.build_unet(base_filters=given.base_filters, activation=None)
if given.folded:
    model, _ = fold_batch_norm(model)
net = Net(in_precision(model, given.precision))
image, mean, std = pass_clock.image(), np.zeros(1, np.float32), np.ones(1, np.float32)
pass_clock.count_passes(lambda: net.tile_probability(image, mean, std), given.seconds)
