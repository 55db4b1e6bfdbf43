import numpy as np
import pytest

from pipelines.dataset.class_id_image import ClassIds
from pipelines.dataset.mask_values import IGNORED, MaskCoding
from pipelines.images import ArrayImage


def test_a_mask_becomes_class_ids_window_by_window():
    mask = ArrayImage(
        np.array([[0, 300, 300], [7, 0, 65535]], "uint16")[..., None], "m"
    )
    coding = MaskCoding("instances", None, 2, (), 65535)
    ids = ClassIds(mask, coding)
    assert (ids.channels, ids.dtype) == (1, np.uint8)
    np.testing.assert_array_equal(
        ids.window(0, 1, 2, 2)[..., 0], [[1, 1], [0, IGNORED]]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_masks_in_colour_may_be_grey_files_too(channels):
    mask = ArrayImage(np.full((1, 1, channels), 255, "uint8"), "m")
    coding = MaskCoding("classes", None, 2, ("000000", "FFFFFF"))
    assert ClassIds(mask, coding).whole() == 1
