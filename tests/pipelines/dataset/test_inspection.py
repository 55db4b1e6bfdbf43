import pathlib

import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.dataset import inspection
from pipelines.dataset.inspection import inspect
from pipelines.dataset.pairing import Pair
from pipelines.images import ImageEntry
from pipelines.results import writing

MASK = np.array([[0, 255, 255], [0, 0, 255]], "uint8")
IMAGE = np.arange(6, dtype="uint8").reshape(2, 3)


@pytest.fixture
def pair(tmp_path):
    """Writes an image and its mask."""

    def pair(image=IMAGE, mask=MASK, name="a.tif"):
        for folder, pixels in (("images", image), ("masks", mask)):
            writing.write_image(tmp_path / folder / name, pixels)
        return Pair(
            ImageEntry(tmp_path / "images" / name),
            ImageEntry(tmp_path / "masks" / name),
        )

    return pair


def codes(inspected):
    return [finding.code for finding in inspected.findings]


def test_one_pass_tells_all_facts(pair):
    image = np.zeros((2, 3, 3), "uint16")
    image[0, 0] = (600, 6, 0)
    found = inspect(pair(image, name="a.png"))
    assert found.findings == ()
    facts = found.facts
    assert (facts.height, facts.width, facts.channels) == (2, 3, 3)
    assert facts.dtype == "uint16"
    assert facts.mask_counts == {0: 3, 255: 3}
    assert facts.mean == pytest.approx((100, 1, 0))
    # One of six pixels is 600 (6): s.d. 600 (6) sqrt(5) / 6; 1 where all are the same.
    assert facts.std == pytest.approx((100 * 5**0.5, 5**0.5, 1))
    # Rows end no run: the last pixel of the first and the first of the second are 0.
    assert facts.mask_runs == 2


def test_scaling_by_the_type_needs_no_statistics(pair):
    facts = inspect(pair(), how="dtype").facts
    assert (facts.mean, facts.std) == ((0,), (255,))


def test_the_digests_follow_every_pixel_and_no_block_size(pair, monkeypatch):
    before = inspect(pair()).facts
    assert before.digest != before.image_digest
    again = inspect(pair(name="b.png")).facts
    assert (again.digest, again.image_digest) == (before.digest, before.image_digest)
    other_mask = inspect(pair(mask=255 - MASK)).facts
    assert other_mask.image_digest == before.image_digest
    assert other_mask.digest != before.digest
    other_image = inspect(pair(IMAGE + 1)).facts
    assert other_image.image_digest != before.image_digest
    # The same bytes in another shape.
    turned = inspect(pair(IMAGE.reshape(3, 2), MASK.reshape(3, 2))).facts
    assert turned.image_digest != before.image_digest


def test_files_of_the_other_byte_order_have_the_same_digest(pair, tmp_path):
    image = IMAGE.astype("uint16") * 1000
    digests = []
    for order in "<>":
        names = pair(image)
        tifffile.imwrite(names.image.path, image, byteorder=order)
        digests.append(inspect(names).facts.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_counted(pair, value):
    image = np.stack([IMAGE.astype("float32")] * 3, axis=-1)
    image[1, :, :2] = value
    found = inspect(pair(image))
    assert found.facts is None
    # Two channels of three pixels.
    assert "a.tif: holds 6 NaN or infinite values." in str(found.findings[0])


def test_values_beyond_float32_are_refused(pair):
    found = inspect(pair(IMAGE * 1e200))
    assert codes(found) == ["too-large"]


def test_a_single_pixel_beyond_float32_is_refused_however_it_is_scaled(pair):
    image = np.zeros((2, 3))
    image[0, 1] = -1e39
    for how in ("per_image", "dtype"):
        assert codes(inspect(pair(image), how=how)) == ["too-large"]


def test_pixels_of_no_data_are_counted(pair, tmp_path):
    both = pair(IMAGE.astype("float32"))
    image = IMAGE.astype("float32")
    image[1, 1:] = -9999
    tag = [(42113, "s", 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "images" / "a.tif", image, extratags=tag)
    found = inspect(both)
    assert codes(found) == ["no-data"]
    assert "33 % of its pixels are NoData (-9999)" in found.findings[0].message
    assert "take scaling dtype" in found.findings[0].way_out
    finding = inspect(both, how="dtype").findings[-1]
    assert finding.code == "no-data"
    assert finding.way_out.startswith("Unless they are marked in the mask")


def test_a_constant_image_is_a_warning(pair):
    found = inspect(pair(np.full((2, 3), 7, "uint8")))
    assert found.facts is not None
    assert "all pixels have the value 7" in str(found.findings[0])


def test_both_files_are_told_if_neither_can_be_read(pair):
    names = pair(name="a.png")
    names.image.path.write_bytes(b"")
    names.mask.path.write_bytes(b"")
    found = inspect(names)
    assert found.facts is None
    assert codes(found) == ["unreadable"] * 2
    assert [f.file for f in found.findings] == [names.image.name, names.mask.name]


def test_a_file_that_is_gone_is_told(pair):
    names = pair(name="a.png")
    names.image.path.unlink()
    assert codes(inspect(names)) == ["unreadable"]


def test_another_size_is_told_with_both_sizes(pair):
    (found,) = inspect(pair(np.zeros((4, 3), "uint8") + IMAGE[:1])).findings
    assert "the mask is 2x3 (height x width)" in str(found)
    assert "a.tif is 4x3. Give a mask of the image's size." in str(found)


def test_a_turned_mask_is_called_so(pair):
    (found,) = inspect(pair(IMAGE.T)).findings
    assert "Turn one of them by a quarter." in str(found)


def test_a_jpeg_is_never_a_mask(pair, tmp_path):
    names = pair()
    path = tmp_path / "masks" / "a.JPG"
    PIL.Image.fromarray(MASK).save(path, "JPEG")
    (found,) = inspect(Pair(names.image, ImageEntry(path))).findings
    assert found.code == "jpeg-mask" and "its compression changes values" in str(found)


@pytest.mark.parametrize("name", ["a.webp", "a.tif"])
def test_lossy_masks_hide_in_other_formats(pair, tmp_path, name):
    names = pair()
    path = tmp_path / "masks" / name
    if name == "a.tif":
        mask = np.repeat(MASK[..., np.newaxis], 3, axis=2).astype("uint8")
        tifffile.imwrite(path, mask, compression="jpeg", photometric="rgb")
    else:
        PIL.Image.fromarray(MASK).save(path, lossless=False)
    (found,) = inspect(Pair(names.image, ImageEntry(path))).findings
    assert found.code == {"a.webp": "lossy-mask", "a.tif": "jpeg-mask"}[name]
    assert "its compression changes values" in str(found)


def test_an_image_of_many_values_is_no_mask(pair, random, monkeypatch):
    monkeypatch.setattr(inspection, "MANY_VALUES", 50)
    noise = random.integers(0, 65535, (20, 30)).astype("uint16")
    found = inspect(pair(noise, noise))
    assert found.facts is None
    assert codes(found) == ["no-ids"]
    assert "different values: this is an image, not a mask" in str(found.findings[0])


def test_counting_values_has_an_end(pair, random, monkeypatch):
    monkeypatch.setattr("pipelines.dataset.value_counts.MOST_VALUES", 50)
    ids = np.arange(600, dtype="uint16").reshape(20, 30)
    assert codes(inspect(pair(ids, ids))) == ["no-ids"]


@pytest.mark.parametrize("in_colour", [False, True])
def test_masks_in_colour_are_counted_by_colour(pair, in_colour):
    mask = np.zeros((2, 3, 3), "uint8")
    mask[0, 0] = (255, 0, 16)
    facts = inspect(pair(mask=mask, name="a.png"), in_colour=in_colour).facts
    assert facts.mask_counts == {0: 5, 0xFF0010: 1}
    assert facts.mask_in_colour != in_colour


def test_grey_masks_stored_as_rgb_are_counted_by_their_grey_value(pair):
    facts = inspect(pair(mask=np.dstack([MASK] * 3), name="a.png")).facts
    assert facts.mask_counts == {0: 3, 255: 3}
    assert not facts.mask_in_colour


def test_grey_masks_of_a_set_in_colour_are_counted_by_colour(pair):
    facts = inspect(pair(name="a.png"), in_colour=True).facts
    assert facts.mask_counts == {0: 3, 0xFFFFFF: 3}


def test_an_image_and_mask_of_many_blocks_are_read_like_small_ones(pair, random):
    image = random.integers(0, 4000, (300, 40), dtype="uint16")
    mask = (image > 2000).astype("uint8")
    names = pair(image, mask)
    whole = inspect(names).facts

    def small(opened, block_bytes=2048):
        return BLOCKS(opened, block_bytes)

    BLOCKS = inspection.blocks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "blocks", small)
        parts = inspect(names).facts
    assert (parts.mean, parts.std) == (whole.mean, whole.std)
    assert parts.mask_counts == whole.mask_counts
    assert pathlib.Path(names.image.name).exists()


def test_an_image_that_viewers_turn_is_warned_of(pair):
    one = pair(name="a.png")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(IMAGE).save(one.image.path, exif=exif)
    (finding,) = inspect(one).findings
    assert (finding.code, finding.severity) == ("orientation", "warning")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_palette_of_a_mask_says_the_colours_of_its_values(pair, suffix):
    named = pair(name=f"a.{suffix}")
    mask = np.array([[0, 2, 2], [0, 0, 1]], "uint8")
    palette = np.zeros((256, 3), "uint8")
    palette[1], palette[2], palette[3] = 7, (0, 160, 255), 9
    if suffix == "tif":
        wide = palette.T.astype("uint16") << 8
        tifffile.imwrite(
            named.mask.path, mask, photometric="palette", colormap=wide, rowsperstrip=1
        )
    else:
        image = PIL.Image.frombytes("P", (3, 2), mask.tobytes())
        image.putpalette(palette[:4].tobytes())
        image.save(named.mask.path)
    facts = inspect(named).facts
    assert facts.mask_counts == {0: 3, 1: 1, 2: 2}
    assert facts.mask_colours == {0: 0, 1: 0x070707, 2: 0x00A0FF}
    # Read as colours, its values are greys.
    assert inspect(named, in_colour=True).facts.mask_colours == {}
