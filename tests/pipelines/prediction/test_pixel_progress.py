import io
import logging
import pathlib
import threading

import tqdm

from pipelines.prediction import pixel_progress
from pipelines.prediction.pixel_progress import PixelProgress
from pipelines.prediction.prediction_files import OutputFile


def files(*names):
    return [OutputFile(pathlib.Path(name), (), chosen=False) for name in names]


def test_the_bar_counts_the_pixels_of_all_files():
    first, second = files("a.png", "b.png")
    with tqdm.tqdm(file=io.StringIO(), total=0) as bar:
        progress = PixelProgress(bar, {first: 100, second: 50})
        assert bar.total == 150
        progress.of(first)(60)
        progress.of(second)(50)
        progress.of(first)(40)
        assert bar.n == 150


def test_what_is_not_done_of_a_failed_file_is_not_waited_for():
    first, second = files("a.png", "b.png")
    with tqdm.tqdm(file=io.StringIO(), total=0) as bar:
        progress = PixelProgress(bar, {first: 100, second: 50})
        progress.of(first)(30)
        progress.give_up(first)
        progress.of(second)(50)
        assert (bar.n, bar.total) == (80, 80)


def test_nothing_is_lost_where_two_threads_count():
    first, second = files("a.png", "b.png")
    with tqdm.tqdm(file=io.StringIO(), total=0) as bar:
        progress = PixelProgress(bar, {first: 20_000, second: 20_000})

        def count(file):
            advance = progress.of(file)
            for _ in range(20_000):
                advance(1)

        threads = [threading.Thread(target=count, args=[f]) for f in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bar.n == 40_000


def test_off_a_terminal_a_line_a_minute_says_how_far_it_is(monkeypatch, caplog):
    clock = iter([0, 59, 61, 120, 182, 190])
    monkeypatch.setattr(pixel_progress.time, "monotonic", lambda: next(clock))
    caplog.set_level(logging.INFO)
    first, second = files("a.png", "b.png")
    with tqdm.tqdm(total=0, disable=True) as bar:
        progress = PixelProgress(bar, {first: 8_000_000, second: 2_000_000})
        advance = progress.of(first)
        for pixels in (500_000, 1_500_000, 1_000_000, 1_000_000):
            advance(pixels)
        progress.give_up(first)
        progress.of(second)(2_000_000)
    assert caplog.messages == [
        "Segmented 2.0 of 10.0 megapixels, about 4 minutes left",
        "Segmented 4.0 of 10.0 megapixels, about 6 minutes left",
    ]


def test_on_a_terminal_there_is_the_bar_alone(monkeypatch, caplog):
    monkeypatch.setattr(pixel_progress, "LINE_SECONDS", 0)
    caplog.set_level(logging.INFO)
    (file,) = files("a.png")
    with tqdm.tqdm(file=io.StringIO(), total=0) as bar:
        PixelProgress(bar, {file: 100}).of(file)(60)
    assert not caplog.messages
