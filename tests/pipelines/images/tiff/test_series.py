import numpy as np
import pytest
import tifffile

from pipelines.images import ImageEntry, find_images, open_image, read_image
from pipelines.images.handles import SourceFile
from pipelines.images.origin import Origin, Plane
from pipelines.images.tiff import contents

PLANE = """<TiffData IFD="0" PlaneCount="1" FirstC="{c}" FirstT="{t}"><UUID
 FileName="{name}">urn:uuid:{name}</UUID></TiffData>"""
OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">
<Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8"
 SizeX="6" SizeY="5" SizeZ="1" SizeC="{channels}" SizeT="{times}">{planes}</Pixels>
</Image></OME>"""


@pytest.fixture
def write_set(tmp_path, random):
    """Writes a set of OME-TIFFs, a plane each; returns the planes by channel, time."""

    def write(channels, times, about=""):
        places = [(c, t) for t in range(times) for c in range(channels)]
        names = {(c, t): f"c{c}_t{t}.ome.tif" for c, t in places}
        planes = "".join(PLANE.format(c=c, t=t, name=names[c, t]) for c, t in places)
        found = {}
        for place in places:
            found[place] = random.integers(0, 255, (5, 6)).astype("uint8")
            text = OME.format(
                own=names[place],
                channels=channels,
                times=times,
                planes=planes + about,
            )
            tifffile.imwrite(
                tmp_path / names[place],
                found[place],
                description=text,
                metadata=None,
            )
        return found

    return write


def test_planes_are_those_that_the_notes_say_in_whatever_order_they_lie(
    tmp_path, random
):
    pages = random.integers(0, 255, (6, 5, 6)).astype("uint8")
    # In the order of recording: both channels of each time.
    planes = "".join(
        f'<TiffData IFD="{2 * t + c}" PlaneCount="1" FirstC="{c}" FirstT="{t}"/>'
        for t in range(3)
        for c in range(2)
    )
    text = OME.replace("XYCZT", "XYZTC").format(
        own="a", channels=2, times=3, planes=planes
    )
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            writer.write(page, description=text if number == 0 else None, metadata=None)
    entries = find_images(str(path))
    assert len(entries) == 3
    for time, entry in enumerate(entries):
        expected = np.moveaxis(pages[2 * time : 2 * time + 2], 0, -1)
        np.testing.assert_array_equal(read_image(entry), expected)


def test_each_file_of_a_set_has_its_own_images(tmp_path, write_set):
    planes = write_set(1, 3)
    entries = find_images(str(tmp_path))
    assert [entry.path.name for entry in entries] == [
        f"c0_t{t}.ome.tif" for t in range(3)
    ]
    for time, entry in enumerate(entries):
        np.testing.assert_array_equal(read_image(entry)[..., 0], planes[0, time])


def test_each_file_of_a_set_knows_its_own_plane(tmp_path, write_set):
    plane = '<Plane TheC="0" TheZ="0" TheT="{0}" DeltaT="{0}.5"/>'
    write_set(1, 3, "".join(map(plane.format, range(3))))
    for time, entry in enumerate(find_images(str(tmp_path))):
        with open_image(entry) as image:
            assert image.origin == Origin("set", planes=(Plane(DeltaT=time + 0.5),))


def test_a_file_without_the_others_of_its_set_is_not_filled_up(tmp_path, write_set):
    planes = write_set(1, 3)
    for time in (0, 2):
        (tmp_path / f"c0_t{time}.ome.tif").unlink()
    (entry,) = find_images(str(tmp_path))
    assert entry == ImageEntry(tmp_path / "c0_t1.ome.tif")
    np.testing.assert_array_equal(read_image(entry)[..., 0], planes[0, 1])


def test_channels_in_several_files_are_one_image(tmp_path, write_set):
    planes = write_set(2, 1)
    # That of the file of its first channel.
    (entry,) = find_images(str(tmp_path))
    assert entry.path.name == "c0_t0.ome.tif"
    expected = np.stack([planes[0, 0], planes[1, 0]], -1)
    np.testing.assert_array_equal(read_image(entry), expected)
    with open_image(entry) as image:
        np.testing.assert_array_equal(image.window(1, 2, 3, 3), expected[1:4, 2:5])
    with pytest.raises(ValueError, match="only further channels of images whose first"):
        find_images(str(tmp_path / "c1_t0.ome.tif"))


def test_channels_of_a_series_in_several_files_are_read_alone(tmp_path, random):
    # A file for each channel, with all times.
    planes = "".join(
        f'<TiffData IFD="{t}" PlaneCount="1" FirstC="{c}" FirstT="{t}"><UUID '
        f'FileName="c{c}.ome.tif">urn:uuid:c{c}</UUID></TiffData>'
        for c in range(2)
        for t in range(3)
    )
    pages = random.integers(0, 255, (2, 3, 5, 6)).astype("uint8")
    for c, of_channel in enumerate(pages):
        text = OME.format(own=f"c{c}", channels=2, times=3, planes=planes)
        with tifffile.TiffWriter(tmp_path / f"c{c}.ome.tif") as writer:
            for number, page in enumerate(of_channel):
                writer.write(
                    page, description=text if number == 0 else None, metadata=None
                )
    entries = find_images(str(tmp_path))
    assert [entry.name for entry in entries] == [
        f"{tmp_path / 'c0.ome.tif'} page {t}" for t in range(3)
    ]
    for time, entry in enumerate(entries):
        expected = np.stack([pages[0, time], pages[1, time]], -1)
        np.testing.assert_array_equal(read_image(entry), expected)
    places = contents.places(SourceFile(tmp_path / "c0.ome.tif"))
    assert all(place.series is None and len(place.files) == 2 for place in places)


def test_a_channel_that_is_missing_is_said(tmp_path, write_set):
    write_set(2, 1)
    (tmp_path / "c1_t0.ome.tif").unlink()
    with pytest.raises(ValueError, match="some channels of an image are in other"):
        read_image(ImageEntry(tmp_path / "c0_t0.ome.tif"))
