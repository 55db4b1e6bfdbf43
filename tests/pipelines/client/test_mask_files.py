import os
import pathlib

import numpy as np
import pytest
import tifffile

from pipelines.client.mask_files import write_masks
from pipelines.client.sending import SentImage
from pipelines.images import ImageEntry
from pipelines.images.done_files import DoneFiles, recorded_results
from pipelines.images.own_results import OwnResults
from pipelines.images.writing import encode_png


@pytest.fixture
def mask(random):
    return (random.integers(0, 2, (20, 30)) * 255).astype(np.uint8)


def written(target, *sent):
    own, done = OwnResults(), DoneFiles([])
    return write_masks(target, (), iter(sent), len(sent), own, done)


def test_mask_of_a_server_is_written_as_it_came(tmp_path, mask):
    sent = SentImage(ImageEntry(pathlib.Path("in/a.png")), "key", mask=encode_png(mask))
    assert written(tmp_path / "a.png", sent) == (tmp_path / "a.png", "key")
    assert (tmp_path / "a.png").read_bytes() == encode_png(mask)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_what_must_not_be_replaced_is_not(tmp_path, mask, suffix):
    image = ImageEntry(tmp_path / "in.png")
    image.path.write_bytes(encode_png(mask))
    target = tmp_path / f"a{suffix}"
    target.write_bytes(b"drawn by hand")
    sent = SentImage(image, "key", mask=encode_png(mask))
    with pytest.raises(ValueError, match=rf"a\{suffix} is already there"):
        written(target, sent)
    assert target.read_bytes() == b"drawn by hand"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_mask_is_a_result_before_it_has_its_name(tmp_path, mask, suffix, monkeypatch):
    image = ImageEntry(tmp_path / "in.png")
    image.path.write_bytes(encode_png(mask))
    target = tmp_path / f"a{suffix}"
    replace, recorded = os.replace, []

    def seen(source, path):
        recorded.append(recorded_results(tmp_path))
        replace(source, path)

    monkeypatch.setattr(os, "replace", seen)
    written(target, SentImage(image, "key", mask=encode_png(mask)))
    assert recorded == [{target.name}]
    # Which model has made it is not yet known.
    assert DoneFiles([]).find(image.path, target) is None
    OwnResults().check(target)


def test_masks_of_a_stack_are_pages(tmp_path, mask):
    tifffile.imwrite(tmp_path / "in.tif", np.stack([mask, mask]), metadata=None)
    sent = [
        SentImage(
            ImageEntry(tmp_path / "in.tif", page), f"key {page}", mask=encode_png(part)
        )
        for page, part in enumerate((mask, mask[::-1]))
    ]
    assert written(tmp_path / "a.tif", *sent) == (tmp_path / "a.tif", "key 0")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), [mask, mask[::-1]]
    )


def test_a_mask_that_is_no_whole_png_is_told(tmp_path, mask):
    tifffile.imwrite(tmp_path / "in.tif", mask)
    sent = SentImage(
        ImageEntry(tmp_path / "in.tif"), "key", mask=encode_png(mask)[:-30]
    )
    with pytest.raises(ValueError, match=r"in\.tif: the mask .* is no whole PNG"):
        written(tmp_path / "a.tif", sent)


def test_nothing_is_left_of_a_stack_whose_second_page_failed(tmp_path, mask):
    tifffile.imwrite(tmp_path / "in.tif", np.stack([mask, mask]), metadata=None)
    first = SentImage(ImageEntry(tmp_path / "in.tif", 0), "key", mask=encode_png(mask))
    second = SentImage(ImageEntry(tmp_path / "in.tif", 1), error=ValueError("words"))
    with pytest.raises(ValueError, match="words"):
        written(tmp_path / "out" / "a.tif", first, second)
    assert list((tmp_path / "out").iterdir()) == []
