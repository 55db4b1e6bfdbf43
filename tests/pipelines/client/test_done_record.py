import numpy as np
import pytest

from pipelines.client.done_record import SECONDS, DoneRecord
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.service import Service
from pipelines.results.done_files import DoneFiles


@pytest.fixture
def record_of(fake_server, about_of, waits, tmp_path):
    """A record, what it has marked, and a function that adds a file to it."""

    said = about_of()

    def record_of(*texts, about=said, retries=0):
        answers = [
            {"about": np.array([t.encode()], object)} if isinstance(t, str) else t
            for t in texts
        ]
        pool = ServerPool([fake_server(answers)], retries, waits, waits)
        done = DoneFiles(["settings"])
        record = DoneRecord(done, Service(pool, None, about), waits)

        def add(name):
            source, path = tmp_path / f"{name}.jpg", tmp_path / f"{name}.png"
            for file in (source, path):
                file.write_bytes(b"")
            record.add(path, done.key(source), path)

        def marked():
            # Read anew, as a later run does.
            found = DoneFiles(["settings"])
            names = sorted(tmp_path.glob("*.jpg"))
            return [s.stem for s in names if found.find(s, s.with_suffix(".png"))]

        return record, add, marked

    return record_of


def test_files_are_done_once_the_model_is_known_to_be_the_same(
    record_of, about_of, waits
):
    record, add, marked = record_of(about_of().text, about_of().text)
    add("a")
    assert marked() == [] and record.left_out == "all but the last 1"
    waits.now = SECONDS
    add("b")
    assert marked() == ["a", "b"]
    add("c")
    record.close()
    assert marked() == ["a", "b", "c"] and record.left_out == "them"


def test_files_since_a_swap_are_not_done(record_of, about_of, waits, caplog):
    text = about_of().text
    record, add, marked = record_of(text, text.replace("0.5", "0.25"), text)
    waits.now = SECONDS
    add("a")
    add("b")
    record.close()
    assert "serve another model now than at the start" in caplog.text
    add("c")
    record.close()
    assert marked() == ["a"]


def test_what_servers_serve_that_differ_is_told(record_of, caplog):
    differing = ServerFailure("they differ.", Kind.MISSING)
    record, add, marked = record_of(differing)
    add("a")
    record.close()
    assert marked() == []
    assert "they differ. So it is not known which model made the last" in caplog.text


def test_a_busy_moment_at_the_end_loses_no_file(record_of, about_of, waits):
    busy = ServerFailure("busy.", Kind.BUSY)
    record, add, marked = record_of(busy, busy, about_of().text, retries=1)
    waits.now = SECONDS
    # It is asked again with a later file.
    add("a")
    assert marked() == [] and waits.waits == []
    add("b")
    record.close()
    assert marked() == ["a", "b"] and len(waits.waits) == 1


def test_after_ctrl_c_only_servers_that_answer_at_once_are_asked(
    record_of, about_of, waits, caplog
):
    record, add, marked = record_of(about_of().text, retries=4)
    add("a")
    record.close_at_once()
    assert marked() == ["a"]
    busy = ServerFailure("busy.", Kind.BUSY)
    record, add, marked = record_of(busy, retries=4)
    add("b")
    record.close_at_once()
    assert marked() == ["a"] and waits.waits == []
    assert "busy. So it is not known" in caplog.text


def test_a_silent_model_is_told_by_its_address(record_of):
    _, add, marked = record_of(about=None)
    add("a")
    assert marked() == ["a"]


def test_a_record_that_cannot_be_written_loses_no_mask(record_of, monkeypatch, caplog):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DoneFiles, "mark", full)
    record, add, _ = record_of(about=None)
    add("a")
    record.close()
    assert "cannot be recorded (No space left on device)" in caplog.text
