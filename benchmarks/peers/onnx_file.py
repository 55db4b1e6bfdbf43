"""The same net as an ONNX file, which the engines read."""

import os
import pathlib
import tempfile

import pass_clock
import torch
import torch_net


class Probability(torch.nn.Module):
    """The padded net, with a sigmoid behind it."""

    def __init__(self, base):
        super().__init__()
        self.net = torch_net.UNet(base)

    def forward(self, image):
        """Returns probabilities of (batch, 1, height, width)."""
        return torch.sigmoid(self.net(image))


def exported(base_filters: int) -> bytes:
    """Returns the net for one image of the clock's size, as PyTorch exports it.

    Its input is called "image", (1, 1, height, width).
    """
    image = torch.zeros(1, 1, pass_clock.SIDE, pass_clock.SIDE)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "unet.onnx"
        torch.onnx.export(
            Probability(base_filters).eval(),
            (image,),
            os.fspath(file),
            input_names=["image"],
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return file.read_bytes()
