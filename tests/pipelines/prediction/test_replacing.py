import numpy as np
import pytest
import zarr

from pipelines.images.done_files import DoneFiles
from pipelines.images.layout import ImageLayout, ImageToWrite
from pipelines.images.zarr_writing import write_zarr
from pipelines.prediction.replacing import check_no_training_files, check_replaceable


def recorded(path):
    source = path.with_name("source")
    source.touch()
    done = DoneFiles([])
    done.mark(path, done.key(source), path)


def test_a_zarr_is_replaced_if_it_is_a_result(tmp_path):
    mine, another = tmp_path / "mine.zarr", tmp_path / "another.zarr"
    layout = ImageLayout(2, 3, 1, np.dtype(np.uint8))
    write_zarr(mine, [ImageToWrite(layout, [(0, 0, np.zeros((2, 3, 1), np.uint8))])])
    check_replaceable(mine, [])
    zarr.save_array(str(another), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="another.zarr is a folder that no prediction"):
        check_replaceable(another, [])
    # As of versions that wrote no mark.
    recorded(another)
    check_replaceable(another, [])


def test_a_file_beside_the_images_is_replaced_if_it_is_a_result(tmp_path):
    source, path = tmp_path / "a.tif", tmp_path / "a.png"
    check_replaceable(path, [source])
    path.write_bytes(b"an image")
    check_replaceable(path, [tmp_path / "images" / "a.tif"])
    with pytest.raises(ValueError, match="a.png lies beside the images, and no pred"):
        check_replaceable(path, [source])
    recorded(path)
    check_replaceable(path, [source])


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
    other = path.with_name("b.png")
    check_no_training_files(run, settings, [other])
    with pytest.raises(ValueError, match=f"{folder}/a.png is an image or mask that"):
        check_no_training_files(run, settings, [path])
    # Under another name.
    other.hardlink_to(path)
    with pytest.raises(ValueError, match="b.png is an image or mask that the run has"):
        check_no_training_files(run, settings, [other])
    check_no_training_files(run, {"masks": "gone"}, [path])
