import itertools
import subprocess
import sys

import pytest

import pipelines
from pipelines import cli

# Functions and classes for Python alone.
NO_VERBS = ("Predictor", "save_run")
# What the guides name beside the verbs.
MODULES = ("client", "config", "dataset", "scaling", "scores", "tiles")
# Imports every verb, then its module, in both orders; a module of the verb's name would
# replace the verb by itself. TensorFlow is loaded once, for that takes seconds; modules
# of pipelines are forgotten in between.
SCRIPT = """
import importlib, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
verbs, modules = (words.split(",") for words in sys.argv[1:])

def fresh():
    for name in list(sys.modules):
        if name.split(".")[0] == "pipelines":
            del sys.modules[name]
    return importlib.import_module("pipelines")

package = fresh()
for name in modules:
    getattr(package, name)
for order in (verbs, verbs[::-1]):
    package = fresh()
    for verb in order:
        getattr(package, verb)
    for verb in order:
        importlib.import_module(getattr(package, verb).__module__)
    for verb in order:
        function = getattr(package, verb)
        assert callable(function) and function.__name__ == verb, verb
"""


def test_every_verb_imports_in_both_orders_and_what_the_guides_name_by_itself():
    words = [",".join(names) for names in (sorted(pipelines.__all__), MODULES)]
    subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT, *words], check=True)
    assert {*MODULES} < {*dir(pipelines)}


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


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="forget"):
        _ = pipelines.forget
