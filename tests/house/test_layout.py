"""The habits of the code that a script can check."""

import ast
import pathlib
import re

import keras_unet

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("keras_unet/**/*.py"), *ROOT.glob("pipelines/**/*.py")])
# About 250; a file that comes here is due for a cut.
MOST_LINES = 260
# A model builder reads from top to bottom like its drawing.
LONGER_BODIES = {"build_unet"}
MOST_BODY_LINES = 50


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_are_short():
    lines = {name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {file: count for file, count in lines.items() if count > MOST_LINES} == {}


def test_every_module_has_its_own_test_file():
    relative = [path.relative_to(ROOT) for path in SOURCES]
    mirrors = [
        ROOT / "tests" / path.parent / f"test_{path.name}"
        for path in relative
        if path.name not in ("__init__.py", "__main__.py")
    ]
    assert [mirror for mirror in mirrors if not mirror.exists()] == []


def lines_of_bodies(path):
    """The name of each function of a file, and the lines of its body."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, body[-1].end_lineno - body[0].lineno + 1


def test_function_bodies_are_short():
    assert [
        f"{name(path)}: {function} has {lines} lines"
        for path in SOURCES
        for function, lines in lines_of_bodies(path)
        if lines > MOST_BODY_LINES and function not in LONGER_BODIES
    ] == []


def test_the_version_is_the_same_in_both_places():
    said = re.search(r'version="(.+?)"', (ROOT / "setup.py").read_text())
    assert said and said[1] == keras_unet.__version__


def test_there_is_no_room_for_everything():
    names = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    assert not names & {"utils", "util", "helpers", "common", "misc"}
