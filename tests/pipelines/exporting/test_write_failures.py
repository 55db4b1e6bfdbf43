import errno
import pathlib

import pytest
import tensorflow as tf

from pipelines.exporting.write_failures import written_to


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", ".part-1/golden.json"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_a_full_disk_is_told_with_the_way_out(error):
    words = r"^served: .* \(No space left on device\). Nothing was published. Free"
    with pytest.raises(ValueError, match=words), written_to(pathlib.Path("served")):
        raise error


def test_other_errors_pass():
    with pytest.raises(KeyError), written_to(pathlib.Path("served")):
        raise KeyError
