import os

import numpy as np
import pytest
import tifffile
import zarr

from pipelines.results.done_files import RECORD, DoneFiles, recorded_results


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


def test_a_result_that_is_recorded_before_it_is_renamed_counts_once_it_is(tmp_path):
    source, path, written = (tmp_path / name for name in ("a.jpg", "a.png", "half"))
    source.write_bytes(b"image")
    written.write_bytes(b"mask")
    done = DoneFiles([])
    done.mark(path, done.key(source), path, written)
    assert DoneFiles([]).find(source, path) is None
    assert recorded_results(tmp_path) == {"a.png"}
    written.rename(path)
    assert DoneFiles([]).find(source, path) == path


def test_a_link_to_nothing_is_named_as_one(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "annex")
    with pytest.raises(
        ValueError, match=r"a\.jpg: it is a link to .*annex, which does"
    ):
        DoneFiles([]).key(tmp_path / "a.jpg")


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


def test_the_other_files_of_an_ome_tiff_count(tmp_path, random):
    paths = [tmp_path / f"{channel}.ome.tif" for channel in "ab"]
    planes = "".join(
        f'<TiffData FirstC="{number}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{path.name}">urn:uuid:{number}</UUID></TiffData>'
        for number, path in enumerate(paths)
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:'
        '{}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        'Type="uint8" SizeX="9" SizeY="8" SizeC="2" SizeZ="1" SizeT="1">'
        f"{planes}</Pixels></Image></OME>"
    )

    def write(number):
        pixels = random.integers(0, 9, (8, 9), np.uint8)
        text = xml.format(number)
        tifffile.imwrite(paths[number], pixels, description=text, metadata=None)

    write(0), write(1)
    # Earlier than now: a clock may tick too seldom.
    os.utime(paths[1], (5, 5))
    key = DoneFiles([]).key(paths[0])
    assert DoneFiles([]).key(paths[0]) == key
    write(1)
    assert DoneFiles([]).key(paths[0]) != key


def test_a_record_that_cannot_be_written_is_told(tmp_path, caplog):
    source, path = tmp_path / "a.jpg", tmp_path / "a.png"
    for file in (source, path):
        file.touch()
    (tmp_path / RECORD).mkdir()
    done = DoneFiles([])
    done.mark(path, done.key(source), path)
    assert "cannot be written (Is a directory); resume will do a.png" in caplog.text
    assert done.find(source, path) is None


def test_an_input_that_is_gone_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read any more \(No such"):
        DoneFiles([]).key(tmp_path / "a.jpg")
