import errno

import pytest
import tensorflow as tf

from pipelines.training.budget import Budget
from pipelines.training.validator import Validator
from pipelines.training.write_failures import written


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        # TensorBoard's files are TensorFlow's.
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_a_full_disk_is_one_sentence_with_the_way_out(error):
    words = (
        r"^run/logs cannot be written \(No space left on device\)\. Free some space "
        "and go on with --resume"
    )
    with pytest.raises(ValueError, match=words):
        with written("run/logs"):
            raise error


def test_a_disk_that_is_full_from_the_start_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left")

    monkeypatch.setattr(tf.summary, "create_file_writer", full)
    with pytest.raises(ValueError, match=r"logs cannot be written \(No space left\)"):
        Validator(Budget(0.1, 3, None), 1, None, None, tmp_path)


def test_other_errors_stay_what_they_are():
    with pytest.raises(KeyError):
        with written("run/logs"):
            raise KeyError("a")
