import pytest
import tensorflow as tf

from pipelines.evaluation.unscored import Unscored, unscored_sentence
from pipelines.images.damage import UnreadableImage, too_large_for_memory


@pytest.fixture
def dataset(disc_set):
    return disc_set


def of_memory():
    error = too_large_for_memory("cell_1.png")
    error.__cause__ = MemoryError()
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
        of_memory(),
    ],
)
def test_an_image_that_is_too_large_is_to_be_cut(dataset, error):
    said = unscored_sentence(dataset, 1, error, ", or set scores to quick")
    assert "cell_1.png: the machine has no memory left to score it, 40 x 56" in said
    assert said.endswith("Cut image and mask into parts, or set scores to quick.")


def test_an_image_that_cannot_be_read_says_so_itself(dataset):
    error = UnreadableImage("cell_1: the file does not exist.")
    assert unscored_sentence(dataset, 1, error) == str(error)


def test_the_others_are_a_set_of_their_own(dataset, caplog):
    unscored = Unscored(dataset)
    unscored.add(3, MemoryError())
    names = [pair.image.key for pair in unscored.scored().pairs]
    assert names == ["cell_0", "cell_1", "cell_2", "cell_4"]
    assert "cell_3.png: the machine" in caplog.text
    error = unscored.error(None)
    assert str(error).startswith("1 of 5 files failed, the others are done: ")


def test_a_single_image_is_said_once(dataset, caplog):
    unscored = Unscored(dataset.subset([2]))
    unscored.add(0, MemoryError())
    assert not caplog.text
    assert str(unscored.error(None)) == unscored.sentences[0]
