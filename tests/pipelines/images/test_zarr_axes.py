import numpy as np
import pytest
import zarr

from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.images.windowed import PixelSize, as_length
from pipelines.images.zarr_axes import described


def ome_group(path, version, names, shape, scale, unit="micrometer"):
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    for level in ("0", "1"):
        group.create_array(level, shape=shape, dtype="uint8")
    axes = [
        {"name": name, "type": "space", "unit": unit}
        if name in "zyx"
        else {"name": name, "type": "time" if name == "t" else "channel"}
        for name in names
    ]
    datasets = [
        {
            "path": level,
            "coordinateTransformations": [{"type": "scale", "scale": scale}],
        }
        for level in ("0", "1")
    ]
    about = {"axes": axes, "datasets": datasets}
    if version == "0.4":
        group.attrs["multiscales"] = [about]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [about]}
    return group


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_has_axes_and_a_pixel_size(tmp_path, version):
    group = ome_group(tmp_path / "a", version, "tcyx", (2, 3, 5, 6), [1, 1, 0.5, 0.25])
    (found,) = described(group)
    assert found.array.path == "0"
    assert found.axes == "ncyx"
    assert found.pixel_size == PixelSize(0.5, 0.25, "µm")
    # Its time has no unit.
    assert found.stack == (StackAxis("t", 2, 1.0),)


def test_the_scale_of_all_levels_counts_too(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [0.5, 0.25])
    about = dict(group.attrs["ome"])
    about["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [10, 10]}
    ]
    group.attrs["ome"] = about
    assert described(group)[0][2] == PixelSize(5.0, 2.5, "µm")


def changed(group, version, **of_scales):
    """Adds to the multiscales of a group; a translation to its first level, too."""
    about = dict(group.attrs)
    (scales,) = about.get("ome", about)["multiscales"]
    moved = {"type": "translation", "translation": of_scales.pop("of_level")}
    scales["datasets"][0]["coordinateTransformations"].append(moved)
    scales |= of_scales
    group.attrs.update(about)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_has_a_name_and_a_place(tmp_path, version):
    group = ome_group(tmp_path / "a", version, "zcyx", (2, 3, 5, 6), [2, 1, 0.5, 0.25])
    changed(group, version, of_level=[100, 0, 10, 20], name="cell\x00 1")
    (found,) = described(group)
    assert found.stack == (StackAxis("z", 2, 2.0, "\u00b5m", 100.0),)
    # Without what XML cannot hold.
    assert found.origin == Origin("cell 1", offset=(10.0, 20.0))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_all_levels_share_comes_after_what_one_has(tmp_path, version):
    group = ome_group(tmp_path / "a", version, "yx", (5, 6), [0.5, 0.25])
    shared = [
        {"type": "scale", "scale": [10, 100]},
        {"type": "translation", "translation": [3, 4]},
    ]
    changed(group, version, of_level=[1, 2], coordinateTransformations=shared)
    (found,) = described(group)
    assert found.pixel_size == PixelSize(5.0, 25.0, "\u00b5m")
    # 1 * 10 + 3 and 2 * 100 + 4.
    assert found.origin.offset == (13.0, 204.0)


def test_a_place_is_in_the_unit_of_the_pixel_size(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [500, 0.25], "nanometer")
    changed(group, "0.5", of_level=[100, 0.5])
    about = dict(group.attrs["ome"])
    about["multiscales"][0]["axes"][1]["unit"] = "micrometer"
    group.attrs["ome"] = about
    (found,) = described(group)
    assert found.pixel_size == PixelSize(500.0, pytest.approx(250.0), "nm")
    assert found.origin.offset == (100.0, pytest.approx(500.0))


@pytest.mark.parametrize("name", [None, 7, ["a"]])
def test_what_is_no_text_is_no_name(tmp_path, name):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [1, 1])
    changed(group, "0.5", of_level=[0, 0], name=name)
    assert described(group)[0].origin == Origin()


def test_old_stores_without_axes_have_those_of_their_time(tmp_path):
    group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=2)
    group.create_array("0", shape=(1, 2, 1, 5, 6), dtype="uint8")
    group.attrs["multiscales"] = [{"datasets": [{"path": "0"}], "version": "0.1"}]
    assert described(group)[0][1:] == ("ncoyx", None, (), Origin())


def test_an_array_may_name_its_axes(tmp_path):
    array = zarr.create_array(
        tmp_path / "a", shape=(3, 5, 6), dtype="uint8", dimension_names=["c", "y", "x"]
    )
    assert described(array)[0][1] == "cyx"
    plain = zarr.create_array(tmp_path / "b", shape=(3, 5, 6), dtype="uint8")
    assert described(plain)[0][1] is None


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "an empty group"),
        ({"plate": {}}, "it is a plate"),
        ({"ome": {"well": {}}}, "it is a well of a plate"),
    ],
)
def test_groups_that_are_no_image_are_refused_with_the_reason(
    tmp_path, attributes, reason
):
    group = zarr.open_group(tmp_path / "a", mode="w")
    group.attrs.update(attributes)
    with pytest.raises(ValueError, match=reason):
        described(group)


def test_the_groups_of_a_converted_file_are_images(tmp_path):
    group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    with pytest.raises(ValueError, match="its group 0 is missing"):
        described(group)
    for number, shape in enumerate([(5, 6), (7, 8)]):
        ome_group(tmp_path / "a" / str(number), "0.4", "yx", shape, [1, 1])
    found = described(zarr.open_group(tmp_path / "a"))
    assert [one.array.shape for one in found] == [(5, 6), (7, 8)]


def test_axes_may_be_in_capitals_and_units_differ(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [500, 0.25], "nanometer")
    about = dict(group.attrs["ome"])
    about["multiscales"][0]["axes"] = [
        {"name": "Y", "type": "space", "unit": "nanometer"},
        {"name": "X", "type": "space", "unit": "micrometer"},
    ]
    group.attrs["ome"] = about
    (found,) = described(group)
    assert found.axes == "yx"
    assert found.pixel_size == PixelSize(500.0, pytest.approx(250.0), "nm")


def test_channels_are_known_by_their_type(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "cyx", (3, 5, 6), [1, 1, 1])
    about = dict(group.attrs["ome"])
    about["multiscales"][0]["axes"][0] = {"name": "dye", "type": "channel"}
    group.attrs["ome"] = about
    assert described(group)[0][1] == "cyx"


def test_a_size_without_a_unit_is_kept_as_numbers(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [0.5, 0.25], unit=None)
    size = described(group)[0][2]
    assert size == PixelSize(0.5, 0.25, "")
    assert as_length(size) is None


def test_numbers_are_those_of_the_first_level(tmp_path):
    group = ome_group(tmp_path / "a", "0.5", "yx", (5, 6), [1, 1])
    group["0"][...] = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(described(group)[0][0][1], np.arange(6, 12))
