import dataclasses

import pytest
import tensorflow as tf

from pipelines.augment import Augmentation, tile_places
from pipelines.config import NO_AUGMENTATION, AugmentConfig, FitConfig


def test_it_has_every_strength_of_the_settings():
    names = [field.name for field in dataclasses.fields(AugmentConfig)]
    assert list(Augmentation._fields) == names
    assert Augmentation.of(NO_AUGMENTATION, 64) == Augmentation()


@pytest.mark.parametrize(
    ("tile_size", "given", "elastic"),
    [(256, None, 10), (572, None, 10), (64, None, 2.5), (64, 10, 10), (64, 0, 0)],
)
def test_small_tiles_are_deformed_less_unless_it_is_given(tile_size, given, elastic):
    settings = AugmentConfig(elastic=given)
    assert Augmentation.of(settings, tile_size).elastic == elastic


def test_runs_with_equal_changes_share_one_trace():
    def places(run_dir):
        config = FitConfig(images="a", masks="b", run_dir=run_dir, elastic=0.0, zoom=0)
        changes = Augmentation.of(config, 16)
        return tile_places(tf.constant([1, 2]), changes, 16, 16)

    places("one")
    before = tile_places.experimental_get_tracing_count()
    places("another")
    assert tile_places.experimental_get_tracing_count() == before
