"""The same net in PyTorch: channels_last, bfloat16 autocast, Adam."""

import step_clock
import torch
import torch_net

given = step_clock.arguments()
images, masks = (
    torch.from_numpy(array).permute(0, 3, 1, 2).to(memory_format=torch.channels_last)
    for array in step_clock.batch(given.variant)
)
model = torch_net.UNet(given.base_filters, given.variant)
model = model.to(memory_format=torch.channels_last).train()
optimizer = torch.optim.Adam(model.parameters())
if given.variant == "paper":
    loss_of, masks = torch.nn.CrossEntropyLoss(), masks[:, 0].long()
else:
    loss_of = torch.nn.BCEWithLogitsLoss()


def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
    loss = loss_of(logits.float(), masks)
    loss.backward()
    optimizer.step()
    # As the others do, which return it.
    loss.item()


step_clock.count_steps(step, given)
