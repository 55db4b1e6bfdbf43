import collections
import sys

import pytest

from pipelines.config import import_path


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Writes a module of the user's own into the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_a_path_without_arguments_names_an_object():
    assert import_path.parse("collections:OrderedDict") == (
        collections.OrderedDict,
        {},
    )


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("a=1", {"a": 1}),
        ("a=1e-4,b=True,c=None", {"a": 1e-4, "b": True, "c": None}),
        ("a=[1,2],b=(3,4)", {"a": [1, 2], "b": (3, 4)}),
        ("a={'x':1,'y':[2,3]},b=2", {"a": {"x": 1, "y": [2, 3]}, "b": 2}),
        ("name=adam,", {"name": "adam"}),
        ("name='a:b', b = -2", {"name": "a:b", "b": -2}),
        ("a==1", {"a": "=1"}),
        ("", {}),
    ],
)
def test_arguments_are_python_literals_or_else_text(text, arguments):
    assert import_path.parse(f"collections:deque:{text}")[1] == arguments


@pytest.mark.parametrize("path", ["", "Adam", "keras.optimizers.Adam", ":Adam", "os:"])
def test_what_is_no_import_path_is_shown_the_form(path):
    with pytest.raises(ValueError, match="MODULE:NAME") as error:
        import_path.parse(path)
    assert repr(path) in str(error.value)


@pytest.mark.parametrize("argument", ["1", "=1", "a b=1", "a"])
def test_what_is_no_argument_is_shown_the_form(argument):
    with pytest.raises(ValueError, match="expected key=value") as error:
        import_path.parse(f"collections:deque:maxlen=1,{argument}")
    assert repr(argument) in str(error.value)


@pytest.mark.parametrize("module", ["no_such_module", "collections.no_such", "..os"])
def test_a_module_that_is_not_there_is_named(module):
    with pytest.raises(ValueError, match=f"module {module} cannot be imported"):
        import_path.parse(f"{module}:Thing")


def test_a_name_that_the_module_lacks_is_named():
    with pytest.raises(ValueError, match="collections has no Dequeue"):
        import_path.parse("collections:Dequeue")


def test_the_users_own_module_is_found_in_the_working_folder(own_module):
    own_module("own_things", "def double(x):\n    return 2 * x\n")
    function, _ = import_path.parse("own_things:double")
    assert function(4) == 8


def test_a_file_of_the_working_folder_never_stands_in_for_a_package(own_module):
    own_module("imagecodecs", "raise RuntimeError('the wrong one')")
    import_path.parse("imagecodecs:png_decode")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_package", "No module named 'no_such_package'"),
        ("def f(:", "invalid syntax"),
        ("1 / 0", "division by zero"),
    ],
)
def test_a_module_that_fails_says_why(own_module, text, reason):
    own_module("own_failing", text)
    with pytest.raises(ValueError, match="own_failing cannot be imported") as error:
        import_path.parse("own_failing:thing")
    assert reason in str(error.value)
