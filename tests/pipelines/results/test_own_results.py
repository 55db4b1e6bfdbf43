import numpy as np
import pytest
import zarr

from pipelines.results.done_files import DoneFiles
from pipelines.results.own_results import OwnResults


@pytest.mark.parametrize("is_done", [True, False])
def test_what_was_recorded_is_replaced(tmp_path, is_done):
    source, path = tmp_path / "a.tif", tmp_path / "a.png"
    source.write_bytes(b"image")
    OwnResults().check(path)
    path.write_bytes(b"mask")
    with pytest.raises(ValueError, match=r"a\.png is already there, and is no result"):
        OwnResults().check(path)
    done = DoneFiles([])
    done.mark(path, done.key(source) if is_done else "", path)
    assert (done.find(source, path) is not None) is is_done
    OwnResults().check(path)


def test_a_zarr_of_others_is_not_replaced(tmp_path):
    zarr.save_array(str(tmp_path / "a.zarr"), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"a\.zarr is already there"):
        OwnResults().check(tmp_path / "a.zarr")


def test_the_record_is_read_once(tmp_path):
    own = OwnResults()
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"mask")
        DoneFiles([]).mark(tmp_path / name, "", tmp_path / name)
    own.check(tmp_path / "a.png")
    (tmp_path / ".keras-unet-done.jsonl").unlink()
    own.check(tmp_path / "b.png")
