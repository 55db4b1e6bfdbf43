import sys

import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images import (
    ArrayCache,
    ImageEntry,
    bio,
    find_images,
    open_image,
    read_image,
)
from pipelines.images.origin import Origin, Plane


@pytest.fixture
def gif(tmp_path, random):
    """A file that bioio-imageio reads, with 2 images of grey values."""
    pytest.importorskip("bioio")
    pytest.importorskip("bioio_imageio")
    frames = random.integers(0, 256, (2, 20, 30), "uint8")
    first, second = map(PIL.Image.fromarray, frames)
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=[second])
    return path, frames


def test_images_of_a_file_that_a_plug_in_reads_are_read(gif, tmp_path):
    path, frames = gif
    entries = find_images(str(path))
    assert [entry.page for entry in entries] == [0, 1]
    cache = ArrayCache(tmp_path / "cache", 10**6)
    for entry, frame in zip(entries, frames, strict=True):
        image = open_image(entry, cache)
        window = image.window(3, 4, 10, 12)
        assert window.shape == (10, 12, image.channels)
        np.testing.assert_array_equal(window[..., 0], frame[3:13, 4:16])
        np.testing.assert_array_equal(read_image(entry), image.whole())


@pytest.fixture
def ome_tiff(tmp_path):
    """Writes a file that bioio-ome-tiff reads, and that tifffile would."""
    pytest.importorskip("bioio")
    pytest.importorskip("bioio_ome_tiff")

    def write(*scenes, shape):
        path = tmp_path / "a.ome.tif"
        with tifffile.TiffWriter(path, ome=True) as writer:
            for about in scenes:
                axes = "TZYX"[-len(shape) :]
                pixels = np.zeros(shape, np.uint8)
                writer.write(pixels, metadata={"axes": axes, **about})
        return path

    return write


# The plug-in calls ome-types in an old way.
OLD_WAY = pytest.mark.filterwarnings("ignore:As of version 0.4.0:DeprecationWarning")


@OLD_WAY
def test_what_a_plug_in_says_in_words_of_ome_is_known(ome_tiff):
    planes = [{"PositionX": x, "PositionXUnit": "mm"} for x in range(6)]
    texts = {"Name": "cell", "AcquisitionDate": "2024-05-01T12:00:00"}
    path = ome_tiff({"Plane": planes, **texts}, shape=(2, 3, 20, 30))
    expected = tuple(Plane(PositionX=x, PositionXUnit="mm") for x in range(6))
    for page in range(6):
        image = bio.open_bio(path, page, "a", None)
        assert (image.origin.name, image.origin.date) == tuple(texts.values())
        assert image.origin.planes == expected


@OLD_WAY
def test_an_image_of_several_scenes_has_its_own_plane(ome_tiff):
    scenes = [
        {"Name": name, "Plane": [{"DeltaT": time}]}
        for name, time in (("left", 1), ("right", 2))
    ]
    path = ome_tiff(*scenes, shape=(20, 30))
    for page, (name, time) in enumerate((("left", 1), ("right", 2))):
        origin = bio.open_bio(path, page, "a", None).origin
        assert origin.name == name
        assert [plane.DeltaT for plane in origin.planes] == [time]


def test_a_plug_in_without_words_of_ome_says_nothing(gif):
    for page in range(2):
        assert bio.open_bio(gif[0], page, "a", None).origin == Origin()


def test_an_image_that_is_not_there_is_refused(gif):
    with pytest.raises(ValueError, match=r"a\.gif page 7: .*it holds 2 images"):
        open_image(ImageEntry(gif[0], 7))


def test_a_file_that_no_plug_in_reads_is_refused_with_what_is_missing(tmp_path):
    pytest.importorskip("bioio")
    (tmp_path / "a.czi").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.czi: files of this kind.*bioio-czi"):
        bio.count_images(tmp_path / "a.czi")


def test_without_bioio_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio", None)
    (tmp_path / "a.nd2").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"pip install '.\[bio\]'"):
        find_images(str(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.czi: the file does not exist"):
        open_image(ImageEntry(tmp_path / "a.czi"))
