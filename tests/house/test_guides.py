"""The examples of the guides run as they stand."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from pipelines import cli
from pipelines.images.writing import write_image

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "data.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small images of noise, and masks."""
    folder = tmp_path_factory.mktemp("guide")
    random = np.random.default_rng(0)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:30] = 255
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for index in range(6):
        image = random.integers(0, 200, mask.shape).astype(np.uint8)
        write_image(folder / "images" / f"{index}.png", image)
        write_image(folder / "masks" / f"{index}.png", mask)
    return folder


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_example_runs(code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, GUIDE.name, "exec"), {})


def test_the_command_lines_run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for line in "".join(blocks("sh")).splitlines():
        command, *words = shlex.split(line)
        assert command == "keras-unet"
        assert cli.main(words) == 0, capsys.readouterr().err
    assert (folder / "tiles.png").exists() and (folder / "found.json").exists()


def test_every_code_of_a_finding_is_explained():
    sources = pathlib.Path(cli.__file__).parent.rglob("*.py")
    text = "".join(path.read_text() for path in sources)
    codes = re.findall(r"findings\.(?:error|warning)\(\s*\"([a-z-]+)\"", text)
    codes += re.findall(r"return (?:error|warning)\(\s*\"([a-z-]+)\"", text)
    explained = set(re.findall(r"`([a-z-]+)`", GUIDE.read_text()))
    assert len(codes) > 20
    assert set(codes) <= explained
