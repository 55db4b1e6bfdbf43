"""The pages of figures say what the committed records say, and these of what code."""

import pathlib
import shutil
import subprocess
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


@pytest.mark.skipif(not shutil.which("git"), reason="no git here")
def test_a_record_does_not_make_the_next_one_one_of_changed_code(
    tables, tmp_path, monkeypatch
):
    def git(*words):
        words = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    results, code = tmp_path / "benchmarks" / "results", tmp_path / "code.py"
    results.mkdir(parents=True)
    for path in (results / "speed.jsonl", code):
        path.touch()
    for words in (["init"], ["add", "."], ["commit", "-m", "all"]):
        git(*words)
    monkeypatch.setattr(tables.records, "RESULTS", results)
    for _ in range(2):
        tables.records.append("speed", {})
    code.write_text("changed = True")
    tables.records.append("speed", {})
    first, second, third = (row["commit"] for row in tables.records.load("speed"))
    assert first and second == first and third == f"{first}-dirty"


def test_the_pages_are_made_from_the_records(tables):
    for name in tables.PAGES:
        assert (tables.DOCS / name).read_text() == tables.page(name), name
    assert tables.README.read_text() == tables.readme()
