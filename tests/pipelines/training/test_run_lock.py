import os
import signal
import subprocess
import sys

import pytest

from pipelines.training import run_lock

HOLD = """
import pathlib, sys, time
from pipelines.training import run_lock
with run_lock.held(pathlib.Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    return tmp_path / "run"


def test_a_second_process_is_refused_until_the_first_is_killed(run):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match="another process is training this run"),
            run_lock.held(run),
        ):
            pass
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with run_lock.held(run):
        pass


def test_nothing_is_left_behind(run):
    with run_lock.held(run):
        assert list((run / "checkpoint").iterdir()) == []
    with run_lock.held(run):
        pass
