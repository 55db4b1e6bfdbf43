import errno
import resource
import signal

import numpy as np
import pytest

from pipelines.images.damage import UnreadableImage
from pipelines.overlap_tile import plan_tiles
from pipelines.prediction import kept_windows
from pipelines.prediction.kept_windows import KeptWindows
from pipelines.prediction.memory_plan import TooLittleMemory
from pipelines.results.layout import ImageLayout

LAYOUT = ImageLayout(37, 50, 2, np.dtype(np.uint16))
# 5 rows of 7 tiles with cores of 8 pixels; the last of each side are smaller.
PLAN = plan_tiles(37, 50, 8, 1, "padded")
WHOLE = np.arange(37 * 50 * 2).reshape(37, 50, 2).astype(np.uint16)


@pytest.fixture
def kept(tmp_path):
    def make(key="settings", resume=True, **about):
        return KeptWindows(tmp_path / "mask.tif", key, resume=resume, **about)

    return make


class Computed:
    """Computes windows, and notes from which on and how many."""

    def __init__(self):
        self.skipped, self.count = None, 0

    def __call__(self, skip):
        self.skipped = skip
        for top, left, height, width in list(PLAN.regions())[skip:]:
            self.count += 1
            yield top, left, WHOLE[top : top + height, left : left + width]


def stitched(windows, most=None):
    result = np.zeros_like(WHOLE)
    for number, (top, left, pixels) in enumerate(windows, start=1):
        result[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        if number == most:
            break
    return result


def stopped(kept, windows):
    """Takes some windows, then no more, as a killed process would."""
    generator = kept.through(0, PLAN, LAYOUT, Computed())
    stitched(generator, windows)
    generator.close()


def test_what_was_computed_is_not_computed_again(kept):
    stopped(kept(), 20)
    computed = Computed()
    found = stitched(kept().through(0, PLAN, LAYOUT, computed))
    np.testing.assert_array_equal(found, WHOLE)
    assert (computed.skipped, computed.count) == (20, 35 - 20)


def test_half_a_window_is_computed_again(kept, tmp_path):
    stopped(kept(), 20)
    path = tmp_path / ".mask.tif.0.windows"
    path.write_bytes(path.read_bytes()[:-3])
    computed = Computed()
    found = stitched(kept().through(0, PLAN, LAYOUT, computed))
    np.testing.assert_array_equal(found, WHOLE)
    assert computed.skipped == 19
    # And that one is kept as it should be.
    computed = Computed()
    np.testing.assert_array_equal(
        stitched(kept().through(0, PLAN, LAYOUT, computed)), WHOLE
    )
    assert computed.count == 0


def test_other_settings_another_plan_and_no_resume_begin_anew(kept):
    other_plan = plan_tiles(37, 50, 6, 1, "padded")
    for changes, plan in (
        ({"key": "others"}, PLAN),
        ({}, other_plan),
        ({"resume": False}, PLAN),
    ):
        stopped(kept(), 20)
        computed = Computed()
        stitched(kept(**changes).through(0, plan, LAYOUT, computed))
        assert computed.skipped == 0


def test_the_tiles_of_what_is_kept_are_known(kept):
    assert kept().begun(0, LAYOUT) is None
    stopped(kept(), 20)
    assert kept().begun(0, LAYOUT) == 8
    assert plan_tiles(37, 50, 8, 1, "padded") == PLAN
    for other in (kept(key="others"), kept(resume=False)):
        assert other.begun(0, LAYOUT) is None
    assert kept().begun(1, LAYOUT) is None


def test_pages_of_a_stack_are_kept_apart_and_removed_together(kept, tmp_path):
    for page in (0, 1):
        generator = kept(num_images=2).through(page, PLAN, LAYOUT, Computed())
        stitched(generator, 18)
        generator.close()
    (tmp_path / ".mask.tif.notes").write_text("not ours")
    assert len(list(tmp_path.iterdir())) == 3
    kept(num_images=2).remove()
    assert [path.name for path in tmp_path.iterdir()] == [".mask.tif.notes"]


def test_without_room_the_result_is_made_all_the_same(kept, tmp_path, caplog):
    limit = 35 * 37 * 2
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        found = stitched(kept().through(0, PLAN, LAYOUT, Computed()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    np.testing.assert_array_equal(found, WHOLE)
    (message,) = caplog.messages
    assert "nothing can be kept there (File too large)" in message
    assert list(tmp_path.iterdir()) == []


def test_without_room_nothing_of_a_stack_is_kept(kept, tmp_path, monkeypatch):
    windows = kept(num_images=3)
    stitched(windows.through(0, PLAN, LAYOUT, Computed()))
    assert len(list(tmp_path.iterdir())) == 1

    def no_room(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_windows, "_written", no_room)
    for page in (1, 2):
        found = stitched(windows.through(page, PLAN, LAYOUT, Computed()))
        np.testing.assert_array_equal(found, WHOLE)
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_behind_is_told(kept, tmp_path, caplog):
    kept().tell()
    assert caplog.messages == []
    stopped(kept(), 20)
    kept().tell()
    (message,) = caplog.messages
    assert f"{tmp_path / '.mask.tif.0.windows'} (0 MB) keeps" in message
    assert "go on with resume" in message


def test_few_tiles_are_not_kept(kept, tmp_path):
    few = plan_tiles(37, 50, 16, 1, "padded")
    assert few.num_tiles == 12
    list(kept().through(0, few, LAYOUT, lambda skip: iter([])))
    assert list(tmp_path.iterdir()) == []


def test_few_tiles_of_many_images_are_kept(kept, tmp_path):
    few = plan_tiles(16, 16, 8, 1, "padded")
    layout = ImageLayout(16, 16, 1, np.dtype(np.uint8))
    window = [(0, 0, np.zeros((8, 8, 1), np.uint8))]
    windows = kept(num_images=4).through(0, few, layout, lambda _: window)
    next(windows)
    assert [path.suffix for path in tmp_path.iterdir()] == [".windows"]


def test_two_at_once_do_not_mix(kept):
    first = kept().through(0, PLAN, LAYOUT, Computed())
    stitched(first, 20)
    computed = Computed()
    found = stitched(kept().through(0, PLAN, LAYOUT, computed))
    np.testing.assert_array_equal(found, WHOLE)
    assert computed.skipped == 0
    first.close()
    computed = Computed()
    stitched(kept().through(0, PLAN, LAYOUT, computed))
    assert computed.skipped == 20


def sentence_of(cause):
    error = UnreadableImage("a.tif: a sentence")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (sentence_of(OSError(errno.ESTALE, "Stale file handle")), True),
        (sentence_of(MemoryError()), True),
        (TooLittleMemory("memory is 1MB"), True),
        (KeyboardInterrupt(), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (sentence_of(OSError("broken data stream")), False),
        (sentence_of(ValueError("no TIFF")), False),
        (ValueError("holds NaN"), False),
    ],
)
def test_windows_are_kept_where_another_try_may_go_well(tmp_path, error, stays):
    kept = KeptWindows(tmp_path / "a.tif", "key", resume=False)
    path = tmp_path / ".a.tif.0.windows"
    path.write_bytes(b"hours of work")
    with pytest.raises(type(error)), kept.removed_unless_of_use():
        raise error
    assert path.exists() == stays
    with kept.removed_unless_of_use():
        pass
    assert not path.exists()


def test_what_makes_room_for_other_results_is_told_once(tmp_path, caplog):
    kept = KeptWindows(tmp_path / "a.tif", "key", resume=False)
    path = tmp_path / ".a.tif.0.windows"
    path.write_bytes(b"hours of work")
    for _ in range(2):
        kept.make_room()
    assert not path.exists()
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path / 'a.tif'}: what was computed of it is rem")
