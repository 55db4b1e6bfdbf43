import itertools
import subprocess
import sys

import pytest

import pipelines
from pipelines import cli

# Functions and classes for Python alone.
NO_VERBS = ("Predictor", "save_run")
# Imports every verb, then its module, in one order; a module of the verb's name would
# replace the verb by itself.
SCRIPT = """
import importlib, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import pipelines
verbs = sys.argv[1].split(",")
for verb in verbs:
    getattr(pipelines, verb)
for verb in verbs:
    importlib.import_module(getattr(pipelines, verb).__module__)
for verb in verbs:
    function = getattr(pipelines, verb)
    assert callable(function) and function.__name__ == verb, verb
"""


@pytest.mark.parametrize("backwards", [False, True])
def test_every_verb_imports_in_both_orders(backwards):
    verbs = sorted(pipelines.__all__, reverse=backwards)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, ",".join(verbs)], check=True
    )


def test_every_verb_is_a_command_and_a_function():
    assert {*cli.VERBS, *NO_VERBS} == set(pipelines.__all__)
    for verb, (config_class, _) in cli.VERBS.items():
        function = getattr(pipelines, verb)
        hints = list(function.__annotations__.values())
        assert hints[0] in (config_class, config_class.__name__)


def test_no_module_is_named_like_a_verb():
    modules = set(pipelines._MODULES.values())
    assert not [
        pair
        for pair in itertools.product(modules, pipelines.__all__)
        if pair[0] == pair[1]
    ]


def test_what_the_guides_name_is_there_after_import_pipelines():
    names = ("client", "config", "dataset", "scaling", "scores", "tiles")
    script = f"import pipelines; [getattr(pipelines, name) for name in {names}]"
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)
    assert {*names} < {*dir(pipelines)}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="forget"):
        _ = pipelines.forget
