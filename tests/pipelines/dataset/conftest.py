"""What the tests of findings share."""

import dataclasses

import pytest

from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import MaskCoding
from pipelines.dataset.pairing import Pair
from pipelines.images import ImageEntry

BINARY = MaskCoding("binary", 1, 2)


@pytest.fixture
def part(tmp_path):
    """Makes a set of one pair, whose mask has so many pixels of each value."""

    def part(name, counts, channels=1, coding=BINARY, colours=()):
        entry = ImageEntry(tmp_path / f"{name}.png")
        values = {field.name: None for field in dataclasses.fields(ImageFacts)}
        facts = ImageFacts(
            **values
            | {
                "channels": channels,
                "mask_counts": counts,
                "image_digest": name,
                "mask_colours": dict(colours),
            }
        )
        return Dataset((Pair(entry, entry),), (facts,), coding)

    return part
