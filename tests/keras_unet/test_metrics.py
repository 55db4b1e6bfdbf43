import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import metrics

METRICS = [metrics.IntersectionOverUnion, metrics.Dice, metrics.PixelError]
ALL = pytest.mark.parametrize("metric_class", METRICS)


def row(*values, dtype="uint8"):
    """One image, one row, one channel."""
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def one_hot(*classes, num_classes):
    return np.eye(num_classes, dtype="float32")[np.array(classes)][None, None]


def score(metric, y_true, y_pred, sample_weight=None):
    metric.update_state(y_true, y_pred, sample_weight)
    return float(metric.result())


# The values.


@pytest.mark.parametrize(
    ("metric_class", "expected"),
    [
        # 2 hits, 1 false alarm, 1 miss, 1 right background pixel.
        (metrics.IntersectionOverUnion, 2 / 4),
        (metrics.Dice, 4 / 6),
        (metrics.PixelError, 2 / 5),
    ],
)
def test_values_are_those_worked_out_by_hand(metric_class, expected):
    y_true, y_pred = row(1, 1, 1, 0, 0), row(0.9, 0.8, 0.1, 0.7, 0.2, dtype="f4")
    assert score(metric_class(), y_true, y_pred) == pytest.approx(expected)


@ALL
def test_two_channels_score_like_their_foreground_channel(metric_class):
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, 2, (2, 5, 7, 1))
    foreground = generator.random((2, 5, 7, 1)).astype("float32")
    both = np.concatenate([1 - foreground, foreground], axis=-1)
    assert score(metric_class(2, threshold=0.3), y_true, both) == score(
        metric_class(1, threshold=0.3), y_true, foreground
    )


@pytest.mark.parametrize("num_classes", [1, 2, 3])
@ALL
def test_logits_score_like_their_probabilities(metric_class, num_classes):
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, max(2, num_classes), (2, 5, 7, 1))
    logits = generator.normal(size=(2, 5, 7, num_classes)).astype("float32")
    link = tf.sigmoid if num_classes == 1 else tf.nn.softmax
    from_logits = metric_class(num_classes, threshold=0.7, from_logits=True)
    from_probability = metric_class(num_classes, threshold=0.7)
    assert score(from_logits, y_true, logits) == score(
        from_probability, y_true, link(logits)
    )


def test_a_probability_at_the_threshold_is_background():
    y_pred = row(0.5, 0.51, dtype="f4")
    assert score(metrics.PixelError(), row(0, 1), y_pred) == 0


def test_three_classes_give_the_mean_over_classes():
    y_true, y_pred = row(0, 0, 1, 2), one_hot(0, 1, 1, 2, num_classes=3)
    # Intersection over union 1/2, 1/2, 1; Dice 2/3, 2/3, 1; one pixel of four wrong.
    iou = metrics.IntersectionOverUnion(3)
    assert score(iou, y_true, y_pred) == pytest.approx(2 / 3)
    assert score(metrics.Dice(3), y_true, y_pred) == pytest.approx(7 / 9)
    assert score(metrics.PixelError(3), y_true, y_pred) == pytest.approx(1 / 4)


@pytest.mark.parametrize(("class_id", "expected"), [(0, 1 / 2), (1, 1 / 2), (2, 1)])
def test_class_id_scores_one_class(class_id, expected):
    y_true, y_pred = row(0, 0, 1, 2), one_hot(0, 1, 1, 2, num_classes=3)
    metric = metrics.IntersectionOverUnion(3, class_id=class_id)
    assert score(metric, y_true, y_pred) == pytest.approx(expected)


def test_metrics_of_single_classes_are_called_by_them():
    names = [metrics.Dice(3, class_id=index).name for index in (None, 0, 2)]
    assert names == ["dice", "dice_class_0", "dice_class_2"]
    assert metrics.Dice(3, class_id=2, name="cells").name == "cells"


def test_class_id_0_scores_the_background_of_one_class():
    metric = metrics.IntersectionOverUnion(class_id=0)
    # 2 right background pixels, 1 missed.
    assert score(metric, row(0, 0, 0, 1), row(0, 0, 1, 1, dtype="f4")) == (
        pytest.approx(2 / 3)
    )


def test_a_class_that_is_nowhere_does_not_count_in_the_mean():
    y_true, y_pred = row(0, 0, 1, 1), one_hot(0, 0, 1, 0, num_classes=5)
    # Class 0: 2 / 3, class 1: 1 / 2.
    metric = metrics.IntersectionOverUnion(5)
    assert score(metric, y_true, y_pred) == pytest.approx((2 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize("num_classes", [1, 3])
@ALL
def test_without_pixels_the_result_is_nan(metric_class, num_classes):
    assert np.isnan(float(metric_class(num_classes).result()))


def test_a_foreground_that_is_nowhere_has_no_overlap():
    blank = row(0, 0)
    assert np.isnan(score(metrics.IntersectionOverUnion(), blank, blank))
    assert np.isnan(score(metrics.Dice(), blank, blank))
    assert score(metrics.PixelError(), blank, blank) == 0


# Counting.


def test_the_result_is_the_ratio_of_sums_not_the_mean_of_ratios():
    metric = metrics.IntersectionOverUnion()
    metric.update_state(row(1, 1, 1, 1, 1, 1, 1, 1), np.ones((1, 1, 8, 1)))  # 8 of 8
    metric.update_state(row(1, 1), np.zeros((1, 1, 2, 1)))  # 0 of 2
    assert float(metric.result()) == pytest.approx(8 / 10)


def test_the_result_does_not_change_with_the_batch_size():
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, 3, (6, 4, 5, 1))
    y_true[:3] //= 2
    y_pred = generator.random((6, 4, 5, 3)).astype("float32")
    results = set()
    for batch_size in (1, 2, 6):
        metric = metrics.Dice(3)
        for start in range(0, 6, batch_size):
            batch = slice(start, start + batch_size)
            metric.update_state(y_true[batch], y_pred[batch])
        results.add(float(metric.result()))
    assert len(results) == 1


# Where float32 and int32 counters end.
@pytest.mark.parametrize("count", [2**24, 2**31 - 1])
def test_large_counts_go_on_counting(count):
    metric = metrics.IntersectionOverUnion()
    metric.confusion.assign(np.array([[0, 0], [0, count]]))
    for _ in range(3):
        metric.update_state(row(1), row(1))
    np.testing.assert_array_equal(metric.confusion.numpy(), [[0, 0], [0, count + 3]])


def test_reset_state_starts_from_nothing():
    metric = metrics.PixelError()
    metric.update_state(row(1, 1), row(0, 0))
    metric.reset_state()
    assert score(metric, row(1, 1, 0, 0), row(1, 1, 0, 1)) == pytest.approx(1 / 4)


# Weights.


@ALL
def test_pixels_of_weight_0_are_left_out_and_all_others_count_once(metric_class):
    y_true, y_pred = row(1, 1, 0, 1, 1), row(1, 0, 1, 0, 0, dtype="f4")
    weight = np.array([0.1, 7.0, 2.0, 0.0, 0.0]).reshape(1, 1, 5)
    expected = score(metric_class(), y_true[:, :, :3], y_pred[:, :, :3])
    assert score(metric_class(), y_true, y_pred, weight) == expected
    assert score(metric_class(), y_true, y_pred, weight[..., None]) == expected


def test_sample_weights_leave_out_whole_images():
    y_true, y_pred = np.ones((3, 2, 3, 1)), np.ones((3, 2, 3, 1))
    y_pred[0] = 0
    # 3 images, 3 columns.
    assert score(metrics.PixelError(), y_true, y_pred, np.array([0, 1, 1])) == 0


def test_pixels_of_weight_0_may_have_any_class_id():
    weight = np.array([1.0, 1.0, 0.0]).reshape(1, 1, 3)
    metric = metrics.PixelError()
    assert score(metric, row(1, 0, 255), row(1, 0, 0), weight) == 0


# Errors.


@pytest.mark.parametrize("class_id", [-1, 3, 255])
def test_class_ids_out_of_range_are_refused(class_id):
    y_pred = one_hot(0, 1, num_classes=3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 2") as error:
        metrics.Dice(3).update_state(row(0, class_id, dtype="int32"), y_pred)
    assert str(class_id) in str(error.value)


@pytest.mark.parametrize("wrong", [-1, 255, 0.5])
@ALL
def test_class_ids_out_of_range_have_no_score_where_checks_are_left_out(
    metric_class, wrong
):
    metric = metric_class()

    # XLA, which Keras takes on a GPU, leaves assertions out.
    @tf.function(jit_compile=True)
    def update(y_true, y_pred):
        metric.update_state(y_true, y_pred)

    y_true = tf.constant(row(0, 1, wrong, dtype="float32"))
    update(y_true, tf.constant(row(0, 1, 1, dtype="float32")))
    assert np.isnan(float(metric.result()))
    metric.reset_state()
    right = tf.constant(row(0, 1, 1, dtype="float32"))
    update(right, right)
    assert float(metric.result()) == (metric_class is not metrics.PixelError)


@ALL
def test_masks_without_channel_are_refused_with_both_shapes(metric_class):
    with pytest.raises(ValueError) as error:
        metric_class().update_state(np.zeros((4, 4, 4)), np.zeros((4, 4, 4, 1)))
    assert "(4, 4, 4)" in str(error.value)
    assert "(4, 4, 4, 1)" in str(error.value)


@ALL
def test_another_number_of_channels_is_refused(metric_class):
    with pytest.raises(ValueError, match=r"num_classes=1.*\(1, 1, 2, 3\)"):
        metric_class().update_state(row(0, 1), one_hot(0, 1, num_classes=3))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_classes": 0}, "num_classes.*0"),
        ({"threshold": 1.5}, "threshold.*1.5"),
        ({"class_id": 2}, "class_id.*0 to 1.*2"),
        ({"num_classes": 3, "class_id": -1}, "class_id.*0 to 2.*-1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        metrics.IntersectionOverUnion(**settings)


# With Keras.


@ALL
def test_config_returns_every_setting(metric_class):
    settings = {"num_classes": 3, "threshold": 0.25, "from_logits": True, "name": "a"}
    if metric_class is not metrics.PixelError:
        settings["class_id"] = 2
    metric = metric_class(**settings)
    assert settings.items() <= metric.get_config().items()
    restored = metric_class.from_config(metric.get_config())
    assert restored.get_config() == metric.get_config()


@pytest.mark.skipif(keras.__version__ < "3", reason="Keras 2 has to be told the way")
@ALL
def test_callbacks_know_which_way_is_better(metric_class):
    metric = metric_class(name="score")
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid")(image))
    model.compile(loss="mse", metrics=[metric])
    stop = keras.callbacks.EarlyStopping(monitor="score", patience=9)
    y_true = np.ones((1, 4, 4, 1))
    model.fit(y_true, y_true, callbacks=[stop], verbose=0)
    better = stop.monitor_op(0.2, 0.1)
    assert better == (metric_class is not metrics.PixelError)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_model_scores_saves_and_loads_with_all_of_them(jit_compile, tmp_path):
    image = keras.Input((None, None, 1))
    # Predicts the image itself.
    probability = keras.layers.Activation("linear")(image)
    model = keras.Model(image, probability)
    masks = np.random.default_rng(0).integers(0, 2, (5, 4, 6, 1))
    images = np.where(np.arange(6)[:, None] < 2, 1 - masks, masks).astype("float32")
    scores = [metrics.IntersectionOverUnion(), metrics.Dice(name="f1")]
    model.compile(
        loss="mse",
        metrics=scores,
        weighted_metrics=[metrics.PixelError()],
        jit_compile=jit_compile,
    )
    weight = np.ones((5, 4, 6), "float32")
    weight[:, :, :1] = 0
    path = tmp_path / "model.keras"
    expected = model.evaluate(
        images, masks, 2, verbose=0, sample_weight=weight, return_dict=True
    )
    hits = np.sum(masks[:, :, 2:])
    wrong = masks[:, :, :2].size
    assert expected["intersection_over_union"] == pytest.approx(hits / (hits + wrong))
    assert expected["f1"] == pytest.approx(2 * hits / (2 * hits + wrong))
    assert expected["pixel_error"] == pytest.approx(1 / 5)

    model.save(path)
    loaded = keras.models.load_model(path)
    assert expected == pytest.approx(
        loaded.evaluate(
            images, masks, 2, verbose=0, sample_weight=weight, return_dict=True
        )
    )
