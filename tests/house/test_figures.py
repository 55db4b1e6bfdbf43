"""The pages of figures say what the committed records say."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def tables(monkeypatch):
    """The module that makes the pages, whose imports are forgotten again."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    before = set(sys.modules)
    import tables

    yield tables
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_pages_are_made_from_the_records(tables):
    for name in tables.PAGES:
        assert (tables.DOCS / name).read_text() == tables.page(name), name
    assert tables.README.read_text() == tables.readme()
