import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import build_unet
from keras_unet.layers import SeededDropout

# The paper's figure 1: what each layer puts out, (height, width, channels).
PAPER_FEATURE_MAPS = {
    "image": [(572, 572, 1)],
    "encoder_0": [(570, 570, 64), (568, 568, 64), (284, 284, 64)],
    "encoder_1": [(282, 282, 128), (280, 280, 128), (140, 140, 128)],
    "encoder_2": [(138, 138, 256), (136, 136, 256), (68, 68, 256)],
    "encoder_3": [(66, 66, 512), (64, 64, 512), (32, 32, 512)],
    "bottleneck": [(30, 30, 1024), (28, 28, 1024)],
    "decoder_3": [(56, 56, 512), (56, 56, 1024), (54, 54, 512), (52, 52, 512)],
    "decoder_2": [(104, 104, 256), (104, 104, 512), (102, 102, 256), (100, 100, 256)],
    "decoder_1": [(200, 200, 128), (200, 200, 256), (198, 198, 128), (196, 196, 128)],
    "decoder_0": [(392, 392, 64), (392, 392, 128), (390, 390, 64), (388, 388, 64)],
    "logits": [(388, 388, 2)],
}
# Keras reads its variables in a way that NumPy 2 asks it to change.
reads_weights = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
LAYERS = {
    "image": [""],
    "encoder": ["_relu_0", "_relu_1", "_pool"],
    "bottleneck": ["_relu_0", "_relu_1"],
    "decoder": ["_upsample", "_join", "_relu_0", "_relu_1"],
    "logits": [""],
}
CROPS = {"decoder_3": 4, "decoder_2": 16, "decoder_1": 40, "decoder_0": 88}


@pytest.fixture(scope="module")
def paper():
    keras.utils.set_random_seed(0)
    return build_unet("paper")


def tiny(variant, **settings):
    """A model of depth 1 with free sides and its least input size."""
    settings = {"base_filters": 2, "depth": 1} | settings
    channels = settings.pop("channels", 1)
    model = build_unet(variant, (None, None, channels), **settings)
    return model, 18 if variant == "paper" else 2


def output_of(model, name):
    return model.get_layer(name).output


# The paper's network.


@pytest.mark.parametrize("stage", PAPER_FEATURE_MAPS)
def test_feature_maps_are_those_of_the_paper(paper, stage):
    layers = [stage + suffix for suffix in LAYERS[stage.split("_")[0]]]
    shapes = [tuple(output_of(paper, layer).shape) for layer in layers]
    assert shapes == [(None, *shape) for shape in PAPER_FEATURE_MAPS[stage]]


@pytest.mark.parametrize("stage", CROPS)
def test_skips_are_cropped_as_in_the_paper(paper, stage):
    crop = CROPS[stage]
    layer = paper.get_layer(f"{stage}_crop")
    assert layer.cropping == ((crop, crop), (crop, crop))
    level = stage[-1]
    expected = paper.get_layer(f"encoder_{level}_conv_1").output.shape[1] - 2 * crop
    assert layer.output.shape[1] == expected


def test_the_paper_net_has_31_030_658_parameters_all_of_them_trained(paper):
    assert paper.count_params() == 31_030_658
    assert sum(np.prod(w.shape) for w in paper.trainable_weights) == 31_030_658


def test_convolutions_are_3x3_without_padding_and_feed_a_relu(paper):
    convolutions = [x for x in paper.layers if "_conv_" in x.name]
    assert len(convolutions) == 18
    for layer in convolutions:
        assert layer.kernel_size == (3, 3)
        assert layer.padding == "valid"
        relu = paper.get_layer(layer.name.replace("conv", "relu"))
        assert isinstance(relu, keras.layers.ReLU)
        assert relu.input is layer.output


def test_pools_are_2x2_maxima(paper):
    for level in range(4):
        pool = paper.get_layer(f"encoder_{level}_pool")
        assert isinstance(pool, keras.layers.MaxPooling2D)
        assert pool.pool_size == pool.strides == (2, 2)


def test_up_convolutions_are_2x2_with_stride_2_and_halve_the_channels(paper):
    for level in range(4):
        layer = paper.get_layer(f"decoder_{level}_upsample")
        assert isinstance(layer, keras.layers.Conv2DTranspose)
        assert layer.kernel_size == layer.strides == (2, 2)
        assert layer.output.shape[-1] == layer.input.shape[-1] // 2


@reads_weights
def test_kernels_start_normal_with_the_variance_of_two_over_the_fan_in(paper):
    checked = 0
    for layer in paper.layers:
        if not layer.weights or layer.name == "logits":
            continue
        kernel, bias = layer.get_weights()
        transposed = isinstance(layer, keras.layers.Conv2DTranspose)
        # (height, width, in, out), or (height, width, out, in) if transposed, where
        # each output pixel sees one pixel.
        fan_in = kernel.shape[3] if transposed else np.prod(kernel.shape[:3])
        # Four standard errors of a sample's s.d.
        tolerance = 4 / np.sqrt(2 * kernel.size)
        assert kernel.std() == pytest.approx(np.sqrt(2 / fan_in), rel=tolerance)
        assert abs(kernel.mean()) < 6 * kernel.std() / kernel.size**0.5
        assert not bias.any()
        checked += 1
    assert checked == 22


def test_dropout_of_a_half_ends_the_contracting_path_and_stands_nowhere_else(paper):
    dropouts = [x for x in paper.layers if isinstance(x, SeededDropout)]
    names = [layer.name for layer in dropouts]
    assert sorted(names) == ["bottleneck_dropout", "encoder_3_dropout"]
    assert [layer.rate for layer in dropouts] == [0.5, 0.5]
    last, bottom = "encoder_3_dropout", "bottleneck_dropout"
    assert paper.get_layer(last).input is output_of(paper, "encoder_3_relu_1")
    assert paper.get_layer("encoder_3_pool").input is output_of(paper, last)
    assert paper.get_layer("decoder_3_crop").input is output_of(paper, last)
    assert paper.get_layer(bottom).input is output_of(paper, "bottleneck_relu_1")
    assert paper.get_layer("decoder_3_upsample").input is output_of(paper, bottom)


def test_logits_are_linear_and_feed_the_probability(paper):
    logits, probability = paper.get_layer("logits"), paper.get_layer("probability")
    assert logits.kernel_size == (1, 1)
    assert logits.activation is keras.activations.linear
    assert logits.input is output_of(paper, "decoder_0_relu_1")
    assert probability.input is logits.output
    assert probability.activation is keras.activations.softmax


# The padded network.


def test_the_padded_net_normalises_between_convolution_without_bias_and_relu():
    model, _ = tiny("padded", depth=2)
    convolutions = [x for x in model.layers if "_conv_" in x.name]
    assert len(convolutions) == 10
    for layer in convolutions:
        assert layer.padding == "same"
        assert not layer.use_bias
        norm = model.get_layer(layer.name.replace("conv", "norm"))
        assert isinstance(norm, keras.layers.BatchNormalization)
        assert norm.input is layer.output
        relu = model.get_layer(layer.name.replace("conv", "relu"))
        assert relu.input is norm.output
    assert not any(isinstance(x, SeededDropout) for x in model.layers)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 20), (36, 12)])
def test_the_padded_net_puts_out_as_many_pixels_as_it_takes(height, width):
    model, _ = tiny("padded", depth=2)
    assert model(tf.zeros((1, height, width, 1))).shape == (1, height, width, 1)


def test_by_default_the_padded_net_takes_any_size_and_ends_in_a_sigmoid():
    model = build_unet(base_filters=1)
    assert model.input_shape == (None, None, None, 1)
    assert model.output_shape == (None, None, None, 1)
    assert model.get_layer("probability").activation is keras.activations.sigmoid


# Both.


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("variant", ["paper", "padded"])
def test_depths_from_1_to_6_are_built_with_their_default_sizes(variant, depth):
    model = build_unet(variant, base_filters=1, depth=depth)
    assert sum("_pool" in layer.name for layer in model.layers) == depth
    bottleneck = model.get_layer("bottleneck_conv_1")
    assert bottleneck.filters == 2**depth
    if variant == "paper":
        height, width = model.input_shape[1:3]
        lost = 12 * 2**depth - 8
        assert model.output_shape[1:] == (height - lost, width - lost, 2)
        assert height >= 572


def test_a_padded_net_of_depth_6_runs_on_64_pixels():
    model = build_unet("padded", (64, 64, 1), base_filters=1, depth=6)
    assert model(tf.zeros((1, 64, 64, 1))).shape == (1, 64, 64, 1)


@pytest.mark.parametrize("variant", ["paper", "padded"])
def test_filters_channels_and_classes_are_the_users(variant):
    model, size = tiny(variant, base_filters=3, channels=4, num_classes=5)
    assert model.get_layer("encoder_0_conv_0").filters == 3
    assert model.get_layer("bottleneck_conv_0").filters == 6
    probability = model(np.random.default_rng(0).random((2, size, size + 2, 4)))
    assert probability.shape[-1] == 5
    np.testing.assert_allclose(np.sum(probability, axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("variant", ["paper", "padded"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_normalisation_and_dropout_can_be_chosen(variant, batch_norm, dropout):
    model, _ = tiny(variant, batch_norm=batch_norm, dropout=dropout)
    norms = [x for x in model.layers if "norm" in x.name]
    rates = [x.rate for x in model.layers if "dropout" in x.name]
    assert len(norms) == (6 if batch_norm else 0)
    assert rates == ([dropout, dropout] if dropout else [])


def test_without_activation_the_net_ends_in_its_logits():
    model, _ = tiny("padded", activation=None)
    assert model.layers[-1].name == "logits"
    assert "probability" not in [layer.name for layer in model.layers]


def test_a_named_activation_ends_the_net():
    model, _ = tiny("padded", num_classes=3, activation="sigmoid")
    assert model.layers[-1].name == "probability"
    assert model.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize("activation", ["auto", None])
@pytest.mark.parametrize("variant", ["paper", "padded"])
def test_the_head_stays_float32_under_mixed_precision(variant, activation):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model, size = tiny(variant, activation=activation)
        output = model(tf.zeros((1, size, size, 1)))
        assert model.get_layer("encoder_0_conv_0").compute_dtype == "bfloat16"
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert model.get_layer("logits").compute_dtype == "float32"
    assert output.dtype == tf.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "papier"}, "paper, padded, got 'papier'"),
        ({"variant": (64, 64, 3)}, r"variant.* by its name: input_shape=\(64, 64, 3\)"),
        ({"activation": keras.activations.softmax}, "is 1 at every pixel"),
        ({"depth": 0}, "1 to 6, got 0"),
        ({"depth": 7}, "1 to 6, got 7"),
        ({"base_filters": 0}, "base_filters .* at least 1, got 0"),
        ({"num_classes": 1.5}, "num_classes .* got 1.5"),
        ({"dropout": 1.0}, "0 to below 1, got 1.0"),
        ({"input_shape": (64, 64)}, r"channels.* got \(64, 64\)"),
        ({"input_shape": 256}, "input_shape must be .* got 256"),
        ({"input_shape": (64.0, 64, 1)}, "height in input_shape .* got 64.0"),
        ({"batch_norm": "instance"}, "batch_norm .* got 'instance'"),
        ({"dropout": "0.5"}, "dropout .* got '0.5'"),
        ({"activation": "softmax"}, "is 1 at every pixel: take 'sigmoid', or"),
        ({"input_shape": (64, 64, 0)}, "channels in input_shape .* got 0"),
    ],
)
def test_arguments_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        build_unet(**settings)


# Sizes that do not fit.


def test_a_fixed_size_that_does_not_fit_is_refused_when_built():
    with pytest.raises(ValueError, match=r"height=570 .*16k \+ 60.* 556 and 572\."):
        build_unet("paper", (570, 572, 1))
    with pytest.raises(ValueError, match=r"width=50 .*nearest: 48 and 64\."):
        build_unet("padded", (None, 50, 3))


# At depth 1: paper 18, 20, 22, ...; padded 2, 4, 6, ...
@pytest.mark.parametrize("variant", ["paper", "padded"])
@pytest.mark.parametrize("call", ["eager", "predict"])
def test_a_free_size_that_does_not_fit_is_refused_when_called(variant, call):
    model, _ = tiny(variant, base_filters=1)
    image = np.zeros((1, 20, 25, 1), "float32")
    run = model if call == "eager" else lambda x: model.predict(x, verbose=0)
    with pytest.raises(ValueError, match=r"width=25 .*nearest: 24 and 26\.") as raised:
        run(image)
    assert "ConcatOp" not in str(raised.value)


@pytest.mark.parametrize("variant", ["paper", "padded"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_size_unknown_to_the_graph_is_refused_in_the_nets_words(variant, compiled):
    model, _ = tiny(variant, base_filters=1)
    signature = [tf.TensorSpec((None, None, None, 1))]
    in_graph = tf.function(model, input_signature=signature, jit_compile=compiled)
    assert in_graph(tf.zeros((1, 20, 22, 1))).shape[0] == 1
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        in_graph(tf.zeros((1, 25, 20, 1)))
    message = str(raised.value)
    # XLA takes no message of ours, only the name of an operation.
    assert ("height_does_not_fit" if compiled else "height does not fit") in message
    assert "25" in message
    assert "legal" in message
    assert "oncat" not in message


# Keras compiles steps so by itself where there is one GPU.
@pytest.mark.parametrize(
    ("variant", "size", "kept"), [("paper", 20, 4), ("padded", 16, 16)]
)
def test_a_step_that_xla_compiles_learns_the_same(random, variant, size, kept):
    images = random.normal(size=(2, size, size, 1)).astype("float32")
    masks = random.integers(0, 2, (2, kept, kept, 1)).astype("float32")

    def after_a_step(compiled):
        keras.utils.set_random_seed(0)
        # XLA draws other masks of dropout.
        model, _ = tiny(variant, num_classes=1, dropout=0)
        before = model.get_weights()
        sgd = keras.optimizers.SGD(0.1)
        model.compile(sgd, "binary_crossentropy", jit_compile=compiled)
        loss = model.train_on_batch(images, masks)
        assert not np.array_equal(model.get_weights()[0], before[0])
        return [np.asarray(loss), *model.get_weights()]

    for plain, compiled in zip(after_a_step(False), after_a_step(True), strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-5)


# The contract of every variant.


@reads_weights
@pytest.mark.parametrize(
    ("variant", "size", "output_shape", "loss"),
    [
        ("paper", 20, (2, 4, 4, 2), "sparse_categorical_crossentropy"),
        ("padded", 8, (2, 8, 8, 1), "binary_crossentropy"),
    ],
)
def test_a_model_trains_a_step_is_saved_and_loads_with_plain_keras(
    variant, size, output_shape, loss, tmp_path
):
    keras.utils.set_random_seed(0)
    model, _ = tiny(variant)
    image = np.random.default_rng(0).normal(size=(2, size, size, 1)).astype("float32")
    assert tuple(model(image).shape) == output_shape
    y_true = np.random.default_rng(1).integers(0, 2, (*output_shape[:3], 1))
    before = [np.array(w) for w in model.get_weights()]
    model.compile("adam", loss)
    history = model.fit(image, y_true, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    changed = [
        not np.array_equal(*pair)
        for pair in zip(before, model.get_weights(), strict=True)
    ]
    assert np.mean(changed) > 0.8  # a ReLU that stays shut keeps its weights
    model.save(tmp_path / "unet.keras")
    loaded = keras.models.load_model(tmp_path / "unet.keras")
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)


BEFORE_AND_AFTER_KERAS = """
import sys
import keras_unet.geometry
if "tensorflow" in sys.modules or "keras" in sys.modules:
    sys.exit("geometry has imported TensorFlow")
import keras
keras.models.load_model(sys.argv[1])

# As if it had never been imported; Keras, which takes seconds to load, stays.
import wrapt.importer
wrapt.importer._post_import_hooks.clear()
keras.saving.get_custom_objects().clear()
for name in [*sys.modules]:
    if name.split(".")[0] == "keras_unet":
        del sys.modules[name]
import keras_unet
keras.models.load_model(sys.argv[1])
"""


@reads_weights
def test_models_load_whether_keras_unet_is_imported_before_or_after_keras(tmp_path):
    path = tmp_path / "unet.keras"
    tiny("padded")[0].save(path)
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_AND_AFTER_KERAS, path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_numpy_integers_are_whole_numbers_too():
    model = build_unet(
        num_classes=np.int64(3), base_filters=np.int32(2), depth=np.int64(1)
    )
    assert model.output_shape[-1] == 3


def test_channels_first_is_refused():
    keras.backend.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="image_data_format 'channels_first', but"):
            build_unet()
    finally:
        keras.backend.set_image_data_format("channels_last")
