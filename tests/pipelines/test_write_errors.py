import errno

import pytest
import tensorflow as tf

from pipelines.write_errors import told_as


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "a.png"),
        OSError("No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_the_reason_is_that_of_the_system(error):
    with pytest.raises(ValueError, match="^lost: No space left on device$") as raised:
        with told_as(lambda reason: ValueError(f"lost: {reason}")):
            raise error
    assert raised.value.__cause__ is error


def test_other_errors_pass():
    with pytest.raises(KeyError), told_as(ValueError):
        raise KeyError
