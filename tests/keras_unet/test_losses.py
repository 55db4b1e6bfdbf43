import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import losses

LOSSES = {
    "soft_dice": lambda: losses.SoftDice(from_logits=True, smooth=0.5),
    "focal": lambda: losses.Focal(from_logits=True, alpha=0.5, gamma=1.0),
    "focal_of_weights": lambda: losses.Focal(
        from_logits=True, alpha=np.array([0.5, 2.0]), ignore_class=255
    ),
    "weighted": lambda: losses.WeightedBinaryCrossentropy(
        from_logits=True, positive_weight=3.0
    ),
    "sum": lambda: losses.SumOfLosses(
        [keras.losses.BinaryCrossentropy(from_logits=True), losses.SoftDice(True)],
        weights=[1.0, 0.25],
    ),
    "crossentropy_and_dice": lambda: losses.BinaryCrossentropyAndDice(
        from_logits=True, dice_weight=0.5
    ),
}
ALL = pytest.mark.parametrize("make_loss", LOSSES.values(), ids=LOSSES.keys())


def mask_of(*values, dtype="uint8"):
    """One image, one row."""
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def random_batch(batch=2, num_classes=1, seed=0):
    """Masks and logits of unlike height and width."""
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, max(2, num_classes), (batch, 4, 6, 1))
    y_pred = generator.normal(size=(batch, 4, 6, num_classes)).astype("float32")
    return y_true, y_pred


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, "float64")))


# Soft Dice.


@pytest.mark.parametrize("num_classes", [1, 3])
def test_soft_dice_of_logits_is_that_of_their_probabilities(num_classes):
    y_true, logits = random_batch(num_classes=num_classes)
    link = tf.sigmoid if num_classes == 1 else tf.nn.softmax
    np.testing.assert_allclose(
        losses.SoftDice(from_logits=True)(y_true, logits),
        losses.SoftDice()(y_true, link(logits)),
        rtol=1e-6,
    )


def test_soft_dice_of_a_right_empty_mask_is_0():
    loss = losses.SoftDice()(np.zeros((1, 4, 4, 1)), np.zeros((1, 4, 4, 1), "float32"))
    assert float(loss) == 0.0


def test_soft_dice_sums_large_half_precision_masks_without_overflow():
    y_pred = tf.fill([1, 512, 512, 1], tf.constant(0.5, tf.float16))
    # overlap n / 2, sums n / 2 and n, n = 512 * 512.
    expected = 1 - (512 * 512 + 1) / (1.5 * 512 * 512 + 1)
    loss = losses.SoftDice()(np.ones((1, 512, 512, 1), "uint8"), y_pred)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_a_weight_map_of_zeros_and_ones_cuts_pixels_out_of_soft_dice():
    y_true, logits = random_batch()
    weight = np.zeros((2, 4, 6), "float32")
    weight[:, :, :3] = 1
    loss = losses.SoftDice(from_logits=True)
    np.testing.assert_allclose(
        loss(y_true, logits, weight),
        loss(y_true[:, :, :3], logits[:, :, :3]),
        rtol=1e-6,
    )


def test_sample_weights_weigh_the_samples_of_soft_dice():
    y_true, logits = random_batch()
    loss = losses.SoftDice(from_logits=True)
    np.testing.assert_allclose(
        loss(y_true, logits, np.array([3.0, 0.0])),
        3 * loss(y_true[:1], logits[:1]) / 2,
        rtol=1e-6,
    )


# Focal.


def test_focal_without_focus_is_half_of_binary_crossentropy():
    y_true, logits = random_batch()
    focal = losses.Focal(from_logits=True, alpha=0.5, gamma=0.0)
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        focal(y_true, logits), crossentropy(y_true, logits) / 2, rtol=1e-6
    )


@pytest.mark.parametrize("num_classes", [1, 3])
def test_ignored_pixels_are_left_out_of_the_mean_of_focal(num_classes):
    y_true, logits = random_batch(num_classes=num_classes)
    y_true[:, :, 4:] = 255
    weight = np.random.default_rng(1).random((2, 4, 6)).astype("float32")
    loss = losses.Focal(from_logits=True, ignore_class=255)
    without = losses.Focal(from_logits=True)
    for weights, kept in (((), ()), ((weight,), (weight[:, :, :4],))):
        np.testing.assert_allclose(
            loss(y_true, logits, *weights),
            without(y_true[:, :, :4], logits[:, :, :4], *kept),
            rtol=1e-6,
        )
    assert float(loss(np.full_like(y_true, 255), logits)) == 0


def test_a_weight_map_and_weights_of_the_classes_multiply_focal():
    y_true, logits = random_batch(num_classes=3)
    alpha = np.array([0.5, 1.0, 2.0])
    weight = np.random.default_rng(1).random((2, 4, 6))
    values = losses.focal(y_true, logits, from_logits=True)
    np.testing.assert_allclose(
        losses.Focal(from_logits=True, alpha=alpha)(y_true, logits, weight),
        np.mean(values * weight * alpha[y_true[..., 0]]),
        rtol=1e-5,
    )


def test_focal_of_classes_computes_in_float32_whatever_comes():
    y_true, logits = random_batch(num_classes=3)
    # exp(100) is infinite in float16.
    logits = tf.cast(100 * logits, "float16")
    loss = losses.Focal(from_logits=True)(y_true, logits)
    assert loss.dtype == tf.float32
    expected = losses.Focal(from_logits=True)(y_true, tf.cast(logits, "float64"))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_net_of_three_classes_in_float16_learns_with_focal(jit_compile):
    model = tiny_model_of_logits(3, "mixed_float16")
    adam = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(0.05))
    loss = losses.Focal(from_logits=True, alpha=[1, 2, 3], ignore_class=255)
    model.compile(adam, loss, jit_compile=jit_compile)
    images = np.random.default_rng(0).random((4, 8, 12, 1), dtype="float32")
    masks = (3 * images).astype("uint8")
    # A batch without any.
    masks[:2] = 255
    weight = np.ones((4, 8, 12), "float32")
    tiles = tf.data.Dataset.from_tensor_slices((images, masks, weight)).batch(2)
    history = model.fit(tiles, epochs=5, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


# Cross-entropy.


@pytest.mark.parametrize("from_logits", [False, True])
def test_crossentropy_of_weight_1_is_that_of_keras(from_logits):
    y_true, y_pred = random_batch()
    y_pred = y_pred if from_logits else sigmoid(y_pred).astype("float32")
    np.testing.assert_allclose(
        losses.WeightedBinaryCrossentropy(from_logits)(y_true, y_pred),
        keras.losses.BinaryCrossentropy(from_logits)(y_true, y_pred),
        rtol=1e-5,
    )


def test_softmax_crossentropy_of_two_classes_is_bce_on_the_difference_of_logits():
    y_true, logits = random_batch(num_classes=2)
    np.testing.assert_allclose(
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y_true, logits),
        keras.losses.BinaryCrossentropy(from_logits=True)(
            y_true, logits[..., 1:] - logits[..., :1]
        ),
        rtol=1e-6,
    )


# Sums.


def test_crossentropy_and_dice_is_the_sum_of_both():
    y_true, logits = random_batch()
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)(y_true, logits)
    dice = losses.SoftDice(from_logits=True)(y_true, logits)
    loss = losses.BinaryCrossentropyAndDice(from_logits=True, dice_weight=0.5)
    np.testing.assert_allclose(
        loss(y_true, logits), crossentropy + 0.5 * dice, rtol=1e-6
    )


def test_a_sum_without_reduction_has_one_value_a_sample():
    y_true, logits = random_batch(batch=3)
    loss = losses.BinaryCrossentropyAndDice(from_logits=True, reduction="none")
    mean = losses.BinaryCrossentropyAndDice(from_logits=True)
    assert loss(y_true, logits).shape == (3,)
    np.testing.assert_allclose(
        loss(y_true, logits)[1], mean(y_true[1:2], logits[1:2]), rtol=1e-6
    )


# What holds for all.


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float64"])
@ALL
def test_any_mask_dtype_gives_the_same_float32_loss(make_loss, dtype):
    y_true, logits = random_batch()
    loss = make_loss()(y_true.astype(dtype), logits)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, make_loss()(y_true, logits), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
@ALL
def test_any_prediction_dtype_gives_a_float32_loss(make_loss, dtype):
    y_true, logits = random_batch()
    logits = tf.cast(logits, dtype)
    loss = make_loss()(y_true, logits)
    assert loss.dtype == tf.float32
    expected = make_loss()(y_true, tf.cast(logits, "float32"))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@ALL
def test_gradients_are_finite_at_large_logits(make_loss):
    logits = tf.constant([100.0, -100.0, 100.0, -100.0], shape=(1, 1, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = make_loss()(mask_of(1, 1, 0, 0), logits)
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, logits)).all()


@ALL
def test_sample_weights_choose_samples_also_when_the_image_is_as_wide(make_loss):
    # 6 samples, 6 columns: Keras alone would weigh the columns.
    y_true, logits = random_batch(batch=6)
    weight = np.array([6.0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(
        make_loss()(y_true, logits, weight),
        make_loss()(y_true[:1], logits[:1]),
        rtol=1e-5,
    )


@ALL
def test_weight_maps_may_have_a_channel(make_loss):
    y_true, logits = random_batch()
    weight = np.random.default_rng(1).random((2, 4, 6, 1))
    np.testing.assert_allclose(
        make_loss()(y_true, logits, weight),
        make_loss()(y_true, logits, weight[..., 0]),
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("true_shape", "pred_shape"),
    [
        ((4, 4, 4), (4, 4, 4, 1)),
        ((4, 4, 4, 1), (4, 4, 4)),
        ((1, 4, 4, 1), (4, 4, 4, 1)),
        ((4, 4, 4, 3), (4, 4, 4, 3)),
        ((4, 1, 4, 1), (4, 4, 4, 1)),
    ],
)
@ALL
def test_shapes_that_would_broadcast_are_refused_with_both(
    make_loss, true_shape, pred_shape
):
    with pytest.raises(ValueError) as error:
        make_loss()(np.zeros(true_shape), np.zeros(pred_shape, "float32"))
    assert str(true_shape) in str(error.value)
    assert str(pred_shape) in str(error.value)


@pytest.mark.parametrize(
    "loss", [losses.WeightedBinaryCrossentropy(), losses.BinaryCrossentropyAndDice()]
)
def test_losses_of_one_class_refuse_two_channels(loss):
    y_true, y_pred = random_batch(num_classes=2)
    with pytest.raises(ValueError, match=r"\(2, 4, 6, 2\).*num_classes=1"):
        loss(y_true, y_pred)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.SoftDice(smooth=0), "smooth.*above 0.*0"),
        (lambda: losses.Focal(alpha=1.5), "alpha.*1.5"),
        (lambda: losses.Focal(alpha="half"), "alpha.*'half'"),
        (lambda: losses.Focal(alpha=[1, -2, 3]), "alpha.*-2"),
        (lambda: losses.Focal(gamma=-1), "gamma.*-1"),
        (lambda: losses.Focal(gamma="two"), "gamma.*'two'"),
        (lambda: losses.WeightedBinaryCrossentropy(positive_weight=0), "above 0.*0"),
        (lambda: losses.WeightedBinaryCrossentropy(positive_weight=math.inf), "inf"),
        (lambda: losses.BinaryCrossentropyAndDice(dice_weight=-2), "dice_weight.*-2"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@ALL
def test_a_serialised_loss_comes_back_with_all_its_settings(make_loss):
    loss = make_loss()
    loss.reduction = "sum"
    restored = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert type(restored) is type(loss)
    assert restored.get_config() == loss.get_config()
    y_true, logits = random_batch()
    np.testing.assert_allclose(restored(y_true, logits), loss(y_true, logits))


def tiny_model_of_logits(num_classes=1, policy="mixed_bfloat16"):
    """As under mixed precision: features in 16 bits, logits in float32."""
    image = keras.Input((None, None, 1))
    features = keras.layers.Conv2D(
        4,
        3,
        padding="same",
        kernel_initializer=keras.initializers.GlorotUniform(seed=0),
        dtype=policy,
    )(image)
    logits = keras.layers.Conv2D(
        num_classes,
        1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1),
        dtype="float32",
    )(features)
    return keras.Model(image, logits)


@pytest.mark.parametrize(
    "function", [losses.soft_dice, losses.focal, losses.weighted_binary_crossentropy]
)
def test_a_model_with_a_function_as_its_loss_loads(function, tmp_path):
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Activation("sigmoid")(image))
    model.compile("sgd", function)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    y_true, y_pred = random_batch()
    found = loaded.evaluate(y_pred, y_true, verbose=0)
    assert found == pytest.approx(model.evaluate(y_pred, y_true, verbose=0))


@ALL
def test_a_model_learns_with_it_saves_and_loads(make_loss, tmp_path):
    model = tiny_model_of_logits()
    model.compile(keras.optimizers.Adam(0.05), make_loss())
    images = np.random.default_rng(0).random((4, 8, 12, 1), dtype="float32")
    masks = (images > 0.5).astype("uint8")
    weight = np.ones((4, 8, 12), "float32")
    history = model.fit(images, masks, 2, 4, sample_weight=weight, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert history.history["loss"][-1] < history.history["loss"][0]

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_allclose(
        loaded.evaluate(images, masks, verbose=0),
        model.evaluate(images, masks, verbose=0),
        rtol=1e-6,
    )
