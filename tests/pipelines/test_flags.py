import argparse
import dataclasses
from typing import Literal

import pytest

from pipelines import cli, flags
from pipelines.config import FitConfig, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    folder: str = setting(..., "where", positional=True)
    images: str = setting(..., "which", "PATTERN")
    tile_size: int | None = setting(None, "how large")
    rate: float = setting(0.5, "how fast", least=0)
    share: float = setting(0.5, "how much", least=0, most=1)
    depth: int | None = setting(None, "how deep", least=1, most=6)
    flips: bool = setting(True, "whether")
    batch_norm: bool | None = setting(None, "perhaps")
    kind: Literal["red", "blue"] = setting("red", "of which")
    stems: tuple[str, ...] = setting((), "these")


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    flags.add_flags(parser, Settings)
    return parser


def parse(parser, *words):
    given = parser.parse_args(["folder", "--images", "a/*.png", *words])
    return flags.to_config(given, Settings)


def test_without_flags_the_defaults_are_those_of_the_class(parser):
    assert parse(parser) == Settings(folder="folder", images="a/*.png")


def test_every_type_of_setting_has_its_flag(parser):
    words = "--tile-size 64 --rate 1e-3 --no-flips --batch-norm --kind blue"
    assert parse(parser, *words.split(), "--stems", "02, 07,,x") == Settings(
        folder="folder",
        images="a/*.png",
        tile_size=64,
        rate=1e-3,
        flips=False,
        batch_norm=True,
        kind="blue",
        stems=("02", "07", "x"),
    )


def test_a_switch_that_is_neither_on_nor_off_can_be_put_off(parser):
    assert parse(parser, "--no-batch-norm").batch_norm is False


def test_the_help_tells_defaults_bounds_and_choices(parser):
    text = " ".join(parser.format_help().split())
    assert "how fast (default 0.5)" in text
    assert "how much (0 to 1; default 0.5)" in text
    assert "how deep (1 to 6)" in text
    assert "whether (default on)" in text
    assert "{red,blue}" in text
    assert "--images PATTERN" in text


@pytest.mark.parametrize(
    ("verb", "config_class"), [(verb, made[0]) for verb, made in cli.VERBS.items()]
)
def test_a_verb_given_only_what_it_requires_has_the_defaults_of_its_class(
    verb, config_class
):
    parser = argparse.ArgumentParser()
    flags.add_flags(parser, config_class)
    required = [
        field
        for field in dataclasses.fields(config_class)
        if field.default is dataclasses.MISSING
    ]
    words, settings = [], {}
    for field in required:
        flag = "--" + field.name.replace("_", "-")
        words += ["x"] if field.metadata["positional"] else [flag, "x"]
        settings[field.name] = "x"
    if verb == "segment":
        # Images or a check: neither is required by itself.
        words, settings = [*words, "--check", "x"], {**settings, "check": "x"}
    assert flags.to_config(parser.parse_args(words), config_class) == config_class(
        **settings
    )


def test_messages_call_settings_by_their_flags_but_not_paths():
    message = "/data/mask_kind/a.png: say mask_kind classes. See x.mask_kind, run_dir."
    assert flags.name_flags(message, FitConfig) == (
        "/data/mask_kind/a.png: say --mask-kind classes. See x.mask_kind, --run-dir."
    )


def test_shared_settings_stand_together_in_the_help():
    parser = argparse.ArgumentParser()
    flags.add_flags(parser, FitConfig)
    text = parser.format_help()
    own, _, rest = text.partition("\nImages, their masks, and what the values")
    assert "--plan-only" in own and "--masks" in own and "--mask-kind" not in rest[:20]
    data, _, others = rest.partition("\nWhat each pixel weighs in the loss:\n")
    assert "--mask-kind" in data and "--class-weights" not in data
    assert "--class-weights" in others
    # An empty text is no default to tell.
    assert "(default )" not in text
