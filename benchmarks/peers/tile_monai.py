"""A TIFF through MONAI's sliding windows, with the weights of a run of ours.

The windows overlap by half and are weighed by a Gaussian, as nnU-Net's are too: the
step and the weights are those of both. With --whole the net runs once over the whole
image instead, mirrored up to a size that it takes.
"""

import argparse

import numpy as np
import tifffile
import torch
import torch_net
from monai.inferers import sliding_window_inference

SIDE = 512
STEP = 2**torch_net.DEPTH
# What Keras normalises with.
EPSILON = 1e-3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("image")
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args()
    dtype = getattr(torch, given.precision)
    model = net(dict(np.load(given.weights))).eval().to(dtype)
    model = model.to(memory_format=torch.channels_last)
    pixels = tifffile.imread(given.image).astype(np.float32)
    height, width = pixels.shape
    image = torch.from_numpy((pixels - pixels.mean()) / pixels.std())[None, None]
    with torch.inference_mode():
        if given.whole:
            beyond = [(0, 0), (0, 0), *((0, -side % STEP) for side in (height, width))]
            mirrored = torch.from_numpy(np.pad(image.numpy(), beyond, "reflect"))
            logits = model(mirrored.to(dtype))[..., :height, :width].float()
        else:
            logits = sliding_window_inference(
                image,
                (SIDE, SIDE),
                sw_batch_size=1,
                predictor=lambda tile: model(tile.to(dtype)).float(),
                overlap=0.5,
                mode="gaussian",
                sigma_scale=0.125,
            )
        probability = torch.sigmoid(logits)[0, 0].numpy()
    tifffile.imwrite(given.out, probability, tile=(512, 512), compression="zlib")


def net(weights):
    """Returns the padded net with the weights of ours, by the names of its layers."""
    base = weights["encoder_0_conv_0/0"].shape[-1]
    model = torch_net.UNet(base)
    stages = [*(f"encoder_{level}" for level in range(torch_net.DEPTH)), "bottleneck"]
    decoders = [f"decoder_{level}" for level in range(torch_net.DEPTH)]
    for name, stage in zip(
        [*stages, *decoders], [*model.down, *model.join], strict=True
    ):
        for place in range(2):
            fill_convolution(stage[3 * place], weights, f"{name}_conv_{place}")
            fill_normalisation(stage[3 * place + 1], weights, f"{name}_norm_{place}")
    for name, upsample in zip(decoders, model.up, strict=True):
        fill_convolution(upsample, weights, f"{name}_upsample")
    fill_convolution(model.head, weights, "logits")
    return model


def fill_convolution(layer, weights, name):
    # Keras: height, width, in, out; transposed ones have out before in. PyTorch has
    # these two the other way round, and first.
    kernel = weights[f"{name}/0"].transpose(3, 2, 0, 1)
    layer.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
    if layer.bias is not None:
        layer.bias.data = torch.from_numpy(weights[f"{name}/1"])


def fill_normalisation(layer, weights, name):
    layer.eps = EPSILON
    values = [torch.from_numpy(weights[f"{name}/{place}"]) for place in range(4)]
    layer.weight.data, layer.bias.data = values[:2]
    layer.running_mean, layer.running_var = values[2:]


if __name__ == "__main__":
    main()
