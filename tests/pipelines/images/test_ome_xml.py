from xml.etree import ElementTree

import pytest

from pipelines.images.ome_xml import OmeImage, ome_images
from pipelines.images.origin import Origin, Plane
from pipelines.images.windowed import PixelSize


def of_planes(*planes):
    elements = "".join(f"<Plane {plane}/>" for plane in planes)
    text = f"<OME><Image><Pixels>{elements}</Pixels></Image></OME>"
    (image,) = ome_images(text)
    return image.planes


@pytest.mark.parametrize("version", ["2013-06", "2016-06"])
def test_images_have_texts_sizes_and_planes_in_any_version(version):
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
    <OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{version}">
      <Instrument ID="Instrument:0"/>
      <Image ID="Image:0" Name="cell &lt;1&gt;">
        <AcquisitionDate>2024-05-01T12:00:00.25Z</AcquisitionDate>
        <Description>fixed &amp; stained\u00b5</Description>
        <Pixels ID="Pixels:0" PhysicalSizeX="500" PhysicalSizeXUnit="nm"
         PhysicalSizeY="0.5" TimeIncrement="2" PhysicalSizeZUnit="mm">
          <Plane TheC="0" TheZ="1" TheT="2" DeltaT="2.5" PositionX="-10.5"/>
        </Pixels>
      </Image>
      <Image ID="Image:1"/>
      <Image ID="Image:2"><Pixels/></Image>
    </OME>"""
    plane = Plane(DeltaT=2.5, PositionX=-10.5)
    assert ome_images(text.encode()) == [
        OmeImage(
            "cell <1>",
            "2024-05-01T12:00:00.25Z",
            "fixed & stained\u00b5",
            {(2, 1): plane},
            PixelSize(0.5, 0.5, "µm"),
            {"Z": (None, "mm"), "T": ("2", "s")},
        ),
        # Of an image without pixels there is nothing in the file.
        OmeImage(steps={"Z": (None, "µm"), "T": (None, "s")}),
    ]


@pytest.mark.parametrize("date", ["2024-05-01", "01.05.2024 12:00", "", "unknown"])
def test_what_is_no_date_of_xml_is_left_out(date):
    told = f"<AcquisitionDate>{date}</AcquisitionDate><Pixels/>"
    text = f"<OME><Image>{told}</Image></OME>"
    assert ome_images(text)[0].date == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('PositionX="1" PositionXUnit="um"', Plane(PositionX=1, PositionXUnit="µm")),
        ('PositionY="1" PositionYUnit="nm"', Plane(PositionY=1, PositionYUnit="nm")),
        (
            'PositionZ="0" PositionZUnit="reference frame"',
            Plane(PositionZ=0, PositionZUnit="reference frame"),
        ),
        ('DeltaT="1" DeltaTUnit="ms"', Plane(DeltaT=1, DeltaTUnit="ms")),
        # What is no number, or in no unit of its kind.
        ('DeltaT="1" DeltaTUnit="nm" PositionX="2"', Plane(PositionX=2)),
        ('PositionX="1" PositionXUnit="furlong" DeltaT="2"', Plane(DeltaT=2)),
        ('PositionX="1,5" PositionY="NaN" PositionZ="2"', Plane(PositionZ=2)),
    ],
)
def test_numbers_keep_their_units(said, expected):
    found = of_planes(f'TheC="0" TheZ="0" TheT="0" ExposureTime="3" {said}')
    assert found == {(0, 0): expected}


def test_of_several_channels_the_first_one_counts():
    found = of_planes(
        'TheC="0" TheZ="0" TheT="0"',
        'TheC="1" TheZ="0" TheT="0" PositionX="1"',
        'TheC="2" TheZ="0" TheT="0" PositionX="2"',
    )
    # Of those of which something is known.
    assert found == {(0, 0): Plane(PositionX=1)}


def test_a_plane_without_a_place_in_its_stack_is_left_out():
    found = of_planes('TheZ="0" DeltaT="1"', 'TheT="first" TheZ="0" DeltaT="1"')
    assert found == {}


def test_planes_come_in_the_order_of_the_stack():
    image = OmeImage("a", "", "b", {(0, 1): Plane(DeltaT=1), (1, 0): Plane(DeltaT=2)})
    found = image.origin([(1, 0), (1, 1), (0, 1)])
    planes = Plane(DeltaT=2), Plane(), Plane(DeltaT=1)
    assert found == Origin("a", "", "b", planes)
    # Nothing is known of these.
    assert image.origin([(5, 5)]) == image.origin([]) == Origin("a", "", "b")


def test_what_is_no_xml_is_no_ome():
    with pytest.raises(ElementTree.ParseError):
        ome_images("<OME><Image>")
