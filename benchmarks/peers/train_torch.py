"""The same net in PyTorch: channels_last, bfloat16 autocast, Adam."""

import step_clock
import torch
from torch import nn

given = step_clock.arguments()
DEPTH = 4


def convolutions(channels, filters):
    parts = []
    for size in (channels, filters):
        parts += [nn.Conv2d(size, filters, 3, padding=1, bias=False)]
        parts += [nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts)


class UNet(nn.Module):
    def __init__(self, base):
        super().__init__()
        sizes = [base * 2**level for level in range(DEPTH + 1)]
        self.down = nn.ModuleList(map(convolutions, [1, *sizes], sizes))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * size, size, 2, stride=2) for size in sizes[:-1]
        )
        self.join = nn.ModuleList(convolutions(2 * size, size) for size in sizes[:-1])
        self.head = nn.Conv2d(base, 1, 1)

    def forward(self, features):
        """Returns logits of (batch, channels, height, width)."""
        skips = []
        for level, stage in enumerate(self.down):
            features = stage(features)
            if level < DEPTH:
                skips.append(features)
                features = nn.functional.max_pool2d(features, 2)
        for level in reversed(range(DEPTH)):
            features = torch.cat([skips[level], self.up[level](features)], 1)
            features = self.join[level](features)
        return self.head(features)


images, masks = (
    torch.from_numpy(array).permute(0, 3, 1, 2).to(memory_format=torch.channels_last)
    for array in step_clock.batch()
)
model = UNet(given.base_filters).to(memory_format=torch.channels_last).train()
optimizer = torch.optim.Adam(model.parameters())
loss_of = nn.BCEWithLogitsLoss()


def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
    loss = loss_of(logits.float(), masks)
    loss.backward()
    optimizer.step()
    # As the others do, which return it.
    loss.item()


step_clock.count_steps(step, given.seconds)
