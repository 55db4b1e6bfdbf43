import collections
import dataclasses
import errno
import shutil
import sys
import threading
import time

import numpy as np
import PIL.Image
import pytest
import tifffile
import tqdm

from pipelines import cli, predict
from pipelines.config import PredictConfig
from pipelines.overlap_tile import plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass
from pipelines.prediction import (
    file_prediction,
    folder_prediction,
    image_prediction,
)
from pipelines.prediction.file_prediction import FilePredictor
from pipelines.prediction.memory_plan import MemoryModel
from pipelines.prediction.output_values import OutputValues
from pipelines.results.file_failures import FilesError


@pytest.fixture(scope="module")
def run(random_net, save_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return save_run(path, random_net("padded", 1, 1, 1))


@pytest.fixture
def images(random, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()

    def write(*names, side=12):
        for name in names:
            pixels = random.integers(0, 256, (side, side), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(folder / name)
        return folder

    return write


def predicted(run, images, out):
    return predict(PredictConfig(model=str(run), images=str(images), out=str(out)))


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_a_small_file_is_computed_while_another_is_written(
    run, images, tmp_path, monkeypatch
):
    folder = images("a.png", "b.png")
    write, encode = file_prediction.write_windowed, OutputValues.encode
    computed = {"a": threading.Event(), "b": threading.Event()}
    began = iter("ab")

    def encoding(values, probability):
        computed[next(began)].set()
        return encode(values, probability)

    def writing(path, *arguments, **settings):
        write(path, *arguments, **settings)
        # Neither file is whole before both are computed.
        assert all(event.wait(60) for event in computed.values())

    monkeypatch.setattr(OutputValues, "encode", encoding)
    monkeypatch.setattr(file_prediction, "write_windowed", writing)
    predicted(run, folder, tmp_path / "out")
    assert visible(tmp_path / "out") == ["a.png", "b.png"]


@pytest.fixture(scope="module")
def opened():
    """Counts how often each file is opened."""
    counts = collections.Counter()

    def count(event, arguments):
        if event == "open":
            counts[str(arguments[0])] += 1

    # It stays as long as the process.
    sys.addaudithook(count)
    return counts


def test_the_head_of_an_image_is_read_once_before_the_work(
    run, images, random, tmp_path, opened
):
    folder = images("a.png", "b.jpg")
    pixels = random.integers(0, 256, (12, 12), dtype=np.uint8)
    tifffile.imwrite(folder / "c.tif", pixels)
    opened.clear()
    predicted(run, folder, tmp_path / "out")
    # Of all before the first is computed, and by the thread that decodes it.
    assert opened[str(folder / "a.png")] == opened[str(folder / "b.jpg")] == 3
    # The pages are listed by two readers, when it is found.
    assert opened[str(folder / "c.tif")] == 3


def test_an_image_that_changes_before_its_turn_is_looked_at_again(
    run, images, tmp_path, monkeypatch
):
    folder = images("a.png", "b.png")
    write = FilePredictor.write

    def writing(files, prepared, advance, **settings):
        if prepared.file.path.name == "a.png":
            images("b.png", side=9)
        return write(files, prepared, advance, **settings)

    monkeypatch.setattr(folder_prediction, "SMALL_PIXELS", 0)
    monkeypatch.setattr(FilePredictor, "write", writing)
    predicted(run, folder, tmp_path / "out")
    with PIL.Image.open(tmp_path / "out" / "b.png") as mask:
        assert mask.size == (9, 9)


@pytest.mark.parametrize(
    ("names", "small_pixels", "expected"),
    [
        (("a.png", "b.png", "c.png"), 144, [2, 2, 2]),
        (("a.png", "b.png", "c.png"), 143, [1, 1, 1]),
        (("a.png",), 144, [1]),
    ],
)
def test_only_small_files_share_the_memory(
    run, images, tmp_path, monkeypatch, names, small_pixels, expected
):
    folder = images(*names)
    write = FilePredictor.write
    at_once, at_work, most = [], [], []

    def spy(files, prepared, advance, *, files_at_once):
        at_once.append(files_at_once)
        at_work.append(prepared)
        most.append(len(at_work))
        written = write(files, prepared, advance, files_at_once=files_at_once)
        at_work.remove(prepared)
        return written

    monkeypatch.setattr(folder_prediction, "SMALL_PIXELS", small_pixels)
    monkeypatch.setattr(FilePredictor, "write", spy)
    predicted(run, folder, tmp_path / "out")
    assert at_once == expected
    assert max(most) <= max(expected)


def test_the_memory_of_the_other_file_is_counted(run, images, tmp_path, monkeypatch):
    seen = []
    peak = MemoryModel.peak

    def spy(model, tile_pass, demand):
        alone = dataclasses.replace(demand, files_at_once=1)
        found = peak(model, tile_pass, demand)
        seen.append(found - peak(model, tile_pass, alone))
        return found

    monkeypatch.setattr(MemoryModel, "peak", spy)
    predicted(run, images("a.png", "b.png"), tmp_path / "out")
    assert min(seen) > 0
    seen.clear()
    predicted(run, images() / "a.png", tmp_path / "alone")
    assert max(seen) == 0


def test_the_first_and_the_last_of_many_fail_and_the_others_are_done(
    run, images, tmp_path, caplog
):
    folder = images("b.png", "c.png", "d.png")
    for name in ("a.png", "e.png"):
        (folder / name).write_bytes(b"no image")
    with pytest.raises(FilesError, match="2 of 5 files failed") as error:
        predicted(run, folder, tmp_path / "out")
    assert [path.name for path in error.value.done] == ["b.png", "c.png", "d.png"]
    warned = [r.message for r in caplog.records if r.name.startswith("pipelines")]
    assert [message.partition(":")[0][-5:] for message in warned] == ["a.png", "e.png"]


def test_a_disk_that_is_full_for_one_file_leaves_the_other(
    run, images, tmp_path, monkeypatch
):
    folder = images("a.png", "b.png")
    write = file_prediction.write_windowed

    def full(path, *arguments, **settings):
        write(path, *arguments, **settings)
        if path.name.startswith(".a.png"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_prediction, "write_windowed", full)
    with pytest.raises(FilesError, match=r"out/a\.png: cannot be written \(No space"):
        predicted(run, folder, tmp_path / "out")
    assert visible(tmp_path / "out") == ["b.png"]
    assert not list((tmp_path / "out").glob("*.part"))


Usage = collections.namedtuple("Usage", ["free"])


@pytest.mark.parametrize(
    ("code", "free", "stays"),
    [
        # What a file of 40 x 40 pixels takes, and its own windows.
        (errno.ENOSPC, 3200, True),
        (errno.ENOSPC, 3199, False),
        (errno.EDQUOT, 3200, False),
    ],
)
def test_what_a_full_disk_interrupts_is_kept_while_there_is_room_for_others(
    run, images, tmp_path, monkeypatch, caplog, code, free, stays
):
    folder = images("a.png", side=50)
    images("b.png", "c.png", side=40)
    write = file_prediction.write_windowed

    def full(path, *arguments, **settings):
        write(path, *arguments, **settings)
        if path.name.startswith(".a.png"):
            raise OSError(code, "No space left on device")

    def small_tiles(net, memory, demand, budget, *, flips, **_):
        size = demand.layout.height, demand.layout.width
        plan = plan_tiles(*size, 8, net.depth, net.variant)
        return TilePass(net, plan, flips)

    monkeypatch.setattr(image_prediction, "largest_plan", small_tiles)
    monkeypatch.setattr(file_prediction, "write_windowed", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free))
    with pytest.raises(FilesError, match="1 of 3 files failed"):
        predicted(run, folder, tmp_path / "out")
    assert visible(tmp_path / "out") == ["b.png", "c.png"]
    assert (tmp_path / "out" / ".a.png.0.windows").exists() is stays
    assert "keeps what is computed of" in caplog.text
    assert caplog.text.count("room for the other results") == (not stays)


def test_a_tiff_that_breaks_half_way_is_one_sentence_and_the_others_are_done(
    run, images, random, tmp_path, capsys
):
    folder = images("a.png", "c.png")
    pixels = random.integers(0, 256, (256, 256), dtype=np.uint8)
    tifffile.imwrite(folder / "b.tif", pixels, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(folder / "b.tif") as file:
        start = file.pages[0].dataoffsets[10]
    content = bytearray((folder / "b.tif").read_bytes())
    content[start : start + 64] = bytes(64)
    (folder / "b.tif").write_bytes(content)
    out = tmp_path / "out"
    words = ["predict", "--model", str(run), "--images", str(folder), "--out", str(out)]
    assert cli.main(words) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(out / "a.png"), str(out / "c.png")]
    last = printed.err.splitlines()[-1]
    assert "1 of 3 files failed" in last
    assert f"{folder / 'b.tif'}: cannot be read as TIFF" in last
    assert visible(out) == ["a.png", "c.png"]


def test_a_failed_file_does_not_leave_the_bar_short(run, images, tmp_path, monkeypatch):
    folder = images("a.png", "b.png", side=10)
    write = file_prediction.write_windowed
    bars = []
    make = tqdm.tqdm.__init__

    def keeping(bar, *arguments, **settings):
        make(bar, *arguments, **settings)
        bars.append(bar)

    def broken(path, *arguments, **settings):
        if path.name.startswith(".a.png"):
            raise OSError(errno.EIO, "Input/output error")
        write(path, *arguments, **settings)

    monkeypatch.setattr(tqdm.tqdm, "__init__", keeping)
    monkeypatch.setattr(file_prediction, "write_windowed", broken)
    with pytest.raises(FilesError):
        predicted(run, folder, tmp_path / "out")
    # A bar that is not shown counts nothing by itself.
    assert bars[0].total == 100


def test_a_run_that_is_stopped_ends_the_other_file_too(
    run, images, tmp_path, monkeypatch
):
    folder = images("a.png", "b.png")
    stopped = threading.Event()
    write = FilePredictor.write

    def writing(files, prepared, advance, **settings):
        if prepared.file.path.name == "a.png":
            stopped.set()
            raise KeyboardInterrupt
        assert stopped.wait(60)

        def later(pixels):
            # Until the run has seen that it is to end, which this raises.
            for _ in range(6000):
                advance(0)
                time.sleep(0.01)
            advance(pixels)

        return write(files, prepared, later, **settings)

    monkeypatch.setattr(FilePredictor, "write", writing)
    with pytest.raises(KeyboardInterrupt):
        predicted(run, folder, tmp_path / "out")
    assert visible(tmp_path / "out") == []
    assert not list((tmp_path / "out").glob(".*.part"))
