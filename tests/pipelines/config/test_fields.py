import dataclasses

import pytest

from pipelines.config.fields import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    needed: str = setting(..., "must be given", positional=True)
    size: int = setting(3, "how large")


def test_a_setting_has_its_default_and_its_help():
    assert Settings(needed="x").size == 3
    texts = [field.metadata["help"] for field in dataclasses.fields(Settings)]
    assert texts == ["must be given", "how large"]
    assert [f.metadata["positional"] for f in dataclasses.fields(Settings)] == [
        True,
        False,
    ]


def test_a_setting_without_a_default_must_be_given():
    with pytest.raises(TypeError, match="needed"):
        Settings()
