import pytest
import tensorflow as tf

from pipelines.evaluation.output_files import UnwrittenScores, kept
from pipelines.scores.evaluation_result import Evaluation

SCORES = Evaluation([], None, None, 0.5, 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError("Unable to allocate"), "the machine has no memory left"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            "the machine has no memory left",
        ),
    ],
)
def test_an_error_in_writing_keeps_the_scores(error, reason):
    with pytest.raises(UnwrittenScores) as caught, kept(SCORES, "a.html"):
        raise error
    assert f"a.html: cannot be written ({reason})" in str(caught.value)
    assert caught.value.report is SCORES


def test_an_error_of_the_code_is_not_one_of_writing():
    with pytest.raises(TypeError), kept(SCORES, "a.html"):
        raise TypeError
