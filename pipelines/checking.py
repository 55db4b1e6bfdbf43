"""check: what a set of images and masks holds, before anything is trained on it."""

import collections
import dataclasses

from pipelines.config import CheckConfig
from pipelines.dataset import load_dataset


@dataclasses.dataclass(frozen=True)
class DataReport:
    """What a check found.

    Attributes:
        images: how many pairs.
        sizes: "height x width" and how many images have it.
        channels: of every image.
        dtypes: types of the pixels and how many images have it.
        mask_kind: binary, classes or instances.
        shares: of each class in all pixels, by its name.
        empty_masks: how many masks hold only background.
    """

    images: int
    sizes: dict[str, int]
    channels: int
    dtypes: dict[str, int]
    mask_kind: str
    shares: dict[str, float]
    empty_masks: int

    def __str__(self) -> str:
        """Returns the findings as a table."""
        shares = ", ".join(f"{name} {x:.1%}" for name, x in self.shares.items())
        rows = [
            ("images with masks", str(self.images)),
            ("sizes", _listed(self.sizes)),
            ("channels", str(self.channels)),
            ("pixel types", _listed(self.dtypes)),
            ("mask kind", self.mask_kind),
            ("classes", shares),
            ("masks without foreground", str(self.empty_masks)),
        ]
        return "\n".join(f"{name:26}{value}" for name, value in rows)


def check(config: CheckConfig) -> DataReport:
    """Reads every image and mask and reports what the set holds.

    Raises:
        ValueError: the set cannot be trained on; names the first such file.
    """
    dataset = load_dataset(config)
    counts = dataset.class_counts()
    shares = counts.sum(axis=0) / counts.sum()
    facts = dataset.facts
    return DataReport(
        images=len(dataset.pairs),
        sizes=dict(collections.Counter(f"{f.height}x{f.width}" for f in facts)),
        channels=dataset.channels,
        dtypes=dict(collections.Counter(f.dtype for f in facts)),
        mask_kind=dataset.coding.kind,
        shares=dict(zip(dataset.class_names, shares.tolist(), strict=True)),
        empty_masks=int((counts[:, 1:].sum(axis=1) == 0).sum()),
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
