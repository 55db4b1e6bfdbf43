"""The Python of all guides runs as it stands; commands, flags and links are right.

A block that begins with "```python no-run" is shown only.
"""

import argparse
import pathlib
import re
import shlex

import pytest

from pipelines import cli

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = sorted(DOCS.glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDES]
# Of TensorBoard and curl; those of TensorFlow Serving have underscores.
OTHER_FLAGS = {"--logdir", "--cacert"}


def python_blocks():
    for guide in GUIDES:
        found = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.M | re.S)
        for number, code in enumerate(found, start=1):
            yield pytest.param(guide.name, code, id=f"{guide.stem}-{number}")


@pytest.mark.parametrize(("guide", "code"), list(python_blocks()))
def test_an_example_runs(guide, code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, guide, "exec"), {})


def commands(page: pathlib.Path) -> list[list[str]]:
    """The words after `keras-unet` of each command in the blocks of a page."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", page.read_text(), re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    said = [one for one in lines if re.match(r" *([A-Z_]+=\S+ )?keras-unet ", one)]
    words = [shlex.split(one, comments=True) for one in said]
    return [one[one.index("keras-unet") + 1 :] for one in words]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_names_settings_that_there_are(page):
    for words in commands(page):
        cli._parser().parse_args(words)


def test_the_pages_have_commands():
    assert sum(len(commands(page)) for page in PAGES) > 30


def known_flags() -> set[str]:
    (verbs,) = (
        action
        for action in cli._parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    actions = [action for verb in verbs.choices.values() for action in verb._actions]
    return {flag for action in actions for flag in action.option_strings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_flag_that_a_page_names_is_one_of_a_verb(page):
    flags = set(re.findall(r"`(?:\w+ )?(--[a-z][a-z_-]+)", page.read_text()))
    ours = {flag for flag in flags if "_" not in flag}
    assert ours - OTHER_FLAGS <= known_flags()


def anchors(page: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_of_a_page_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if "://" not in link:
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link
