import pytest

from pipelines.config import TilesConfig


def settings(**changes):
    return TilesConfig(images="images", masks="masks", **changes)


def test_defaults_are_those_of_fit():
    config = settings()
    # Both follow the variant, and the deformation the size.
    assert (config.tile_size, config.batch_size) == (None, None)
    assert config.elastic is None
    assert config.flips and config.zoom == 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tile_size": 0}, "tile_size must be a whole number, at least 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"depth": 7}, "depth must be a whole number, 1 to 6"),
        ({"variant": "small"}, "variant must be one of padded, paper"),
        ({"seed": 2**31}, "seed must be a whole number"),
    ],
)
def test_settings_out_of_range_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        settings(**change)
