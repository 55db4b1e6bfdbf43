import types

import numpy as np
import pytest

from pipelines.exporting import self_test
from pipelines.exporting.example_requests import example_image
from pipelines.overlap_tile import Net
from pipelines.serving_graph.served_net import ServedNet

# What the export itself is asked is under test in test_exporting.py.


def served(**changes):
    settings = {
        "tile_logits": lambda tiles: tiles,
        "depth": 1,
        "variant": "padded",
        "channels": 1,
        "output_channels": 1,
        "threshold": 0.5,
        "pixel_limit": 10_000,
        "largest_core": 16,
    }
    return ServedNet(**settings | changes)


def answering(change):
    """A version that answers with what `change` makes of the pixels."""
    return types.SimpleNamespace(
        run=lambda signature, inputs: {"probability": change(inputs["image"])}
    )


@pytest.mark.parametrize(
    ("pixel_type", "scale"),
    [
        (None, lambda image: (image - image.mean()) / image.std()),
        ("uint16", lambda image: image / 65535),
        # The range of floats is the user's own.
        ("float32", lambda image: image),
    ],
)
def test_answers_like_those_of_the_model_pass(random_net, pixel_type, scale):
    net, reference = served(pixel_type=pixel_type), Net(random_net())

    def expected(images):
        return reference.probability(scale(images[0]).astype(np.float32))[np.newaxis]

    self_test._check_probability(answering(expected), net, reference)


@pytest.mark.parametrize("wrong", [0.4, np.nan])
def test_other_answers_are_refused(random_net, wrong):
    def answer(images):
        return np.full((*images.shape[:3], 1), wrong, np.float32)

    with pytest.raises(ValueError, match="does not compute what the run's model does"):
        self_test._check_probability(answering(answer), served(), Net(random_net()))


def test_the_surest_images_are_so_in_8_and_16_bits(random_net):
    net, reference = served(), Net(random_net())

    def sureness(seed):
        images = [
            example_image(net, seed),
            example_image(net, seed, np.uint16),
        ]
        scaled = [(image - image.mean()) / image.std() for image in images]
        found = [reference.probability(one.astype(np.float32)) for one in scaled]
        return min(np.abs(one - 0.5).min() for one in found)

    best = max(range(self_test.NUM_SEEDS), key=sureness)
    assert self_test._surest_seed(net, reference) == best
