"""Cores and memory: what the machine has, and a container's limits under a root of our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plait.run import machine
from plait.run.machine import usable_cores, usable_memory


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A tree of files in place of the machine's, on a machine with 8 cores and 10,000 bytes."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "_physical", lambda: 10_000)

    def write(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = Path(tmp_path, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        return str(tmp_path)

    return write


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({}, 8, 10_000),
        ({"proc/self/cgroup": "0::/"}, 8, 10_000),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000",
                "sys/fs/cgroup/a/cpu.max": "250000 100000",
                "sys/fs/cgroup/a/b/memory.max": "max",
                "sys/fs/cgroup/a/memory.max": "7000",
            },
            2,
            7000,
        ),
        (
            {
                "proc/self/cgroup": "0::/a",
                "sys/fs/cgroup/cpu.max": "50000 100000",
                "sys/fs/cgroup/memory.max": "99999",
            },
            1,
            10_000,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/m\n2:cpu,cpuacct:/c\n1:name=systemd:/",
                "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "6000",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            3,
            6000,
        ),
        (
            {
                "proc/self/cgroup": "2:cpu:/c",
                "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/c/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            1,
            10_000,
        ),
        ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/cpu.max": ""}, 8, 10_000),
    ],
)
def test_the_least_of_all_limits_counts(root, files, cores, memory):
    tree = root(files)
    assert (usable_cores(tree), usable_memory(tree)) == (cores, memory)


def test_where_nothing_is_known_of_memory_none_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError("unknown")), raising=False)
    assert usable_memory(str(tmp_path)) is None
    monkeypatch.delattr(os, "sysconf")
    assert usable_memory(str(tmp_path)) is None
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(str(tmp_path)) == 1
