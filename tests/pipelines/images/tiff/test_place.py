import numpy as np
import pytest
import tifffile

from pipelines.images.handles import SourceFile
from pipelines.images.tiff import contents


@pytest.mark.parametrize(
    ("samples", "photometric", "extra", "alpha"),
    [
        (4, "rgb", ["unassalpha"], True),
        # Infrared, for example.
        (4, "rgb", ["unspecified"], False),
        (2, "minisblack", ["assocalpha"], True),
        (2, "minisblack", ["unspecified"], False),
        (4, "minisblack", ["unspecified"] * 3, False),
        (3, "rgb", None, False),
    ],
)
def test_alpha_is_known_by_the_tags(places, samples, photometric, extra, alpha):
    image = np.zeros((5, 6, samples), "uint8")
    (place,) = places(
        image, photometric=photometric, extrasamples=extra, planarconfig="contig"
    )
    assert place.shape == (5, 6, samples)
    assert place.alpha is alpha


def test_complex_numbers_keep_their_type_for_the_message(places):
    assert places(np.zeros((5, 6), "complex64"))[0].dtype == "complex64"


@pytest.mark.parametrize(
    ("photometric", "samples", "words"),
    [("separated", 4, "CMYK"), ("cielab", 3, "Lab")],
)
def test_colours_that_are_neither_grey_nor_rgb_are_refused(
    places, photometric, samples, words
):
    image = np.zeros((5, 6, samples), "uint8")
    with pytest.raises(ValueError, match=f"its colours are {words}, not grey or RGB"):
        places(image, photometric=photometric, planarconfig="contig")


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        ("float32", "-9999", -9999),
        ("float32", "-3.4028234663852886e+38", -3.4028234663852886e38),
        # What the type cannot hold is no 0.
        ("uint8", "-9999", -9999),
        ("uint8", "255.0", 255),
        ("uint8", "none", None),
        ("uint8", None, None),
    ],
)
def test_what_stands_for_nothing_is_known(places, dtype, text, value):
    tags = [] if text is None else [(42113, "s", 0, text, True)]
    (place,) = places(np.zeros((5, 6), dtype), extratags=tags)
    assert place.nodata == value


def test_a_slide_whose_jpeg_2000_is_not_rgb_is_refused(tmp_path):
    path = tmp_path / "a.svs"
    image = np.zeros((32, 32, 3), "uint8")
    tifffile.imwrite(path, image, compression="jpeg2000", photometric="rgb")
    assert contents.places(SourceFile(path))[0].shape == (32, 32, 3)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(33003)
    with pytest.raises(ValueError, match="its colours are YCbCr, not grey or RGB"):
        contents.places(SourceFile(path))
