import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import tifffile

from pipelines.images.windowed import Georeference
from pipelines.results.layout import ImageLayout, ImageToWrite

rasterio = pytest.importorskip("rasterio")

from rasterio.env import get_gdal_config  # noqa: E402

from pipelines.results import geotiff_writing  # noqa: E402
from pipelines.results.geotiff_writing import write_geotiff  # noqa: E402

HERE = pathlib.Path(__file__).parent
TRANSFORM = (0.5, 0.0, 500000.0, 0.0, -0.5, 5400000.0)


def to_write(image, transform=TRANSFORM, **about):
    windows = (
        (top, left, image[top : top + 96, left : left + 128])
        for top in range(0, image.shape[0], 96)
        for left in range(0, image.shape[1], 128)
    )
    wkt = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    layout = ImageLayout(
        *image.shape, image.dtype, georeference=Georeference(wkt, transform), **about
    )
    return ImageToWrite(layout, windows)


@pytest.mark.parametrize("channels", [1, 3])
def test_place_and_pixels_are_read_by_rasterio(tmp_path, random, channels):
    image = random.integers(0, 200, (1100, 530, channels), dtype=np.uint8)
    write_geotiff(tmp_path / "a.tif", to_write(image), pyramid=True)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.crs.to_epsg() == 32633
        assert tuple(dataset.transform)[:6] == TRANSFORM
        assert dataset.block_shapes[0] == (512, 512)
        assert dataset.overviews(1) == [2, 4]
        found = dataset.read().transpose(1, 2, 0)
    np.testing.assert_array_equal(found, image)


def test_the_cache_of_gdal_is_bounded_and_given_back(tmp_path, random):
    own, seen = 200 * 2**20, []
    image = random.integers(0, 200, (40, 30, 1), dtype=np.uint8)

    def windows():
        seen.append(get_gdal_config("GDAL_CACHEMAX"))
        yield 0, 0, image

    layout = to_write(image).layout
    with rasterio.Env(GDAL_CACHEMAX=own):
        write_geotiff(tmp_path / "a.tif", ImageToWrite(layout, windows()))
        seen.append(get_gdal_config("GDAL_CACHEMAX"))
    assert seen == [32 * 2**20, own]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        # ImageJ opens no tiles.
        assert dataset.block_shapes == [(40, 30)]


def test_of_two_files_written_at_once_the_last_gives_the_bound_back(tmp_path, random):
    image = random.integers(0, 200, (40, 30, 1), dtype=np.uint8)
    layout = to_write(image).layout
    begun, ended, seen = threading.Event(), threading.Event(), []

    def second():
        begun.set()
        assert ended.wait(60)
        seen.append(get_gdal_config("GDAL_CACHEMAX"))
        yield 0, 0, image

    def first():
        # Begins before the second one, and ends before it.
        thread.start()
        assert begun.wait(60)
        yield 0, 0, image

    thread = threading.Thread(
        target=write_geotiff,
        args=(tmp_path / "b.tif", ImageToWrite(layout, second())),
    )
    before = get_gdal_config("GDAL_CACHEMAX")
    write_geotiff(tmp_path / "a.tif", ImageToWrite(layout, first()))
    ended.set()
    thread.join()
    seen.append(get_gdal_config("GDAL_CACHEMAX"))
    assert seen == [32 * 2**20, before]


def test_every_strip_is_written_once(tmp_path, random, monkeypatch):
    # Less than the rows of a tile, of which parts would have to wait.
    monkeypatch.setattr(geotiff_writing, "CACHE_BYTES", 2**20)
    image = random.integers(0, 200, (600, 4000, 1), dtype=np.uint8)
    image[:300, ::3] = 0
    write_geotiff(tmp_path / "a.tif", to_write(image))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert page.rowsperstrip == 65
        np.testing.assert_array_equal(page.asarray(), image[..., 0])
        # What is written again is longer, and goes to the end.
        used = sum(page.databytecounts)
    assert (tmp_path / "a.tif").stat().st_size - used < 3000


def test_a_turned_transform_is_kept(tmp_path, random):
    image = random.integers(0, 200, (40, 30, 1), dtype=np.uint8)
    turned = (0.4, 0.3, 500000.0, 0.3, -0.4, 5400000.0)
    write_geotiff(tmp_path / "a.tif", to_write(image, transform=turned))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_allclose(tuple(dataset.transform)[:6], turned, rtol=1e-12)


# Writes a GeoTIFF that is larger than the system lets the process write.
FULL = """
import resource, signal, sys, pathlib
import numpy as np
sys.path.insert(0, sys.argv[3])
from test_geotiff_writing import to_write, write_geotiff
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
image = np.random.default_rng(0).integers(0, 200, (600, 530, 1), dtype=np.uint8)
try:
    pyramid = sys.argv[4] == "True"
    write_geotiff(pathlib.Path(sys.argv[1]), to_write(image), pyramid=pyramid)
except OSError as error:
    print("refused", error.errno)
"""


@pytest.mark.parametrize("pyramid", [False, True])
@pytest.mark.parametrize("less", [1, 1000, 200_000])
def test_a_disk_that_is_full_is_noticed(tmp_path, less, pyramid):
    image = np.random.default_rng(0).integers(0, 200, (600, 530, 1), dtype=np.uint8)
    write_geotiff(tmp_path / "whole.tif", to_write(image), pyramid=pyramid)
    most = (tmp_path / "whole.tif").stat().st_size - less
    done = subprocess.run(
        [
            *(sys.executable, "-c", FULL, str(tmp_path / "a.tif"), str(most)),
            *(str(HERE), str(pyramid)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("refused"), done.stderr


def test_an_image_without_a_place_is_refused(tmp_path, random):
    image = to_write(random.integers(0, 200, (20, 30, 1), dtype=np.uint8))
    bare = ImageToWrite(ImageLayout(20, 30, 1, np.dtype(np.uint8)), image.windows)
    with pytest.raises(ValueError, match=r"a\.tif: a GeoTIFF needs a place"):
        write_geotiff(tmp_path / "a.tif", bare)
