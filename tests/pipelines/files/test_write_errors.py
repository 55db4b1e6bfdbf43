import errno
import subprocess
import sys

import pytest
import tensorflow as tf

from pipelines.files.write_errors import written


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "a.png"),
        OSError("No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_the_reason_is_that_of_the_system(error):
    words = r"^a cannot be written \(No space left on device\)\. Make room\.$"
    with pytest.raises(ValueError, match=words) as raised:
        with written("a", "Make room."):
            raise error
    assert raised.value.__cause__ is error


def test_other_errors_pass():
    with pytest.raises(KeyError), written("a", "Make room."):
        raise KeyError


def test_tensorflow_is_not_loaded_for_it():
    code = """
import sys
from pipelines.files.write_errors import written
try:
    with written("a", "Make room."):
        raise KeyError
except KeyError:
    sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
