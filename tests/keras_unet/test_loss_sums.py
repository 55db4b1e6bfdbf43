import keras
import numpy as np
import pytest

from keras_unet import losses
from keras_unet.loss_sums import SumOfLosses

where_keras_divides_by_weights = pytest.mark.skipif(
    [int(part) for part in keras.__version__.split(".")[:2]] < [3, 7],
    reason="Keras has this reduction from 3.7 on",
)


def random_batch(num_classes=1):
    """Masks and logits of unlike height and width."""
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, max(2, num_classes), (2, 4, 6, 1))
    y_pred = generator.normal(size=(2, 4, 6, num_classes)).astype("float32")
    return y_true, y_pred


def test_a_sum_is_the_weighted_sum_of_its_parts():
    y_true, logits = random_batch()
    focal, dice = losses.Focal(from_logits=True), losses.SoftDice(from_logits=True)
    total = SumOfLosses([focal, dice], weights=[2.0, 0.5])
    expected = 2 * focal(y_true, logits) + 0.5 * dice(y_true, logits)
    np.testing.assert_allclose(total(y_true, logits), expected, rtol=1e-6)


def test_a_sum_weighs_each_part_by_the_weight_map():
    y_true, logits = random_batch()
    weight = np.random.default_rng(1).random((2, 4, 6)).astype("float32")
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)
    dice = losses.SoftDice(from_logits=True)
    nested = SumOfLosses([SumOfLosses([dice])])
    total = SumOfLosses([crossentropy, nested])
    expected = crossentropy(y_true, logits, weight) + dice(y_true, logits, weight)
    np.testing.assert_allclose(total(y_true, logits, weight), expected, rtol=1e-6)


@where_keras_divides_by_weights
def test_the_mean_with_weights_is_divided_by_them(random):
    y_true = random.integers(0, 2, (1, 4, 6, 1))
    y_pred = random.uniform(0.1, 0.9, (1, 4, 6, 1)).astype("float32")
    weight = np.zeros((1, 4, 6), "float32")
    weight[:, :, 3:] = 2
    given = losses.BinaryCrossentropyAndDice(reduction="mean_with_sample_weight")
    of_the_half = losses.BinaryCrossentropyAndDice()(y_true[:, :, 3:], y_pred[:, :, 3:])
    expected = float(of_the_half) - float(
        losses.SoftDice()(y_true[:, :, 3:], y_pred[:, :, 3:])
    )
    expected += float(losses.SoftDice()(y_true, y_pred, weight))
    assert float(given(y_true, y_pred, weight)) == pytest.approx(expected, rel=1e-6)


def test_a_part_of_keras_is_averaged_over_the_pixels_of_a_sample():
    y_true, logits = random_batch()
    total = SumOfLosses(
        [keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")],
        reduction="none",
    )
    mean = keras.losses.BinaryCrossentropy(from_logits=True)
    expected = [float(mean(y_true[[i]], logits[[i]])) for i in (0, 1)]
    np.testing.assert_allclose(total(y_true, logits), expected, rtol=1e-6)


def test_ignored_pixels_of_a_focal_part_do_not_count():
    y_true, logits = random_batch(3)
    y_true[0, :, 3:] = 255
    part = losses.Focal(from_logits=True, ignore_class=255)
    weight = np.random.default_rng(1).random((2, 4, 6)).astype("float32")
    for weights in ((), (weight,)):
        found, expected = (
            one(y_true, logits, *weights) for one in (SumOfLosses([part]), part)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_ignored_pixels_of_a_part_of_keras_do_not_count():
    y_true, logits = random_batch(3)
    y_true[0, :, 3:] = 255
    part = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=255
    )
    weight = np.random.default_rng(1).random((2, 4, 6)).astype("float32")
    total = SumOfLosses([part])
    for weights in ((), (weight,)):
        found, expected = (one(y_true, logits, *weights) for one in (total, part))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    # 36 of 48 pixels are left.
    kept = [logits[0, :, :3].reshape(-1, 3), logits[1].reshape(-1, 3)]
    ids = [y_true[0, :, :3].ravel(), y_true[1].ravel()]
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    mean = plain(np.concatenate(ids), np.concatenate(kept))
    np.testing.assert_allclose(total(y_true, logits), mean, rtol=1e-5)


@where_keras_divides_by_weights
def test_ignored_pixels_do_not_count_in_the_mean_with_weights():
    y_true, logits = random_batch(3)
    # Three quarters of the first sample.
    y_true[0, 1:] = 255
    weight = np.random.default_rng(1).random((2, 4, 6)).astype("float32")
    part = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=255, reduction="mean_with_sample_weight"
    )
    total = SumOfLosses([part], reduction="mean_with_sample_weight")
    for weights in ((), (weight,)):
        found, expected = (one(y_true, logits, *weights) for one in (total, part))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "part", [keras.losses.MeanSquaredError, keras.losses.CategoricalCrossentropy]
)
def test_losses_of_one_hot_masks_are_refused_for_class_ids(part):
    y_true, logits = random_batch(3)
    with pytest.raises(ValueError, match=r"one-hot .*SoftDice"):
        SumOfLosses([part()])(y_true, logits)
    # One channel is its own mask.
    if part is keras.losses.MeanSquaredError:
        y_true, logits = random_batch()
        expected = part()(y_true, logits)
        np.testing.assert_allclose(
            SumOfLosses([part()])(y_true, logits), expected, 1e-6
        )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SumOfLosses([]), "0 losses"),
        (lambda: SumOfLosses(["focal"]), "'focal'"),
        (lambda: SumOfLosses([losses.Focal()], [1, 2]), "1 losses.*2 weights"),
        (lambda: SumOfLosses([losses.Focal()], [-1]), "weights.*-1"),
    ],
)
def test_parts_that_cannot_be_summed_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_part_without_values_per_pixel_refuses_a_weight_map():
    class OneValueASample(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred)[:, 0, 0, 0]

    y_true, logits = random_batch()
    with pytest.raises(ValueError, match=r"one_value.*\(2,\).*map"):
        SumOfLosses([OneValueASample(name="one_value")])(
            y_true, logits, np.ones((2, 4, 6))
        )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning")
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_with_a_sum_as_its_loss_loads_from_either_kind_of_file(
    ending, tmp_path
):
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Activation("sigmoid")(image))
    parts = [losses.Focal(gamma=1.0), keras.losses.BinaryCrossentropy()]
    model.compile("sgd", SumOfLosses([*parts, SumOfLosses([losses.SoftDice()])]))
    model.save(tmp_path / f"model.{ending}")
    loaded = keras.models.load_model(tmp_path / f"model.{ending}")
    y_true, y_pred = random_batch()
    found = loaded.evaluate(y_pred, y_true, verbose=0)
    assert found == pytest.approx(model.evaluate(y_pred, y_true, verbose=0))
