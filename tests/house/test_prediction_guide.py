"""The commands of docs/prediction.md are ones that the command line takes."""

import pathlib
import re
import shlex

import pytest

from pipelines import cli

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "prediction.md"


def commands() -> list[str]:
    found = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    return "".join(found).splitlines()


@pytest.mark.parametrize("line", commands())
def test_a_command_names_settings_that_exist(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command, *words = shlex.split(line)
    assert command == "keras-unet"
    # Without images it ends where the first would be read.
    assert cli.main(words) == 2
    assert "images: no images found" in capsys.readouterr().err


def test_every_flag_of_the_guide_exists(capsys):
    flags = set(re.findall(r"--[a-z][a-z-]+", GUIDE.read_text()))
    with pytest.raises(SystemExit):
        cli.main(["predict", "--help"])
    known = capsys.readouterr().out
    assert flags and all(flag in known for flag in flags)
