"""A plain PyTorch loop: the same net, albumentations, Adam, bfloat16 autocast."""

import itertools

import albumentations
import cv2
import held_out
import torch
import torch_net

cv2.setNumThreads(1)
CHANGES = albumentations.Compose(
    [
        albumentations.RandomCrop(held_out.TILE_SIZE, held_out.TILE_SIZE),
        albumentations.D4(p=1),
        albumentations.ElasticTransform(alpha=120, sigma=10, p=1),
        albumentations.RandomBrightnessContrast(p=1),
    ]
)


class Tiles(torch.utils.data.Dataset):
    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return 10**9

    def __getitem__(self, number):
        image, mask = self.pairs[number % len(self.pairs)]
        # Changed before it is scaled: albumentations cuts floats to 0 to 1.
        changed = CHANGES(image=image, mask=mask)
        tile = held_out.scaled(changed["image"], like=image)
        return tile[None], changed["mask"][None].astype("float32")


def main():
    given = held_out.arguments()
    torch.manual_seed(given.seed)
    generator = torch.Generator().manual_seed(given.seed)
    dataset = Tiles(held_out.training_pairs(given.train))
    sampler = torch.utils.data.RandomSampler(
        range(len(dataset.pairs)),
        replacement=True,
        num_samples=10**7,
        generator=generator,
    )
    loader = torch.utils.data.DataLoader(
        dataset, held_out.BATCH_SIZE, sampler=sampler, num_workers=1
    )
    batches = iter(itertools.chain(loader))
    model = torch_net.UNet(given.base_filters)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.BCEWithLogitsLoss()

    def step():
        images, masks = next(batches)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(images.to(memory_format=torch.channels_last))
        loss_of(logits.float(), masks).backward()
        optimizer.step()

    steps = held_out.train(step, given.minutes)
    model.eval()

    def probability_of(image):
        with torch.inference_mode():
            return torch.sigmoid(model(torch.from_numpy(image)[None, None]))[
                0, 0
            ].numpy()

    held_out.write_probabilities(given, probability_of, steps)


if __name__ == "__main__":
    main()
