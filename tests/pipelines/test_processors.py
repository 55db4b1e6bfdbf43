import os

import pytest

from pipelines.processors import count_processors


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes a machine of 16 processors, with files of control groups."""

    def make(affinity=16, **files):
        monkeypatch.setattr(os, "cpu_count", lambda: 16)
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False
        )
        names = {"own": "proc/self/cgroup"}
        for name, text in files.items():
            path = tmp_path / names.get(name, f"sys/fs/cgroup/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    return make


def test_without_limits_all_processors_count(machine):
    assert count_processors(machine()) == 16
    assert count_processors(machine(**{"cpu.max": "max 100000"})) == 16


def test_those_that_the_process_may_run_on_count(machine):
    assert count_processors(machine(affinity=3)) == 3


@pytest.mark.parametrize(
    ("limit", "count"),
    [("200000 100000", 2), ("250000 100000", 3), ("5000 100000", 1), ("9e9 x", 16)],
)
def test_a_container_s_quota_counts(machine, limit, count):
    assert count_processors(machine(**{"cpu.max": limit})) == count


def test_the_fewer_of_both_count(machine):
    root = machine(affinity=2, **{"cpu.max": "800000 100000"})
    assert count_processors(root) == 2


def test_groups_around_the_own_one_count_too(machine):
    files = {"own": "0::/jobs/mine", "jobs/cpu.max": "400000 100000"}
    files["jobs/mine/cpu.max"] = "max 100000"
    assert count_processors(machine(**files)) == 4


def test_quotas_of_the_first_version_count(machine):
    files = {"own": "5:memory:/a\n3:cpu,cpuacct:/a", "memory/a/cpu.max": "1 1"}
    files |= {"cpu/a/cpu.cfs_quota_us": "600000", "cpu/a/cpu.cfs_period_us": "100000"}
    assert count_processors(machine(**files)) == 6
    unlimited = {"cpu/a/cpu.cfs_quota_us": "-1"}
    assert count_processors(machine(**unlimited)) == 16


def test_where_nothing_tells_of_affinity_all_count(machine, monkeypatch):
    root = machine()
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_processors(root) == 1


def test_there_is_at_least_one_here():
    assert 1 <= count_processors() <= os.cpu_count()
