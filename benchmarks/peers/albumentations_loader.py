"""albumentations in a PyTorch DataLoader with two workers, images in memory."""

import albumentations
import cv2
import torch
from clock import BATCH_SIZE, TILE_SIZE, arguments, count_tiles, pairs

given = arguments()
# Each worker is one process on one core; OpenCV's own threads would fight for it.
cv2.setNumThreads(1)
CHANGES = albumentations.Compose(
    [
        albumentations.RandomCrop(TILE_SIZE, TILE_SIZE),
        albumentations.D4(p=1),
        albumentations.ElasticTransform(alpha=120, sigma=6, p=1),
        albumentations.Affine(rotate=15, scale=(0.9, 1.1), shear=5, p=1),
        albumentations.RandomBrightnessContrast(p=1),
        albumentations.RandomGamma(p=1),
        albumentations.GaussNoise(std_range=(0, 0.1), p=1),
        albumentations.GaussianBlur(sigma_limit=(0, 1), p=1),
    ]
)


class Tiles(torch.utils.data.Dataset):
    def __init__(self, images_and_masks):
        self.pairs = images_and_masks

    def __len__(self):
        return 10**9

    def __getitem__(self, number):
        image, mask = self.pairs[number % len(self.pairs)]
        changed = CHANGES(image=image[..., None], mask=mask)
        scaled = torch.from_numpy(changed["image"]).float()
        scaled = (scaled - scaled.mean()) / (scaled.std() + 1e-6)
        return scaled, torch.from_numpy(changed["mask"]).float() / 255


if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(
        Tiles(pairs(given.folder)), BATCH_SIZE, num_workers=2
    )
    count_tiles(loader, given.seconds)
