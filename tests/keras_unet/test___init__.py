"""In a process of its own: the tests around have imported everything long ago."""

import subprocess
import sys

# Keras itself is loaded once, for that takes seconds: only its first module, whose end
# is waited for, is imported again with each of ours.
EACH_FIRST = """
import importlib, pkgutil, sys
import keras, wrapt, wrapt.importer
import keras_unet

names = [module.name for module in pkgutil.iter_modules(keras_unet.__path__)]
objects = keras.saving.get_custom_objects()
expected = {name for name in objects if name.startswith("keras_unet>")}
assert len(expected) > 10, expected
for name in names:
    objects.clear()
    # Older ones remember modules that are gone.
    wrapt.importer._post_import_hooks.clear()
    for loaded in [*sys.modules]:
        if loaded == "keras" or loaded.split(".")[0] == "keras_unet":
            del sys.modules[loaded]
    importlib.import_module(f"keras_unet.{name}")
    importlib.import_module("keras")
    assert expected <= set(objects), (name, expected - set(objects))
"""


def test_any_module_may_be_imported_first_and_all_objects_are_registered():
    done = subprocess.run(
        [sys.executable, "-c", EACH_FIRST], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
