import imagecodecs
import numpy as np
import pytest

from pipelines.results import png_writing
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.png_writing import png_holds, write_png


@pytest.mark.parametrize("channels", [1, 3])
def test_windows_become_a_png(tmp_path, random, channels):
    image = random.integers(0, 256, (20, 30, channels), dtype=np.uint8)
    windows = [(0, 0, image[:, :16]), (0, 16, image[:, 16:])]
    layout = ImageLayout(20, 30, channels, image.dtype)
    write_png(tmp_path / "a.png", ImageToWrite(layout, windows))
    found = imagecodecs.png_decode((tmp_path / "a.png").read_bytes())
    np.testing.assert_array_equal(found.reshape(image.shape), image)


def test_a_png_holds_small_images_of_few_whole_numbers(monkeypatch):
    monkeypatch.setattr(png_writing, "MOST_PIXELS", 600)
    fits = ImageLayout(20, 30, 4, np.dtype(np.uint16))
    assert png_holds(fits)
    assert not png_holds(ImageLayout(21, 30, 4, np.dtype(np.uint16)))
    assert not png_holds(ImageLayout(20, 30, 5, np.dtype(np.uint16)))
    assert not png_holds(ImageLayout(20, 30, 1, np.dtype(np.float32)))
