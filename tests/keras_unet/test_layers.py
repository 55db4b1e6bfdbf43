import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import build_unet
from keras_unet.layers import InputSizeCheck, SeededDropout

# At depth 1 the paper net takes even sizes from 18 on, the padded one from 2 on.
PAPER, PADDED = InputSizeCheck(1, "paper"), InputSizeCheck(1, "padded")


def free(function, **options):
    signature = [tf.TensorSpec((None, None, None, 1))]
    return tf.function(function, input_signature=signature, **options)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layer", [PAPER, PADDED])
def test_images_of_legal_sizes_pass_unchanged(layer, compiled):
    image = np.random.default_rng(0).random((2, 20, 22, 1), dtype="float32")
    np.testing.assert_array_equal(layer(image), image)
    in_graph = free(layer, jit_compile=compiled)
    np.testing.assert_array_equal(in_graph(image), image)


def test_known_sizes_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"height=21 .*2k \+ 4.*nearest: 20 and 22\."):
        PAPER(np.zeros((1, 21, 20, 1), "float32"))
    with pytest.raises(ValueError, match=r"width=3 .*nearest: 2 and 4\."):
        PADDED(np.zeros((1, 4, 3, 1), "float32"))
    with pytest.raises(ValueError, match=r"width=3 .*nearest: 2 and 4\."):
        PADDED(keras.Input((None, 3, 1)))


def test_an_image_that_is_no_batch_is_refused_as_such():
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
        PADDED(np.zeros((16, 16, 1), "float32"))


@pytest.mark.parametrize(
    ("layer", "size", "nearest"),
    [(PAPER, 21, (20, 22)), (PAPER, 2, (18, 18)), (PADDED, 7, (6, 8))],
)
def test_sizes_known_only_in_the_graph_are_refused_with_the_same_words(
    layer, size, nearest
):
    for side, shape in (("height", (1, size, 20, 1)), ("width", (1, 20, size, 1))):
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            free(layer)(tf.zeros(shape))
        message = str(raised.value)
        assert f"{side} does not fit the {layer.variant} U-Net of depth 1" in message
        numbers = f"[{size}] [legal sizes are"
        assert numbers in message
        assert f"nearest:] [{nearest[0]}] [{nearest[1]}]" in message


def test_under_xla_side_size_and_legal_sizes_are_named():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        free(PAPER, jit_compile=True)(tf.zeros((1, 20, 21, 1)))
    message = str(raised.value)
    assert "width_does_not_fit.legal_sizes_are_18_20_22_and_every_2_more" in message
    assert "21" in message
    # Also the size in which a single number would have its place.
    with pytest.raises(tf.errors.InvalidArgumentError, match="height_does_not_fit"):
        free(PADDED, jit_compile=True)(tf.zeros((1, 1, 4, 1)))


def test_the_layer_is_rebuilt_from_its_config():
    config = InputSizeCheck(3, "paper", name="size_check").get_config()
    rebuilt = InputSizeCheck.from_config(config)
    assert (rebuilt.depth, rebuilt.variant, rebuilt.name) == (3, "paper", "size_check")
    registered = keras.saving.get_registered_object("keras_unet>InputSizeCheck")
    assert registered is InputSizeCheck


# Dropout.

# Keras reads its variables in a way that NumPy 2 asks it to change.
READS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
ONES = np.ones((4, 32, 32, 8), "float32")


def in_training(layer, inputs=ONES):
    return np.asarray(tf.cast(layer(inputs, training=True), tf.float32))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_its_share(rate):
    dropped = in_training(SeededDropout(rate, seed=1))
    # Four standard errors of a share of 32,768 numbers.
    error = 4 * (rate * (1 - rate) / ONES.size) ** 0.5
    assert abs((dropped == 0).mean() - rate) < error
    assert abs(dropped.mean() - 1) < error / (1 - rate)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-6)


def test_masks_depend_on_seed_and_step_only():
    layer, twin = SeededDropout(0.5, seed=1), SeededDropout(0.5, seed=1)
    first, second = in_training(layer), in_training(layer)
    assert layer.step == 2
    assert not np.array_equal(first, second)
    tf.random.set_seed(5)
    np.testing.assert_array_equal(in_training(twin), first)
    np.testing.assert_array_equal(in_training(twin), second)
    layer.step = 1
    np.testing.assert_array_equal(in_training(layer), second)
    assert not np.array_equal(in_training(SeededDropout(0.5, seed=2)), first)


def test_masks_are_the_same_in_a_graph():
    layer, twin = SeededDropout(0.5, seed=1), SeededDropout(0.5, seed=1)
    run = tf.function(lambda image: layer(image, training=True))
    for step in (1, 2, 3):
        np.testing.assert_array_equal(run(ONES), in_training(twin))
        assert layer.step == step


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_masks_are_the_same_in_mixed_precision(dtype):
    layer = SeededDropout(0.3, seed=1, dtype=dtype)
    assert layer(ONES, training=True).dtype == dtype.removeprefix("mixed_")
    layer.step = 0
    dropped = in_training(layer)
    expected = in_training(SeededDropout(0.3, seed=1))
    np.testing.assert_allclose(dropped, expected, rtol=2**-8)


def test_nothing_is_dropped_outside_training_or_at_rate_0():
    layer = SeededDropout(0.5)
    np.testing.assert_array_equal(layer(ONES), ONES)
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    np.testing.assert_array_equal(layer(ONES, training=tf.constant(False)), ONES)
    assert layer.step == 0
    assert (np.asarray(layer(ONES, training=tf.constant(True))) == 0).any()
    np.testing.assert_array_equal(in_training(SeededDropout(0)), ONES)


def test_gradients_pass_where_numbers_pass():
    layer, image = SeededDropout(0.5, seed=1), tf.Variable(ONES)
    with tf.GradientTape() as tape:
        dropped = layer(image, training=True)
    gradient = tape.gradient(dropped, image)
    np.testing.assert_array_equal(gradient, dropped)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=f"from 0 to below 1, got {rate}"):
        SeededDropout(rate)


def seeds(model):
    return [x.seed for x in model.layers if isinstance(x, SeededDropout)]


def tiny(**settings):
    return build_unet(base_filters=2, depth=1, activation=None, **settings)


@READS
def test_layers_draw_seeds_of_their_own_from_the_seed_of_keras(tmp_path):
    keras.utils.set_random_seed(7)
    model = tiny(dropout=0.5)
    keras.utils.set_random_seed(7)
    again = tiny(dropout=0.5)
    assert seeds(model) == seeds(again)
    assert len(set(seeds(model))) == 2
    assert seeds(tiny(dropout=0.5)) != seeds(model)
    model.save(tmp_path / "net.keras")
    assert seeds(keras.models.load_model(tmp_path / "net.keras")) == seeds(model)


@READS
def test_the_step_is_no_weight(tmp_path):
    model, without = tiny(dropout=0.5), tiny(dropout=0.0)
    assert model.count_params() == without.count_params()
    assert len(model.get_weights()) == len(without.get_weights())
    assert len(model.variables) == len(without.variables)
    model.save_weights(tmp_path / "net.weights.h5")
    without.load_weights(tmp_path / "net.weights.h5")
    np.testing.assert_array_equal(without(ONES[..., :1]), model(ONES[..., :1]))


@READS
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_step_is_counted_for_every_batch_of_fit_and_each_has_its_mask():
    image = keras.Input((32, 32, 8))
    model = keras.Model(image, SeededDropout(0.5, seed=1, name="drop")(image))
    # The mean absolute error to 0 of each mask is its mean.
    model.compile("sgd", "mae")
    history = model.fit(ONES, 0 * ONES, batch_size=2, epochs=2, verbose=0).history
    assert model.get_layer("drop").step == 4
    twin = SeededDropout(0.5, seed=1)
    means = [in_training(twin, ONES[:2]).mean() for _ in range(4)]
    expected = [np.mean(means[:2]), np.mean(means[2:])]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    assert expected[0] != expected[1]
    model.evaluate(ONES, ONES, verbose=0)
    model.predict(ONES, verbose=0)
    assert model.get_layer("drop").step == 4


@READS
def test_a_net_with_dropout_is_exported_for_inference(tmp_path):
    model = tiny(dropout=0.5)
    module = tf.Module()
    module.model = model
    signature = [tf.TensorSpec((None, None, None, 1))]
    module.serve = tf.function(
        lambda image: model(image, training=False), input_signature=signature
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serve": module.serve})
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(
        loaded.serve(ONES[..., :1]), model(ONES[..., :1]), atol=1e-6
    )
