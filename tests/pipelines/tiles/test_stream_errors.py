import pytest
import tensorflow as tf

from pipelines.images.damage import UnreadableImage
from pipelines.tiles import stream_errors


def raised(function):
    """Returns the error of a stream that calls a Python function."""
    stream = tf.data.Dataset.range(1).map(
        lambda number: tf.numpy_function(function, [number], tf.int64)
    )
    with pytest.raises(tf.errors.OpError) as error:
        next(iter(stream))
    return error.value


@pytest.mark.parametrize("kind", [UnreadableImage, ValueError])
def test_the_words_of_a_reader_come_through(kind):
    def read(number):
        raise kind("a.png: it breaks off: at byte 3. Replace it.")

    found = stream_errors.readable(raised(read))
    assert isinstance(found, ValueError)
    assert str(found) == "a.png: it breaks off: at byte 3. Replace it."


def test_other_errors_stay_what_they_are():
    def read(number):
        raise RuntimeError("a fault of the program")

    error = raised(read)
    assert stream_errors.readable(error) is error
