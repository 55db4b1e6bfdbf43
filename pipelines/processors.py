"""How many processors this process may use, which may be fewer than there are."""

import math
import os
import pathlib
from collections.abc import Iterator

_ROOT = pathlib.Path("/")


def count_processors(root: pathlib.Path = _ROOT) -> int:
    """Returns how many processors this process may use, at least 1.

    Those that it may run on (taskset, cpusets), or as many as the control groups it is
    in may keep busy, if that is fewer: containers and job schedulers limit by these.

    Args:
        root: of the file system that tells of control groups.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    return max(1, min([count, *map(math.ceil, _quotas(root))]))


def _quotas(root: pathlib.Path) -> Iterator[float]:
    """Yields the processors that each limited control group may keep busy."""
    for folder in _groups(root):
        # Version 2 has one file, "max" if there is no limit; version 1 two, and -1.
        words = _words(folder / "cpu.max") or [
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        ]
        if len(words) == 2 and all(word.isdigit() for word in words):
            quota, period = map(int, words)
            if period:
                yield quota / period


def _groups(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields where the groups of this process may be, from each up to the first."""
    mounted = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    for line in ["0::/", *lines]:
        _, controllers, group = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        top = mounted / "cpu" if controllers else mounted
        # In a container the group may be named as the host sees it, and not be there.
        inner = pathlib.PurePosixPath(group.lstrip("/"))
        for part in (inner, *inner.parents):
            yield top / part


def _words(file: pathlib.Path) -> list[str]:
    try:
        return file.read_text().split()
    except (OSError, ValueError):
        return []
