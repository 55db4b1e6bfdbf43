import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet.layers import InputSizeCheck

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


def test_the_layer_is_rebuilt_from_its_config():
    config = InputSizeCheck(3, "paper", name="size_check").get_config()
    rebuilt = InputSizeCheck.from_config(config)
    assert (rebuilt.depth, rebuilt.variant, rebuilt.name) == (3, "paper", "size_check")
    registered = keras.saving.get_registered_object("keras_unet>InputSizeCheck")
    assert registered is InputSizeCheck
