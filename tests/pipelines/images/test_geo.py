import logging
import sys

import numpy as np
import pytest
import tifffile

from pipelines.images import ImageEntry, geo, open_image, open_mask

rasterio = pytest.importorskip("rasterio")
TRANSFORM = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_600_000.0)


@pytest.fixture
def path(tmp_path):
    """A tiled GeoTIFF in zone 33 north, 10 m a pixel."""
    path = tmp_path / "a.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=32,
        width=48,
        count=1,
        dtype="uint16",
        crs="EPSG:32633",
        transform=rasterio.Affine(*TRANSFORM),
        tiled=True,
        blockxsize=16,
        blockysize=16,
        compress="deflate",
    ) as file:
        file.write(np.arange(32 * 48, dtype="uint16").reshape(1, 32, 48))
    return path


@pytest.mark.parametrize("opener", [open_image, open_mask])
def test_a_geotiff_keeps_its_place_on_the_earth(path, opener):
    image = opener(ImageEntry(path))
    assert image.georeference.transform == TRANSFORM
    assert rasterio.CRS.from_wkt(image.georeference.crs).to_epsg() == 32633
    np.testing.assert_array_equal(
        image.window(3, 4, 2, 2)[..., 0], [[148, 149], [196, 197]]
    )


def test_other_tiffs_have_none(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), "uint8"))
    assert open_image(ImageEntry(tmp_path / "a.tif")).georeference is None


def test_a_place_without_a_reference_system_is_known_to_be_lost(tmp_path):
    for name, tags in (
        ("scale.tif", [(33550, "d", 3, (10.0, 10.0, 0.0), True)]),
        ("world.tif", []),
        ("none.tif", []),
    ):
        tifffile.imwrite(tmp_path / name, np.zeros((5, 6), "uint8"), extratags=tags)
    (tmp_path / "world.tfw").write_text("10\n0\n0\n-10\n500000\n4600000\n")
    for name, is_placed in (("scale", True), ("world", True), ("none", False)):
        image = open_image(ImageEntry(tmp_path / f"{name}.tif"))
        assert (image.is_georeferenced, image.georeference) == (is_placed, None)


def test_without_rasterio_the_pixels_are_read_and_the_loss_is_logged(
    path, monkeypatch, caplog
):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with caplog.at_level(logging.DEBUG, logger=geo.__name__):
        image = open_image(ImageEntry(path))
    assert image.georeference is None and image.whole().shape == (32, 48, 1)
    assert "georeference is dropped; pip install" in caplog.text


def test_a_place_that_cannot_be_read_loses_no_pixels(tmp_path, caplog):
    (tmp_path / "a.tif").write_bytes(b"no image")
    assert geo.read_georeference(tmp_path / "a.tif") is None
    assert "a.tif: its georeference cannot be read" in caplog.text
