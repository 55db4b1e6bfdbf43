import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import loss_functions, losses


def mask_of(*values, dtype="uint8"):
    """One image, one row."""
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def random_batch(num_classes=1):
    """Masks and logits of unlike height and width."""
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, max(2, num_classes), (2, 4, 6, 1))
    y_pred = generator.normal(size=(2, 4, 6, num_classes)).astype("float32")
    return y_true, y_pred


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, "float64")))


def test_soft_dice_has_the_value_worked_out_by_hand():
    # overlap 0.75 + 0.5, sums 1.5 and 2: 1 - (2.5 + 1) / (3.5 + 1).
    loss = loss_functions.soft_dice(
        mask_of(1, 1, 0), mask_of(0.75, 0.5, 0.25, dtype="f4")
    )
    np.testing.assert_allclose(loss, [1 - 3.5 / 4.5], rtol=1e-6)


def test_soft_dice_of_more_classes_is_the_mean_over_classes():
    y_pred = np.array([[[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]]], "float32")
    # class 0: 1 - (2 * 0.5 + 1) / (0.5 + 1 + 1); class 1: 1 - (2 + 1) / (1.25 + 1 + 1);
    # class 2, which is not there: 1 - 1 / (0.25 + 1).
    expected = ((1 - 2 / 2.5) + (1 - 3 / 3.25) + (1 - 1 / 1.25)) / 3
    loss = loss_functions.soft_dice(mask_of(0, 1), y_pred)
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_focal_has_the_value_worked_out_by_hand():
    loss = loss_functions.focal(mask_of(1, 0), mask_of(0.75, 0.25, dtype="f4"))
    # p_t is 0.75 twice; (1 - p_t)**2 is 1 / 16.
    expected = [0.25 / 16 * -math.log(0.75), 0.75 / 16 * -math.log(0.75)]
    np.testing.assert_allclose(np.ravel(loss), expected, rtol=1e-5)


def test_focal_of_three_classes_has_the_value_worked_out_by_hand():
    y_pred = np.array([[[[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]]], "float32")
    loss = loss_functions.focal(mask_of(1, 2), y_pred, alpha=[1, 3, 9])
    # (1 - 0.25)**2 is 9 / 16; the second pixel is right.
    expected = [3 * 9 / 16 * math.log(4), 0]
    np.testing.assert_allclose(np.ravel(loss), expected, rtol=1e-5, atol=1e-6)
    # Without weights of the classes.
    loss = loss_functions.focal(mask_of(1, 2), y_pred, gamma=1.0)
    expected = [3 / 4 * math.log(4), 0]
    np.testing.assert_allclose(np.ravel(loss), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, (0.1, 0.5, 2.0, 1.0)])
def test_focal_of_more_classes_is_equation_5_on_their_softmax(
    alpha, gamma, from_logits
):
    y_true, logits = random_batch(4)
    exponents = np.exp(logits.astype("float64"))
    probability = exponents / exponents.sum(axis=-1, keepdims=True)
    p_t = np.take_along_axis(probability, y_true, axis=-1)[..., 0]
    alpha_t = 1.0 if alpha is None else np.array(alpha)[y_true[..., 0]]
    expected = -alpha_t * (1 - p_t) ** gamma * np.log(p_t)
    y_pred = logits if from_logits else probability
    found = loss_functions.focal(y_true, y_pred, from_logits, alpha, gamma)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_focal_of_more_classes_is_that_of_keras_on_one_hot_masks():
    y_true, logits = random_batch(3)
    theirs = keras.losses.CategoricalFocalCrossentropy(
        alpha=[0.2, 1.0, 3.0], gamma=1.5, from_logits=True, reduction="none"
    )
    found = loss_functions.focal(
        y_true, logits, from_logits=True, alpha=[0.2, 1.0, 3.0], gamma=1.5
    )
    one_hot = np.eye(3, dtype="float32")[y_true[..., 0]]
    np.testing.assert_allclose(found, theirs(one_hot, logits), rtol=1e-5)


@pytest.mark.parametrize("alpha", [None, 0.4, (0.6, 0.4)])
def test_focal_of_two_classes_is_that_of_one_on_the_difference_of_logits(alpha):
    y_true, logits = random_batch(2)
    difference = logits[..., 1:] - logits[..., :1]
    np.testing.assert_allclose(
        loss_functions.focal(y_true, logits, True, alpha),
        loss_functions.focal(y_true, difference, True, alpha),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("alpha", "num_classes", "words"),
    [
        (0.25, 3, r"3 weights.*\(2, 4, 6, 3\), got 0.25.*without alpha"),
        ([1.0, 2.0], 3, r"3 weights.*got \[1.0, 2.0\]"),
        ([1.0, 2.0, 3.0], 1, r"2 weights.*\(2, 4, 6, 1\), got \[1.0"),
        ([[1.0, 2.0]], 2, r"2 weights.*got \[\[1.0"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(alpha, num_classes, words):
    y_true, logits = random_batch(num_classes)
    with pytest.raises(ValueError, match=words):
        loss_functions.focal(y_true, logits, True, alpha)


@pytest.mark.parametrize("wrong", [-1, 3, 255])
def test_focal_of_ids_that_are_of_no_class_is_no_number(wrong):
    y_true, logits = mask_of(0, wrong, dtype="int32"), np.zeros((1, 1, 2, 3), "f4")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"not in \[0, 3\)"):
        loss_functions.focal(y_true, logits, from_logits=True)
    # XLA leaves the check out.
    compiled = tf.function(loss_functions.focal, jit_compile=True)
    found = np.ravel(compiled(tf.constant(y_true), tf.constant(logits), True))
    assert np.isfinite(found).tolist() == [True, False]


@pytest.mark.parametrize("num_classes", [1, 2, 3])
def test_focal_of_ignored_pixels_is_0_and_so_is_its_gradient(num_classes):
    y_true, logits = random_batch(num_classes)
    y_true[:, :, 4:] = 255
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = loss_functions.focal(y_true, logits, True, ignore_class=255)
    without = loss_functions.focal(y_true[:, :, :4], logits[:, :, :4], True)
    np.testing.assert_allclose(found[:, :, :4], without, rtol=1e-6)
    assert not np.any(found[:, :, 4:])
    gradient = np.asarray(tape.gradient(found, logits))
    assert np.all(gradient[:, :, :4] != 0) and not np.any(gradient[:, :, 4:])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_of_three_classes_has_finite_gradients_at_large_logits(gamma):
    logits = tf.constant([[1e4, 0, -1e4], [-1e4, 0, 1e4]], shape=(1, 1, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = loss_functions.focal(mask_of(0, 0), logits, True, gamma=gamma)
    np.testing.assert_allclose(np.ravel(loss), [0, 2e4], rtol=1e-6)
    gradient = np.ravel(tape.gradient(loss, logits))
    np.testing.assert_allclose(gradient, [0, 0, 0, -1, 0, 1], atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_finite_gradients_at_large_logits(gamma):
    y_true = mask_of(1, 1, 0, 0)
    logits = tf.constant([100.0, -100.0, 100.0, -100.0], shape=(1, 1, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = loss_functions.focal(y_true, logits, from_logits=True, gamma=gamma)
    np.testing.assert_allclose(np.ravel(loss), [0, 25, 75, 0], atol=1e-6)
    gradient = np.ravel(tape.gradient(loss, logits))
    np.testing.assert_allclose(gradient, [0, -0.25, 0.75, 0], atol=1e-6)


def test_focal_has_finite_gradients_at_probabilities_0_and_1():
    y_pred = tf.constant([0.0, 1.0, 0.0, 1.0], shape=(1, 1, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = loss_functions.focal(mask_of(1, 1, 0, 0), y_pred)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, y_pred)).all()
    y_pred = tf.constant([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], shape=(1, 1, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = loss_functions.focal(mask_of(0, 1), y_pred)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, y_pred)).all()


# The package warns of its own end of life when it is imported.
@pytest.mark.filterwarnings("ignore::UserWarning:tensorflow_addons")
@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_is_that_of_tensorflow_addons(from_logits):
    addons = pytest.importorskip(
        "tensorflow_addons", reason="TensorFlow Addons is on the addons stack only"
    )
    y_true, y_pred = random_batch()
    y_pred = y_pred if from_logits else sigmoid(y_pred).astype("float32")
    theirs = addons.losses.SigmoidFocalCrossEntropy(from_logits, alpha=0.3, gamma=1.5)
    np.testing.assert_allclose(
        loss_functions.focal(y_true, y_pred, from_logits, alpha=0.3, gamma=1.5),
        theirs(y_true.astype("float32"), y_pred),
        rtol=1e-4,
        atol=1e-7,
    )


def test_weighted_crossentropy_has_the_value_worked_out_by_hand():
    loss = loss_functions.weighted_binary_crossentropy(
        mask_of(1, 0), mask_of(0.25, 0.25, dtype="f4"), positive_weight=4.0
    )
    expected = [4 * math.log(4), math.log(4 / 3)]
    np.testing.assert_allclose(np.ravel(loss), expected, rtol=1e-5)


@pytest.mark.parametrize("weight", [2, 5])
def test_a_pixel_of_whole_weight_counts_that_often_in_soft_dice(weight):
    y_true, y_pred = mask_of(1, 0), mask_of(0.75, 0.5, dtype="f4")
    often = ([1] * weight + [0], [0.75] * weight + [0.5])
    np.testing.assert_allclose(
        loss_functions.soft_dice(
            y_true, y_pred, pixel_weight=np.array([[[weight, 1.0]]])
        ),
        loss_functions.soft_dice(mask_of(*often[0]), mask_of(*often[1], dtype="f4")),
        rtol=1e-6,
    )


@pytest.mark.parametrize("num_classes", [1, 3])
def test_tversky_weighs_what_is_too_much_and_what_is_missed(num_classes):
    y_true, logits = random_batch(num_classes)
    both = {"alpha": 0.5, "beta": 0.5, "smooth": 0.5, "from_logits": True}
    np.testing.assert_allclose(
        loss_functions.tversky(y_true, logits, **both),
        loss_functions.soft_dice(y_true, logits, from_logits=True),
        rtol=1e-5,
    )
    # TP 0.5, FP 0.25, FN 0.5.
    loss = loss_functions.tversky(
        mask_of(1, 0), mask_of(0.5, 0.25, dtype="f4"), alpha=0.2, beta=0.8
    )
    np.testing.assert_allclose(loss, [1 - 1.5 / (0.5 + 0.05 + 0.4 + 1)], rtol=1e-6)


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("function", ["soft_dice", "tversky"])
def test_ignored_pixels_change_no_sum(function, num_classes):
    function = getattr(loss_functions, function)
    y_true, logits = random_batch(num_classes)
    y_true[:, :, 4:] = 255
    found = function(y_true, logits, from_logits=True, ignore_class=255)
    without = function(y_true[:, :, :4], logits[:, :, :4], from_logits=True)
    np.testing.assert_allclose(found, without, rtol=1e-6)


@pytest.mark.parametrize("loss", [losses.Focal(gamma=0.0), losses.Focal()])
def test_sure_mistakes_have_a_gradient_behind_a_sigmoid_of_keras(loss):
    # A sigmoid of 40 is 1 by rounding, and has no gradient of its own.
    image = keras.Input((1, 2, 1))
    kernel = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")
    end = keras.layers.Activation("sigmoid")
    model = keras.Model(image, end(kernel(image)))
    logits = tf.constant([40.0, -40.0], shape=(1, 1, 2, 1))
    y_true = mask_of(0, 1)
    with tf.GradientTape() as tape:
        value = loss(y_true, model(logits))
    found = tape.gradient(value, model.trainable_weights[0])
    factor = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        expected = type(loss)(**loss.settings | {"from_logits": True})(
            y_true, logits * factor
        )
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert float(tape.gradient(expected, factor)) > 1
    np.testing.assert_allclose(np.ravel(found), tape.gradient(expected, factor), 1e-6)


def test_sure_mistakes_have_a_gradient_behind_a_softmax_of_keras():
    # Softmax puts the true class at 0 by rounding.
    image = keras.Input((1, 1, 3))
    scale = keras.layers.Conv2D(3, 1, use_bias=False, kernel_initializer="ones")
    model = keras.Model(image, keras.layers.Activation("softmax")(scale(image)))
    model.set_weights([np.eye(3, dtype="float32").reshape(1, 1, 3, 3)])
    logits = tf.constant([200.0, 0.0, 0.0], shape=(1, 1, 1, 3))
    with tf.GradientTape() as tape:
        value = losses.Focal()(mask_of(1), model(logits))
    assert float(value) == pytest.approx(200, rel=1e-6)
    gradient = np.asarray(tape.gradient(value, model.trainable_weights[0]))
    # From the first channel to the scores of the classes.
    np.testing.assert_allclose(gradient[0, 0, 0], [200, -200, 0], atol=1e-4)


@pytest.mark.parametrize(
    "loss",
    [losses.SoftDice, losses.Tversky, losses.Focal, losses.BinaryCrossentropyAndDice],
)
def test_probabilities_of_keras_are_not_taken_for_logits(loss):
    image = keras.Input((4, 6, 1))
    model = keras.Model(image, keras.layers.Activation("sigmoid")(image))
    y_true, logits = random_batch()
    with pytest.raises(ValueError, match="Leave from_logits out, or end the net"):
        loss(from_logits=True)(y_true, model(logits))
    model.compile("sgd", loss(from_logits=True))
    with pytest.raises(ValueError, match=r"build_unet\(activation=None\)"):
        model.fit(logits, y_true, verbose=0)


@pytest.mark.parametrize(
    "function",
    [loss_functions.focal, loss_functions.weighted_binary_crossentropy],
)
def test_values_of_a_pixel_do_not_depend_on_other_pixels(function):
    y_true, y_pred = random_batch()
    values = function(y_true, y_pred, from_logits=True)
    assert values.shape == (2, 4, 6)
    one = function(y_true[1:, 2:3, 3:4], y_pred[1:, 2:3, 3:4], from_logits=True)
    np.testing.assert_allclose(values[1, 2, 3], one[0, 0, 0], rtol=1e-6)
