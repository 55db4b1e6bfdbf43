import os

import pytest
import zarr

from pipelines.images.done_files import RECORD, DoneFiles


def test_done_is_the_same_input_with_the_same_settings(tmp_path):
    source, path = tmp_path / "a.jpg", tmp_path / "a.png"
    source.write_bytes(b"image")
    path.write_bytes(b"mask")
    done = DoneFiles(["mask"])
    assert done.find(source, path) is None
    done.mark(path, done.key(source), path)
    # A killed process may leave half a line.
    with (tmp_path / RECORD).open("a") as record:
        record.write('{"file": "a.')
    assert DoneFiles(["mask"]).find(source, path) == path
    # And what is done after it counts.
    other = tmp_path / "b.png"
    other.write_bytes(b"mask")
    done.mark(other, done.key(source), other)
    assert DoneFiles(["mask"]).find(source, other) == other
    assert DoneFiles(["probability"]).find(source, path) is None
    source.write_bytes(b"another")
    assert DoneFiles(["mask"]).find(source, path) is None


def test_what_was_moved_is_done(tmp_path):
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    source, path = tmp_path / "in" / "a.jpg", tmp_path / "out" / "a.png"
    source.write_bytes(b"image")
    path.write_bytes(b"mask")
    DoneFiles([]).mark(path, DoneFiles([]).key(source), path)
    moved = (tmp_path / "in").rename(tmp_path / "images") / "a.jpg"
    path = (tmp_path / "out").rename(tmp_path / "masks") / "a.png"
    assert DoneFiles([]).find(moved, path) == path
    renamed = moved.rename(moved.with_name("b.jpg"))
    assert DoneFiles([]).find(renamed, path) is None


def test_what_was_removed_or_changed_is_not_done(tmp_path):
    source, path, result = (tmp_path / name for name in ("a.jpg", "a.png", "a.tif"))
    source.write_bytes(b"image")
    result.write_bytes(b"mask")
    DoneFiles([]).mark(path, DoneFiles([]).key(source), result)
    assert DoneFiles([]).find(source, path) == result
    # As after a loss of power.
    result.write_bytes(b"")
    assert DoneFiles([]).find(source, path) is None
    result.unlink()
    assert DoneFiles([]).find(source, path) is None


def test_a_zarr_store_whose_chunks_were_rewritten_is_not_done(tmp_path, random):
    store, values = tmp_path / "a.zarr", random.integers(0, 9, (8, 8), dtype="uint8")
    zarr.save_array(str(store), values)
    path = tmp_path / "a.tif"
    path.write_bytes(b"mask")
    done = DoneFiles(["mask"])
    done.mark(path, done.key(store), path)
    assert DoneFiles(["mask"]).find(store, path) == path
    before = store.stat()
    zarr.open_array(str(store), mode="r+")[:] = values + 1
    os.utime(store, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert DoneFiles(["mask"]).find(store, path) is None


def test_an_input_that_is_gone_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read any more \(No such"):
        DoneFiles([]).key(tmp_path / "a.jpg")
