import dataclasses

import pytest

from pipelines.config import CheckConfig, FitConfig

DATA = {"images": "images", "masks": "masks"}


def test_check_takes_what_fit_says_of_data_and_tiles():
    check = {field.name: field.default for field in dataclasses.fields(CheckConfig)}
    fit = {field.name: field.default for field in dataclasses.fields(FitConfig)}
    own = {"json", "preview", "tile_size"}
    assert set(check) - own <= set(fit)
    assert all(check[name] == fit[name] for name in set(check) - own)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tile_size": 7}, "tile_size must be a whole number, 8 to 4096, got 7"),
        ({"preview": ""}, "preview must name a file"),
        ({"json": ""}, "json must name a file"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_wrong_settings_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        CheckConfig(**DATA | settings)
