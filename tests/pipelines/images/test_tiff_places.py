import numpy as np
import pytest
import tifffile

from pipelines.images import tiff
from pipelines.images.handles import SourceFile


@pytest.fixture
def places(tmp_path):
    def places(image, **options):
        tifffile.imwrite(tmp_path / "a.tif", image, **options)
        return tiff.places(SourceFile(tmp_path / "a.tif"))

    return places


@pytest.mark.parametrize(
    ("samples", "photometric", "extra", "alpha"),
    [
        (4, "rgb", ["unassalpha"], True),
        (4, "rgb", ["unspecified"], True),
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


def test_an_image_has_a_page_for_each_of_its_channels(places):
    image = np.zeros((2, 3, 5, 6), "uint16")
    found = places(image, ome=True, compression="zlib", metadata={"axes": "CTYX"})
    assert [len(place.pages) for place in found] == [2, 2, 2]
    # Channels come first in the file: pages 0, 1, 2 and 3, 4, 5.
    first, second = zip(*(place.pages for place in found), strict=True)
    assert max(first) < min(second)


def test_a_segment_is_known_before_it_is_decoded(places):
    (place,) = places(np.zeros((64, 64), "u2"), tile=(32, 16), compression="zlib")
    assert (place.segment_bytes, place.segment_rows) == (32 * 16 * 2, 32)
    (place,) = places(np.zeros((64, 64), "u2"))
    assert place.segment_bytes == 0


def test_complex_numbers_keep_their_type_for_the_message(places):
    assert places(np.zeros((5, 6), "complex64"))[0].dtype == "complex64"
