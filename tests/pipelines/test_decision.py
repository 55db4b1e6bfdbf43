import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from pipelines import decision


def test_one_logit_becomes_a_sigmoid(random):
    logits = random.normal(0, 3, (4, 5, 1)).astype(np.float32)
    probability = decision.probability_from_logits(logits)
    np.testing.assert_allclose(probability, scipy.special.expit(logits), atol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_several_logits_become_a_softmax(random, num_classes):
    logits = random.normal(0, 3, (4, 5, num_classes)).astype(np.float32)
    probability = decision.probability_from_logits(logits)
    expected = scipy.special.softmax(logits, axis=-1)
    np.testing.assert_allclose(probability, expected, atol=1e-6)


def test_probabilities_are_float32_also_of_short_logits():
    logits = tf.zeros((2, 2, 1), tf.bfloat16)
    assert decision.probability_from_logits(logits).dtype == tf.float32


def test_the_foreground_is_the_last_of_one_or_two_channels():
    one = decision.foreground_probability(tf.constant([[0.2]]))
    two = decision.foreground_probability(tf.constant([[0.7, 0.3]]))
    np.testing.assert_allclose(np.concatenate([one, two]), [0.2, 0.3])


@pytest.mark.parametrize("other", [[], [0.5]])
def test_a_pixel_is_foreground_when_its_probability_exceeds_the_threshold(other):
    probability = tf.constant([[*other, p] for p in (0.29, 0.3, 0.31)])
    mask = decision.mask_from_probability(probability, 0.3)
    assert mask.dtype == tf.uint8
    np.testing.assert_array_equal(mask, [0, 0, 255])


def test_from_three_classes_on_the_most_probable_is_taken_without_a_threshold():
    probability = tf.constant([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    mask = decision.mask_from_probability(probability, None)
    assert mask.dtype == tf.uint8
    np.testing.assert_array_equal(mask, [0, 2, 1])


def test_sureness_is_the_least_distance_to_another_mask():
    binary = np.array([[0.9], [0.45], [0.1]])
    assert decision.sureness(binary, 0.5) == pytest.approx(0.05)
    assert decision.sureness(np.array([[0.3, 0.7], [0.8, 0.2]]), 0.5) == pytest.approx(
        0.2
    )
    # 0.5 and 0.4 become equal when each changes by 0.05.
    classes = np.array([[0.1, 0.4, 0.5], [0.0, 0.9, 0.1]])
    assert decision.sureness(classes, None) == pytest.approx(0.05)
