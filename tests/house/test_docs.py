"""The Python examples of all guides run as they stand.

A block that begins with "```python no-run" is shown only.
"""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def python_blocks():
    for guide in sorted(DOCS.glob("*.md")):
        found = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.M | re.S)
        for number, code in enumerate(found, start=1):
            yield pytest.param(guide.name, code, id=f"{guide.stem}-{number}")


@pytest.mark.parametrize(("guide", "code"), list(python_blocks()))
def test_an_example_runs(guide, code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, guide, "exec"), {})


@pytest.mark.parametrize("guide", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_of_a_guide_leads_somewhere(guide):
    links = re.findall(r"\]\(([^)#]+)\)", guide.read_text())
    local = [link for link in links if "://" not in link]
    assert all((guide.parent / link).exists() for link in local)
