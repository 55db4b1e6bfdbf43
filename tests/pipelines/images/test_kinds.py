import pathlib

import pytest

from pipelines.images.kinds import Kind, kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PNG", Kind.PNG),
        ("a.jpeg", Kind.JPEG),
        ("a.ome.tif", Kind.TIFF),
        ("a.ome.zarr", Kind.ZARR),
        ("a.npy", Kind.NPY),
        ("a.czi", Kind.OTHER),
        ("a", Kind.OTHER),
    ],
)
def test_the_suffix_says_the_kind(name, kind):
    assert kind_of(pathlib.Path(name)) is kind
