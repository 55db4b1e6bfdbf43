import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.overlap_tile import Net
from pipelines.validation import Parts
from pipelines.validation.segmented import segmented, segmented_centre


@pytest.fixture
def dataset(write_pair, folders, random):
    write_pair("a.tif", random.integers(0, 2, (90, 70)))
    return load_dataset(DataConfig(**folders, mask_kind="binary"))


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_parts_are_those_of_the_whole_image(dataset, random_net, variant):
    net = Net(random_net(variant, 2))
    (whole,) = segmented(net, dataset, 0)
    parts = list(segmented(net, dataset, 0, Parts(32)))
    # 90 in three, 70 in three, in steps of 4.
    assert [(part.top, part.left) for part in parts[:4]] == [
        *((0, 0), (0, 24), (0, 48)),
        (32, 0),
    ]
    assert len(parts) == 9
    for name in ("image", "y_true", "logits", "probability"):
        expected = getattr(whole, name)
        found = np.zeros_like(expected)
        for part in parts:
            height, width = part.y_true.shape
            place = np.s_[part.top : part.top + height, part.left : part.left + width]
            found[place] = getattr(part, name)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_image_that_is_no_larger_is_one_part(dataset, random_net):
    (one,) = segmented(Net(random_net("padded", 2)), dataset, 0, Parts(90))
    assert one.y_true.shape == (90, 70)


def test_the_centre_is_in_one_part(dataset, random_net):
    net, facts = Net(random_net("padded", 2)), dataset.facts[0]
    centre = segmented_centre(net, dataset, 0, Parts(32))
    assert (centre.top, centre.left) == (32, 24)
    holding = [
        part.holds_centre(facts) for part in segmented(net, dataset, 0, Parts(32))
    ]
    assert holding.index(True) == 4 and sum(holding) == 1
    assert segmented_centre(net, dataset, 0).y_true.shape == (90, 70)
