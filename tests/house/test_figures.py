"""The pages of figures say what the committed records say."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_of_benchmarks_is_made_from_the_records(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    try:
        import tables

        assert tables.PAGE.read_text() == tables.page()
    finally:
        for name in ("tables", "records"):
            sys.modules.pop(name, None)
