import dataclasses

import numpy as np
import pytest

from pipelines import scores
from pipelines.config import DataConfig
from pipelines.dataset import Dataset, load_dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import IGNORED, MaskCoding
from pipelines.evaluation.set_scores import SetScores, pixel_sizes, tolerance
from pipelines.images.windowed import PixelSize
from pipelines.scores.evaluation_result import Evaluation
from pipelines.validation import Segmented

FACTS = ImageFacts(
    height=12,
    width=21,
    channels=1,
    dtype="uint8",
    mean=(0.0,),
    std=(1.0,),
    mask_counts={0: 1, 255: 1},
    digest="a",
)


def result_of(found, num_classes=2):
    """The scores that are added to those of pixels."""
    classes = [{"name": str(index)} for index in range(num_classes)]
    return found.added_to(Evaluation(classes, None, None, 0.5, 1))


def column(result, name):
    return [row[name] for row in result.classes]


@pytest.fixture
def dataset(disc_set):
    return disc_set


def segmented(dataset, index, shift=0):
    """What a net that is right, or off by some pixels, puts out."""
    y_true = dataset.mask(index)
    probability = np.roll(y_true, shift, axis=1).astype(np.float32)[..., None]
    image, logits = dataset.image(index), probability * 8 - 4
    return Segmented(index, str(index), image, y_true, logits, probability)


def test_the_truth_scores_best_everywhere(dataset):
    found = SetScores(dataset, 2, 0.5)
    for index in range(2):
        found.add(segmented(dataset, index))
    result = result_of(found)
    assert column(result, "boundary_f1") == [1, 1]
    assert column(result, "hausdorff95") == [0, 0]
    assert (result.v_rand, result.v_info) == pytest.approx((1, 1))
    assert (result.rand_error, result.warping_error) == pytest.approx((0, 0))
    assert set(result.average_precision.values()) == {1.0}


def test_specks_are_no_objects_from_a_size_on(dataset):
    one = segmented(dataset, 0)
    one.probability[0, ::2] = 1
    sizes = (1, 2)
    found = [SetScores(dataset, 2, 0.5, smallest_object=size) for size in sizes]
    for counts in found:
        counts.add(one)
    with_specks, without = (
        result_of(counts).average_precision["0.5"] for counts in found
    )
    assert with_specks < 0.5 and without == 1


def test_a_shift_shows_in_the_distance(dataset):
    found = SetScores(dataset, 2, 0.5, quick=True)
    found.add(segmented(dataset, 0, shift=3))
    result = result_of(found)
    assert 2 <= column(result, "hausdorff95")[1] <= 3
    assert result.v_rand is result.warping_error is None


def test_three_classes_have_no_scores_of_objects(dataset):
    result = result_of(SetScores(dataset, 3, None), 3)
    assert result.average_precision is result.v_rand is None
    assert column(result, "boundary_f1") == [None] * 3


def test_distances_are_in_the_unit_that_all_images_have(dataset):
    facts = dataset.facts[:2]
    assert pixel_sizes(facts) == ([(1.0, 1.0)] * 2, "pixels")
    sized = [
        dataclasses.replace(one, pixel_size=PixelSize(0.5, 0.25, "µm")) for one in facts
    ]
    assert pixel_sizes(sized) == ([(0.5, 0.25)] * 2, "µm")
    assert pixel_sizes([sized[0], facts[1]])[1] == "pixels"


def test_a_tolerance_in_pixels_is_a_length():
    assert tolerance((1.0, 1.0)) == pytest.approx(2.0, rel=1e-5)
    assert tolerance((0.5, 2.0)) == pytest.approx(2.0, rel=1e-5)


def net_output(y_true, foreground):
    """An image whose prediction is `foreground`, all pixels scored."""
    probability = foreground.astype(np.float32)[..., None]
    image = np.zeros((*y_true.shape, 1), np.uint8)
    return Segmented(0, "a", image, y_true, probability, probability)


@pytest.fixture
def touching(write_pair, folders):
    """A set of one image: two objects with a side in common, ids 7 and 9."""
    ids = np.zeros((12, 20), np.uint8)
    ids[2:10, 2:10], ids[2:10, 10:18] = 7, 9
    write_pair("a.png", ids)

    def load(kind="instances", **changes):
        return load_dataset(DataConfig(**folders, mask_kind=kind, **changes))

    return load


def test_objects_of_instance_masks_are_told_apart_by_their_ids(touching):
    dataset = touching()
    y_true = dataset.mask(0)
    apart = y_true.astype(bool)
    apart[:, 10] = False
    for foreground, expected in ((apart, 1.0), (y_true, 0.0)):
        found = SetScores(dataset, 2, 0.5, quick=True)
        found.add(net_output(y_true, foreground))
        # 56 of 64 pixels of the second object; joined, half of 128.
        assert result_of(found).average_precision["0.6"] == expected


def test_touching_instances_are_the_cells_of_the_challenge(touching):
    dataset = touching()
    y_true = dataset.mask(0)
    line = y_true.astype(bool)
    line[:, 9:11] = False
    # Joined: 2 * 64 * 63 pairs in both and in truth, 128 * 127 in the prediction.
    joined = 2 * 8064 / (8064 + 16256)
    for foreground, v_rand, v_info in ((line, 1.0, 1.0), (y_true, joined, 0.0)):
        found = SetScores(dataset, 2, 0.5)
        found.add(net_output(y_true, foreground))
        result = result_of(found)
        assert result.v_rand == pytest.approx(v_rand)
        assert result.v_info == pytest.approx(v_info, abs=1e-6)
        # No border of the mask lies between them.
        assert result.warping_error is result.splits_and_mergers is None
        assert set(result.best_thresholds) == {"v_rand", "v_info", "rand_error"}


@pytest.mark.parametrize("kind", ["instances", "binary"])
def test_what_is_right_is_perfect_around_ignored_pixels(write_pair, folders, kind):
    # An object in two parts, one of them of 3 pixels, and one that is whole.
    mask = np.zeros((10, 24), np.uint8)
    mask[2:8, 2:10], mask[2:8, 14:22] = 3, 7
    if kind == "binary":
        mask = (mask > 0).astype(np.uint8)
    mask[2:8, 4:6], mask[2:8, 2] = 255, 0
    mask[2:5, 3], mask[5:8, 3] = mask[2, 8], 0
    write_pair("a.png", mask)
    settings = {"mask_kind": kind, "ignore_value": 255}
    dataset = load_dataset(DataConfig(**folders, **settings))
    y_true = dataset.mask(0)
    assert y_true[2, 4] == IGNORED and y_true[2, 3] == 1
    larger = y_true == 1
    # One pixel more beside the remnant makes it no object too much.
    larger[5, 3] = True
    for smallest, foreground in ((1, y_true == 1), (4, y_true == 1), (4, larger)):
        found = SetScores(dataset, 2, 0.5, smallest_object=smallest)
        found.add(net_output(y_true, foreground))
        result = result_of(found)
        assert result.average_precision["0.9"] == 1.0, smallest
        if foreground is not larger:
            assert (result.v_rand, result.rand_error) == (1.0, 0.0)


def test_ignored_objects_are_none(touching):
    dataset = touching(ignore_value=9)
    y_true = dataset.mask(0)
    found = SetScores(dataset, 2, 0.5)
    found.add(net_output(y_true, y_true == 1))
    result = result_of(found)
    assert result.average_precision["0.9"] == 1.0
    assert (column(result, "boundary_f1")[1], result.v_rand) == (1.0, 1.0)


def test_a_net_that_has_diverged_is_scored_as_all_background(dataset):
    one, nothing = segmented(dataset, 0), segmented(dataset, 0)
    one.probability[:], nothing.probability[:] = np.nan, 0
    found, expected = SetScores(dataset, 2, 0.5), SetScores(dataset, 2, 0.5)
    found.add(one)
    expected.add(nothing)
    assert result_of(found) == result_of(expected)
    assert result_of(found).v_rand == 0


def test_an_image_that_fails_leaves_nothing_behind(dataset, monkeypatch):
    def full(*_):
        raise MemoryError

    found, expected = SetScores(dataset, 2, 0.5), SetScores(dataset, 2, 0.5)
    for counts in (found, expected):
        counts.add(segmented(dataset, 0))
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(scores.WarpingCounts, "add", full)
        found.add(segmented(dataset, 1, shift=3))
    assert result_of(found) == result_of(expected)


def test_the_inside_may_be_the_background():
    # Two cells with a membrane, which the net finds but for a gap.
    y_true = np.zeros((12, 21), np.uint8)
    y_true[:, 10] = 1
    membrane = y_true.astype(bool)
    membrane[5] = False
    dataset = Dataset((), (FACTS,), MaskCoding("binary", 255, 2))
    cells, membranes = (
        SetScores(dataset, 2, 0.5, inside=inside)
        for inside in ("background", "foreground")
    )
    for found in (cells, membranes):
        found.add(net_output(y_true, membrane))
    # The gap merges the cells, and cuts the membrane in two.
    assert result_of(cells).v_rand < 0.7
    assert result_of(cells).average_precision["0.5"] == 0
    assert result_of(cells).warping_error == pytest.approx(1 / y_true.size)
    # Of the 12 pixels of the membrane 5 and 6 stay together, and one joins either part:
    # 2 * (5 * 4 + 7 * 6) pairs in common, 12 * 11 + 5 * 4 + 7 * 6 in the two.
    assert result_of(membranes).v_rand == pytest.approx(2 * 62 / (132 + 62), abs=0.02)


def test_distances_are_in_units_and_the_tolerance_stays_in_pixels():
    y_true, y_pred = np.zeros((2, 20, 30), np.uint8)
    y_true[:, 10:], y_pred[:, 12:] = 1, 1
    sized = dataclasses.replace(FACTS, pixel_size=PixelSize(0.3, 0.3, "µm"))
    dataset = Dataset((), (sized,), MaskCoding("binary", 255, 2))
    found = SetScores(dataset, 2, 0.5, quick=True)
    found.add(net_output(y_true, y_pred))
    result = result_of(found)
    assert column(result, "hausdorff95") == pytest.approx([0.6, 0.6])
    assert result.hausdorff_unit == "µm"
    # Two pixels are just within the tolerance.
    assert column(result, "boundary_f1") == [1, 1]


def test_objects_that_a_higher_threshold_parts_have_the_outlines_of_the_mask(touching):
    dataset = touching()
    y_true = dataset.mask(0)
    probability = np.where(y_true == 1, 0.9, 0.1)
    # Between the two objects.
    probability[:, 9:11] = np.where(y_true[:, 9:11] == 1, 0.6, 0.1)
    one = net_output(y_true, probability)
    for object_threshold, expected in ((None, 0.0), (0.7, 1.0)):
        found = SetScores(
            dataset, 2, 0.5, object_threshold=object_threshold, quick=True
        )
        found.add(one)
        precision = result_of(found).average_precision
        assert precision["0.6"] == precision["0.9"] == expected
        assert column(result_of(found), "boundary_f1") == [1, 1]
