import numpy as np
import pytest

from pipelines.images import ImageEntry, read_image
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.windowed_writing import WRITTEN_SUFFIXES, write_windowed


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
def test_every_kind_of_file_is_read_back(tmp_path, random, suffix):
    image = random.integers(0, 256, (20, 30, 1), dtype=np.uint8)
    windows = [(0, 0, image[:, :16]), (0, 16, image[:, 16:])]
    layout = ImageLayout(20, 30, 1, image.dtype)
    path = tmp_path / f"a{suffix}"
    write_windowed(path, suffix, [ImageToWrite(layout, windows)])
    np.testing.assert_array_equal(read_image(ImageEntry(path)), image)
