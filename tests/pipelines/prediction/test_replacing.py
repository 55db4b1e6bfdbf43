import numpy as np
import pytest
import tifffile
import zarr

from pipelines.prediction import replacing
from pipelines.prediction.replacing import ReplacementCheck
from pipelines.results.done_files import DoneFiles
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.zarr_writing import write_zarr
from pipelines.run_folder import RunRecord


def recorded(path):
    source = path.with_name("source")
    source.touch()
    done = DoneFiles([])
    done.mark(path, done.key(source), path)


def record(settings=None, data=None):
    return RunRecord(
        settings=settings or {},
        network={},
        classes=[],
        mask_coding={},
        scaling="dtype",
        threshold=None,
        precision={},
        data=data or {},
        best={},
        versions={},
    )


def check(path, run=None, **known):
    ReplacementCheck(run or path.parent, record(**known)).check(path)


def test_a_zarr_is_replaced_if_it_is_a_result(tmp_path):
    mine, another = tmp_path / "mine.zarr", tmp_path / "another.zarr"
    layout = ImageLayout(2, 3, 1, np.dtype(np.uint8))
    write_zarr(mine, [ImageToWrite(layout, [(0, 0, np.zeros((2, 3, 1), np.uint8))])])
    check(mine)
    zarr.save_array(str(another), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="another.zarr is already there, and is no"):
        check(another)
    # As of versions that wrote no mark.
    recorded(another)
    check(another)


def test_a_file_is_replaced_if_it_is_a_result(tmp_path):
    path = tmp_path / "a.png"
    check(path)
    path.write_bytes(b"a mask drawn by hand")
    with pytest.raises(ValueError, match="a.png is already there, and is no res"):
        check(path)
    recorded(path)
    check(path)


@pytest.mark.parametrize("folder", ["images", "masks", "held"])
def test_what_a_run_has_learned_from_is_not_written_over(tmp_path, monkeypatch, folder):
    run = tmp_path / "project" / "runs" / "cells"
    path = tmp_path / "project" / folder / "a.png"
    for made in (run, path.parent):
        made.mkdir(parents=True)
    path.write_bytes(b"")
    # Relative to where it was trained, which is not where it predicts.
    monkeypatch.chdir(tmp_path)
    settings = {
        "images": "images",
        "masks": str(tmp_path / "project" / "masks"),
        "validation_masks": "held/*.png",
        "validation_images": None,
    }
    recorded(path)
    other = path.with_name("b.png")
    check(other, run=run, settings=settings)
    with pytest.raises(ValueError, match=f"{folder}/a.png is an image or mask that"):
        check(path, run=run, settings=settings)
    check(path, run=run, settings={"masks": "gone"})
    if folder != "images":
        # Under another name.
        other.hardlink_to(path)
        with pytest.raises(ValueError, match="b.png is an image or mask that the run"):
            check(other, run=run, settings=settings)


def test_results_that_came_to_lie_beside_the_training_images_are_replaced(tmp_path):
    for name in ("a", "b", "result"):
        stack = np.zeros((2, 8, 8), np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, photometric="minisblack")
        recorded(tmp_path / f"{name}.tif")
    data = {
        "training": {"images": ["data/a.tif page 0", "data/a.tif page 1"]},
        "validation": {"images": ["data/b.tif page 0"]},
    }
    settings = {"images": str(tmp_path / "*.tif")}
    check(tmp_path / "result.tif", settings=settings, data=data)
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=f"{name}.tif is an image or mask that"):
            check(tmp_path / f"{name}.tif", settings=settings, data=data)
    # Nothing is known of single masks.
    masks = {"masks": settings["images"]}
    with pytest.raises(ValueError, match="result.tif is an image or mask that"):
        check(tmp_path / "result.tif", settings=masks, data=data)


def test_training_sets_are_read_once(tmp_path, monkeypatch):
    read = []

    def listed(function):
        def call(argument, **settings):
            read.append(str(argument))
            return function(argument, **settings)

        return call

    monkeypatch.setattr(replacing, "find_images", listed(replacing.find_images))
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.jpg").touch()
    settings = {"images": str(images), "validation_images": str(images)}
    checked = ReplacementCheck(tmp_path / "run", record(settings))
    for name in ("a.png", "b.png"):
        checked.check(tmp_path / name)
        assert read == []
        (tmp_path / name).touch()
        recorded(tmp_path / name)
    for name in ("a.png", "b.png"):
        checked.check(tmp_path / name)
    assert read == [str(images)]
