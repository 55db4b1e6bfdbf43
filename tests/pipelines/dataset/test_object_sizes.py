import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.dataset import object_sizes as object_sizes_module
from pipelines.dataset.object_sizes import object_sizes


@pytest.fixture
def dataset_of(write_pair, folders):
    """Writes masks with images of noise."""

    def of(*masks, **settings):
        for number, mask in enumerate(masks):
            write_pair(f"{number:03}.png", mask)
        return load_dataset(DataConfig(**folders, **settings))

    return of


@pytest.fixture
def reach(dataset_of):
    """Writes masks with images of noise, and looks at them."""
    return lambda *masks, **settings: object_sizes(dataset_of(*masks, **settings)).reach


@pytest.fixture
def small_window(monkeypatch):
    monkeypatch.setattr(object_sizes_module, "MOST_PIXELS", 20)


@pytest.fixture
def few_are_enough(monkeypatch):
    """One object tells how small objects are."""
    monkeypatch.setattr(object_sizes_module, "FEW_OBJECTS", 1)


def test_of_a_bar_it_is_half_its_width(reach):
    mask = np.zeros((60, 80))
    mask[20:29, :] = 255
    # 9 rows: distances 1 2 3 4 5 4 3 2 1, of which the 5 is more than 95 % reach.
    assert reach(mask) == 5.0


def test_holes_and_ignored_pixels_are_borders(reach):
    mask = np.full((41, 41), 1)
    mask[20, :], mask[0] = 0, 9
    assert reach(mask, ignore_value=9, mask_kind="binary") <= 20


def test_without_a_border_in_sight_it_is_as_far_as_the_mask_goes(reach):
    # Of two masks: the pixel of the whole one is beyond the 95 % of the other's.
    assert reach(np.full((40, 60), 255), np.eye(60) * 255) <= 20


def test_the_border_between_two_objects_or_classes_is_one(reach):
    mask = np.zeros((30, 60))
    mask[10:15, :], mask[15:20, :] = 3, 7
    # Two bars of five rows: distances 1 2 3 2 1, not those of one of ten.
    assert reach(mask, mask_kind="instances") == 3.0
    mask[10:15, :], mask[15:20, :] = 1, 2
    assert reach(mask, mask_kind="classes") == 3.0


def test_masks_without_objects_are_not_looked_at(reach):
    empty = [np.zeros((16, 16)) for _ in range(30)]
    shown = np.zeros((16, 16))
    shown[4:9] = 255
    assert reach(*empty, shown, mask_kind="binary") == 3.0


def test_an_object_cut_by_what_is_looked_at_has_no_size(
    dataset_of, small_window, few_are_enough
):
    mask = np.zeros((40, 40))
    # The middle is rows and columns 10 to 29: of the first one row is in it.
    mask[4:11, 12:20] = 255
    mask[15:20, 15:20] = 255
    assert object_sizes(dataset_of(mask)).smallest == 13
    # At the side of the image it is whole.
    mask = np.zeros((40, 20))
    mask[15:20, :3], mask[22:28, 8:12] = 255, 255
    assert object_sizes(dataset_of(mask)).smallest == 8


@pytest.mark.parametrize("row", [2, 30, 53])
@pytest.mark.parametrize("column", [1, 52])
def test_objects_far_from_the_middle_are_looked_at(
    dataset_of, small_window, few_are_enough, row, column
):
    mask = np.zeros((60, 60))
    mask[row : row + 5, column : column + 7] = 255
    # A stray pixel in the middle does not keep the look there.
    mask[30, 30] = 255
    found = object_sizes(dataset_of(mask))
    # Half of 5 x 7 pixels; the distances are 1, 2 and 3.
    assert (found.reach, found.smallest) == (3.0, 18)
    assert object_sizes(dataset_of(mask)) == found


def test_objects_of_any_class_or_number_far_from_the_middle_are_looked_at(
    dataset_of, small_window, few_are_enough
):
    mask = np.zeros((60, 60))
    mask[3:8, 50:55], mask[8:13, 50:55] = 1, 2
    for kind in ("classes", "instances"):
        found = object_sizes(dataset_of(mask, mask_kind=kind))
        # Of 25 pixels one is 3 from the border, which is less than 5 %.
        assert (found.reach, found.smallest) == (2.0, 13)


def test_the_middle_is_looked_at_where_it_shows_as_much_as_the_rest(
    reach, small_window
):
    mask = np.zeros((60, 60))
    mask[29:32, 20:40] = 255
    mask[:3], mask[50:57, 50:57] = 255, 255
    # 60 of 400 pixels, and 289 of 3600.
    assert reach(mask) == 2.0


def test_many_masks_are_sampled(reach, monkeypatch):
    masks = [np.eye(16) * 255 for _ in range(30)]
    opened = []
    from pipelines.dataset.dataset import Dataset

    original = Dataset.open_mask

    def spy(self, index, cache=None):
        opened.append(index)
        return original(self, index, cache)

    monkeypatch.setattr(Dataset, "open_mask", spy)
    assert reach(*masks) == 1.0
    assert len(opened) == 12 and (opened[0], opened[-1]) == (0, 29)


def test_the_smallest_object_is_that_of_connected_pixels(dataset_of, few_are_enough):
    mask = np.zeros((30, 40))
    mask[2:6, 2:6] = mask[10:20, 10:20] = 255
    mask[25, 25] = mask[26, 26] = 255
    # Two single pixels that meet at a corner, 16 and 100 pixels.
    assert object_sizes(dataset_of(mask)).smallest == 1
    # Of a few objects it is half the smallest: ceil(17 / 2).
    mask[25:27, 25:27], mask[6, 2] = 0, 255
    assert object_sizes(dataset_of(mask)).smallest == 9


def test_one_object_of_a_hundred_may_be_smaller(dataset_of):
    mask = np.zeros((80, 80))
    for number in range(101):
        row, column = divmod(number, 13)
        mask[6 * row : 6 * row + 4, 6 * column : 6 * column + 4] = 255
    mask[78, 78] = 255
    assert object_sizes(dataset_of(mask)).smallest == 16


def test_instances_that_touch_are_objects_of_their_own(dataset_of, few_are_enough):
    mask = np.zeros((30, 40))
    mask[2:6, 2:6], mask[6:12, 2:12] = 3, 7
    mask[0:2] = 9
    found = dataset_of(mask, mask_kind="instances", ignore_value=9)
    assert object_sizes(found).smallest == 8


def test_without_objects_the_smallest_is_one_pixel(dataset_of):
    mask = np.zeros((30, 40))
    assert object_sizes(dataset_of(mask, mask_kind="binary")).smallest == 1


@pytest.mark.parametrize(
    ("number", "smallest", "reason"),
    [
        (19, 1, "no limit: 19 whole objects in what was looked at are too few"),
        (20, 8, "half of the smallest of 20 objects that were looked at"),
        (100, 16, "hardly an object of the masks has fewer pixels"),
    ],
)
def test_few_objects_do_not_tell_how_small_others_are(
    dataset_of, number, smallest, reason
):
    mask = np.zeros((80, 80))
    for place in range(number):
        row, column = divmod(place, 13)
        mask[6 * row : 6 * row + 4, 6 * column : 6 * column + 4] = 255
    found = object_sizes(dataset_of(mask))
    assert (found.count, found.smallest) == (number, smallest)
    assert found.in_words.startswith(reason)
