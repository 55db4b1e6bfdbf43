"""The README's examples run as they stand."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from pipelines import cli
from pipelines.results.writing import write_image

README = pathlib.Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small images with bright discs, and their masks; one more of each to test."""
    folder = tmp_path_factory.mktemp("readme")
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:80, :96]
    for name in ("images", "masks", "test/images", "test/masks"):
        (folder / name).mkdir(parents=True)
    for index in range(7):
        part = folder / "test" if index == 6 else folder
        top, left = random.integers(20, 60, 2)
        disc = (rows - top) ** 2 + (columns - left) ** 2 < 200
        image = disc * 100 + random.integers(0, 100, disc.shape)
        write_image(part / "images" / f"{index}.png", image.astype(np.uint8))
        write_image(part / "masks" / f"{index}.png", disc.astype(np.uint8) * 255)
    return folder


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_example_runs(code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, "README.md", "exec"), {})


def test_the_command_lines_run_one_after_the_other(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (lines,) = blocks("sh")
    # The same commands with less training: ten minutes are too long for a test.
    lines = lines.replace(
        "--minutes 10",
        "--steps 2 --depth 1 --base-filters 2 --tile-size 32 --batch-size 1",
    )
    for line in lines.splitlines():
        command, *words = shlex.split(line)
        assert command == "keras-unet"
        assert cli.main(words) == 0, capsys.readouterr().err
    assert (folder / "scores.json").exists()
    assert len(list((folder / "predicted").glob("*.png"))) == 6
    assert (folder / "saved_models/cells/1/saved_model.pb").exists()
    assert (folder / "unet.svg").exists()


def test_the_two_commands_stand_at_the_top():
    head = "\n".join(README.read_text().splitlines()[:6])
    assert "make demo" in head and "make test" in head
