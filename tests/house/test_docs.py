"""The Python examples of all guides run as they stand.

A block that begins with "```python no-run" is shown only.
"""

import pathlib
import re

import numpy as np
import pytest

from pipelines.images.writing import write_image

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def python_blocks():
    for guide in sorted(DOCS.glob("*.md")):
        found = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.M | re.S)
        for number, code in enumerate(found, start=1):
            yield pytest.param(guide.name, code, id=f"{guide.stem}-{number}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small images with two bright squares, and their masks."""
    folder = tmp_path_factory.mktemp("docs")
    random = np.random.default_rng(0)
    mask = np.zeros((80, 96), np.uint8)
    mask[20:40, 10:30] = mask[30:50, 34:60] = 255
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(6):
        image = mask // 4 + random.integers(0, 100, mask.shape)
        write_image(folder / "images" / f"{number}.png", image.astype(np.uint8))
        write_image(folder / "masks" / f"{number}.png", mask)
    return folder


@pytest.mark.parametrize(("guide", "code"), list(python_blocks()))
def test_an_example_runs(guide, code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, guide, "exec"), {})


@pytest.mark.parametrize("guide", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_of_a_guide_leads_somewhere(guide):
    links = re.findall(r"\]\(([^)#]+)\)", guide.read_text())
    local = [link for link in links if "://" not in link]
    assert all((guide.parent / link).exists() for link in local)
