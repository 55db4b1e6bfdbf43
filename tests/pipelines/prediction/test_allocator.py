import platform
import sys

from pipelines.prediction import allocator


def test_glibc_is_told_and_others_are_left_alone(monkeypatch):
    is_glibc = platform.libc_ver()[0] == "glibc"
    assert allocator.return_freed_memory() == is_glibc
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.return_freed_memory()
