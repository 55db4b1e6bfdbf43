"""Both nets in PyTorch, layer for layer those of `build_unet`."""

import torch
from torch import nn

DEPTH = 4


class UNet(nn.Module):
    """The padded net (one logit a pixel), or the paper's (two).

    Args:
        base: channels of the first stage.
        variant: "padded", with normalisation, or "paper", with biases, without
            padding, and with dropout at the end of the contracting path.
    """

    def __init__(self, base, variant="padded"):
        super().__init__()
        paper = variant == "paper"
        sizes = [base * 2**level for level in range(DEPTH + 1)]

        def stage(channels, filters):
            dropout = 0.5 if paper and filters >= sizes[-2] else 0.0
            return convolutions(channels, filters, paper, dropout)

        self.down = nn.ModuleList(map(stage, [1, *sizes], sizes))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * size, size, 2, stride=2) for size in sizes[:-1]
        )
        self.join = nn.ModuleList(
            convolutions(2 * size, size, paper) for size in sizes[:-1]
        )
        self.head = nn.Conv2d(base, 2 if paper else 1, 1)

    def forward(self, features):
        """Returns logits of (batch, channels, height, width)."""
        skips = []
        for level, stage in enumerate(self.down):
            features = stage(features)
            if level < DEPTH:
                skips.append(features)
                features = nn.functional.max_pool2d(features, 2)
        for level in reversed(range(DEPTH)):
            upsampled = self.up[level](features)
            skip = cropped(skips[level], upsampled)
            features = self.join[level](torch.cat([skip, upsampled], 1))
        return self.head(features)


def convolutions(channels, filters, paper, dropout=0.0):
    """Returns two 3x3 convolutions with ReLU, and normalisation if padded."""
    parts = []
    for size in (channels, filters):
        parts += [nn.Conv2d(size, filters, 3, padding=0 if paper else 1, bias=paper)]
        parts += [] if paper else [nn.BatchNorm2d(filters)]
        parts += [nn.ReLU(inplace=True)]
    if dropout:
        parts.append(nn.Dropout(dropout))
    return nn.Sequential(*parts)


def cropped(skip, upsampled):
    """Returns the middle of the skip, as large as what it is joined with."""
    crop = (skip.shape[-1] - upsampled.shape[-1]) // 2
    return skip[..., crop:-crop, crop:-crop] if crop else skip
