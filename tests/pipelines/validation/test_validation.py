import dataclasses

import keras
import numpy as np
import pytest

import keras_unet.losses
from pipelines import scaling, scores
from pipelines.config import DataConfig
from pipelines.dataset import Dataset, load_dataset
from pipelines.dataset.mask_values import IGNORED
from pipelines.images import ArrayCache
from pipelines.overlap_tile import Net
from pipelines.validation import Parts, pictures_of, validate, validation


@pytest.fixture
def dataset(disc_set):
    return disc_set


@pytest.fixture(scope="module")
def net(random_net):
    return Net(random_net("padded", 2))


def probabilities(net, dataset):
    images = [dataset.image(index) for index in range(len(dataset.pairs))]
    return [net.probability(np.asarray(scaling.scale_image(i))) for i in images]


def test_the_loss_is_the_mean_over_all_pixels_of_whole_images(net, dataset):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    found = validate(net, dataset, loss=loss).loss
    parts = []
    for index, probability in enumerate(probabilities(net, dataset)):
        y_true = dataset.mask(index)
        p = probability[..., 0].astype(np.float64)
        parts.append(-np.where(y_true == 1, np.log(p), np.log(1 - p)).ravel())
    assert found == pytest.approx(np.concatenate(parts).mean(), abs=1e-5)


def test_large_images_weigh_more_in_the_loss(net, dataset, monkeypatch):
    sizes = {0: (4, 4), 1: (4, 12)}
    images = {0: np.zeros((4, 4, 1)), 1: np.zeros((4, 12, 1))}
    monkeypatch.setattr(type(dataset), "image", lambda self, index: images[index])
    monkeypatch.setattr(
        type(dataset), "mask", lambda self, index: np.zeros(sizes[index], np.uint8)
    )

    def loss(y_true, logits):
        return float(y_true.shape[2])

    two = dataclasses.replace(dataset, pairs=dataset.pairs[:2])
    # Widths 4 and 12, on 16 and 48 pixels.
    assert validate(net, two, loss=loss).loss == (4 * 16 + 12 * 48) / 64


def test_without_a_loss_it_is_not_a_number(net, dataset):
    assert np.isnan(validate(net, dataset).loss)


def test_the_threshold_is_the_best_of_all_images_together(net, dataset):
    result = validate(net, dataset)
    y_true = np.concatenate([dataset.mask(i).ravel() for i in range(5)])
    p = np.concatenate([one.ravel() for one in probabilities(net, dataset)])
    ious = {
        threshold: scores.mean_iou(
            scores.confusion_matrix(y_true, (p > np.float32(threshold)).astype(int), 2)
        )
        for threshold in np.arange(1, 100) / 100
    }
    assert ious[result.threshold] == max(ious.values())
    assert scores.mean_iou(result.confusion) == max(ious.values())
    assert result.confusion.sum() == y_true.size


# Also between the thresholds that are tried: the settings may be edited.
@pytest.mark.parametrize("threshold", [0.5, 0.4567])
def test_a_given_threshold_is_taken_as_it_is(net, dataset, threshold):
    result = validate(net, dataset, threshold=threshold)
    expected = sum(
        scores.confusion_matrix(
            dataset.mask(index), (one[..., 0] > threshold).astype(int), 2
        )
        for index, one in enumerate(probabilities(net, dataset))
    )
    assert result.threshold == threshold
    np.testing.assert_array_equal(result.confusion, expected)


def test_from_three_channels_on_the_most_probable_class_counts(random_net, dataset):
    net = Net(random_net(num_classes=3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    result = validate(net, dataset, loss=loss, num_pictures=1)
    expected = sum(
        scores.confusion_matrix(dataset.mask(index), one.argmax(axis=-1), 3)
        for index, one in enumerate(probabilities(net, dataset))
    )
    assert result.threshold is None
    np.testing.assert_array_equal(result.confusion, expected)
    assert np.isfinite(result.loss)
    assert result.pictures[0].y_pred.max() <= 2


def test_pictures_hold_image_truth_and_decision(net, dataset):
    result = validate(net, dataset, num_pictures=2)
    assert [picture.name for picture in result.pictures] == ["cell_0", "cell_1"]
    for index, picture in enumerate(result.pictures):
        np.testing.assert_array_equal(picture.image, dataset.image(index))
        np.testing.assert_array_equal(picture.y_true, dataset.mask(index))
        expected = probabilities(net, dataset)[index][..., 0] > result.threshold
        np.testing.assert_array_equal(picture.y_pred, expected)
    assert validate(net, dataset).pictures == []


# By image, by threshold and by probability.


@pytest.mark.parametrize("threshold", [None, 0.4567])
def test_every_image_has_its_scores_at_the_threshold_of_all(net, dataset, threshold):
    result = validate(net, dataset, threshold=threshold)
    assert [one.name for one in result.images] == [f"cell_{n}" for n in range(5)]
    for index, p in enumerate(probabilities(net, dataset)):
        y_pred = (p[..., 0] > np.float32(result.threshold)).astype(int)
        expected = scores.confusion_matrix(dataset.mask(index), y_pred, 2)
        found = result.images[index]
        assert found.mean_iou == scores.mean_iou(expected)
        assert found.pixel_error == scores.pixel_error(expected)
        assert found.dice == scores.class_scores(expected).dice[1]


def test_thresholds_and_reliability_count_every_pixel_once(net, dataset):
    result = validate(net, dataset, threshold=0.4)
    foreground = sum(int(dataset.mask(index).sum()) for index in range(5))
    assert result.thresholds.confusion(0.5)[1].sum() == foreground
    p = np.concatenate([one.ravel() for one in probabilities(net, dataset)])
    y_true = np.concatenate([dataset.mask(index).ravel() for index in range(5)])
    assert result.reliability.pixels.sum() == y_true.size
    _, seen = result.reliability.curve()
    for place in np.flatnonzero(result.reliability.pixels):
        inside = np.minimum((p.astype(float) * 10).astype(int), 9) == place
        assert seen[place] == pytest.approx(y_true[inside].mean())


def test_from_three_channels_on_reliability_is_of_the_predicted_class(
    random_net, dataset
):
    net = Net(random_net(num_classes=3))
    result = validate(net, dataset)
    assert result.thresholds is None
    came_true = sum(
        int((one.argmax(axis=-1) == dataset.mask(index)).sum())
        for index, one in enumerate(probabilities(net, dataset))
    )
    pixels = result.reliability.pixels
    _, seen = result.reliability.curve()
    assert np.nansum(seen * pixels) == pytest.approx(came_true)
    assert len(result.images) == 5


def test_pictures_of_some_images_are_those_of_validation(net, dataset):
    found = list(pictures_of(net, dataset, {3: "worst", 1: "best"}, threshold=0.5))
    assert [(one.name, one.note) for one in found] == [
        ("cell_3", "worst"),
        ("cell_1", "best"),
    ]
    expected = probabilities(net, dataset)[3][..., 0] > 0.5
    np.testing.assert_array_equal(found[0].y_pred, expected)
    np.testing.assert_array_equal(found[0].y_true, dataset.mask(3))


def test_the_middle_of_a_large_image_is_shown(net, dataset, monkeypatch):
    monkeypatch.setattr(validation, "LARGEST_SHOWN", 8)
    parts = Parts(side=32)
    (shown,) = pictures_of(net, dataset, {2: ""}, threshold=0.5, parts=parts)
    whole = dataset.image(2)
    row, column = (size // 2 - 4 for size in whole.shape[:2])
    # Of the part that holds the centre, which may end beside it.
    assert shown.image.shape[:2] == (8, 8)
    found = [
        (top, left)
        for top in range(row - 8, row + 9)
        for left in range(column - 8, column + 9)
        if np.array_equal(whole[top : top + 8, left : left + 8], shown.image)
    ]
    ((top, left),) = found
    assert abs(top - row) <= 4 and abs(left - column) <= 4
    crop = slice(top, top + 8), slice(left, left + 8)
    np.testing.assert_array_equal(shown.y_true, dataset.mask(2)[crop])
    expected = probabilities(net, dataset)[2][..., 0] > 0.5
    np.testing.assert_array_equal(shown.y_pred, expected[crop])


def test_the_loss_is_lowest_for_what_is_trained_on(write_pair, folders):
    ids = np.zeros((10, 20), np.uint8)
    ids[1:9, 2:10], ids[1:9, 10:18] = 1, 2
    write_pair("a.png", ids)
    dataset = load_dataset(DataConfig(**folders, mask_kind="instances"))
    apart = ids > 0
    apart[:, 9:11] = False

    class Answers:
        """A net that answers with the line between the objects."""

        output_channels = 1

        def logits(self, image):
            return np.where(apart, 4, -4).astype(np.float32)[..., np.newaxis]

    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    of_masks, of_targets = (
        validate(Answers(), dataset, loss=loss, separate_objects=separate)
        for separate in (False, True)
    )
    assert of_targets.loss == pytest.approx(np.log1p(np.exp(-4)), rel=1e-5)
    assert of_masks.loss > 10 * of_targets.loss
    # Scores are of the masks as they are.
    np.testing.assert_array_equal(of_masks.confusion, of_targets.confusion)
    assert of_targets.confusion[1, 0] == 16


def test_a_net_that_has_diverged_is_scored_as_all_background(dataset):
    model = keras_unet.build_unet(base_filters=2, depth=1, activation=None)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    result = validate(Net(model), dataset, loss=keras.losses.BinaryCrossentropy())
    assert np.isnan(result.loss)
    assert result.confusion[:, 1].sum() == 0
    assert result.reliability.pixels.sum() == 0


def test_each_image_is_handed_on(net, dataset):
    seen = []
    validate(net, dataset, threshold=0.5, on_image=seen.append)
    assert [one.index for one in seen] == list(range(5))
    np.testing.assert_array_equal(seen[2].probability, probabilities(net, dataset)[2])


def test_an_image_that_fails_counts_nowhere(net, dataset):
    error, failed = MemoryError(), []

    def fail(one):
        if one.index == 1:
            raise error

    with pytest.raises(MemoryError):
        validate(net, dataset, on_image=fail)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    found = validate(
        *(net, dataset),
        loss=loss,
        num_pictures=3,
        on_image=fail,
        on_failure=lambda *one: failed.append(one),
    )
    assert failed == [(1, error)]
    expected = validate(net, dataset.subset([0, 2, 3, 4]), loss=loss)
    assert (found.loss, found.images) == (expected.loss, expected.images)
    np.testing.assert_array_equal(found.confusion, expected.confusion)
    assert [one.name for one in found.pictures] == ["cell_0", "cell_2"]


# Ignored pixels.


@pytest.fixture(scope="module")
def partly():
    """Makes a set whose second image is ignored in part and its third altogether."""

    class Partly(Dataset):
        def mask(self, index):
            mask = super().mask(index).copy()
            if index == 1:
                mask[:, 10:] = IGNORED
            return mask if index != 2 else np.full_like(mask, IGNORED)

    return lambda dataset: Partly(dataset.pairs, dataset.facts, dataset.coding)


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_ignored_pixels_are_not_scored(net, dataset, partly, threshold):
    result = validate(net, partly(dataset), threshold=threshold)
    sizes = [dataset.mask(index).size for index in range(5)]
    height = dataset.mask(1).shape[0]
    assert result.confusion.sum() == sum(sizes) - sizes[2] - sizes[1] + 10 * height
    expected = np.zeros((2, 2), np.int64)
    for index, one in enumerate(probabilities(net, dataset)):
        y_true = partly(dataset).mask(index)
        scored = y_true != IGNORED
        y_pred = (one[..., 0] > np.float32(result.threshold)).astype(int)
        expected += scores.confusion_matrix(y_true[scored], y_pred[scored], 2)
    np.testing.assert_array_equal(result.confusion, expected)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras_unet.losses.SoftDice(from_logits=True),
    ],
)
def test_the_loss_is_that_of_the_other_pixels(net, dataset, partly, loss):
    found = validate(net, partly(dataset).subset([0, 1]), loss=loss).loss
    parts, sizes = [], []
    for index, width in ((0, 56), (1, 10)):
        image = np.asarray(scaling.scale_image(dataset.image(index)))
        logits = net.logits(image)[np.newaxis, :, :width]
        y_true = dataset.mask(index)[np.newaxis, :, :width, np.newaxis]
        parts.append(float(np.mean(loss(y_true.astype(np.float32), logits))))
        sizes.append(width)
    assert found == pytest.approx(np.average(parts, weights=sizes), abs=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_weighs_classes_as_the_table_says(
    random_net, dataset, partly, channels
):
    net = Net(random_net("padded", 1, 1, channels))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if channels == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    table = np.array([[1, 3, 7, 0], [0.5, 2, 7, 0]], np.float32)
    two = partly(dataset).subset([0, 1])
    found = validate(net, two, loss=loss, class_weights=table).loss
    parts = []
    for index, width in ((0, 56), (1, 10)):
        y_true = dataset.mask(index)[:, :width]
        image = np.asarray(scaling.scale_image(dataset.image(index)))
        p = net.probability(image).astype(np.float64)[:, :width]
        p = np.stack([1 - p[..., 0], p[..., 0]], -1) if channels == 1 else p
        of_truth = np.take_along_axis(p, y_true[..., np.newaxis].astype(int), -1)
        parts.append(-np.log(of_truth[..., 0]) * table[index][y_true])
    mean = np.concatenate([part.ravel() for part in parts]).mean()
    assert found == pytest.approx(mean, abs=1e-5)


def test_a_set_that_is_ignored_altogether_has_no_loss(net, dataset, partly):
    class Nothing(Dataset):
        def mask(self, index):
            return np.full_like(super().mask(index), IGNORED)

    nothing = Nothing(dataset.pairs, dataset.facts, dataset.coding).subset([0])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    assert np.isnan(validate(net, nothing, loss=loss, threshold=0.5).loss)


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_in_parts_the_scores_are_the_same(net, dataset, threshold, tmp_path):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    settings = {"loss": loss, "threshold": threshold, "num_pictures": 1}
    whole = validate(net, dataset, **settings)
    parts = Parts(16, ArrayCache(tmp_path / "cache", 10**9))
    found = validate(net, dataset, **settings, parts=parts)
    assert found.loss == pytest.approx(whole.loss, abs=1e-6)
    assert found.threshold == whole.threshold
    np.testing.assert_array_equal(found.confusion, whole.confusion)
    assert found.images == whole.images
    assert found.spread == pytest.approx(whole.spread, abs=1e-6)
    # What is shown is not the whole image.
    assert max(found.pictures[0].y_true.shape) <= 16
    (again,) = pictures_of(net, dataset, {0: ""}, found.threshold, parts)
    np.testing.assert_array_equal(again.y_pred, found.pictures[0].y_pred)
