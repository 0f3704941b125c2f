"""What of the machine this process may use: cores and memory, a container's limits counted.

Linux says in ``/proc/self/cgroup`` which group the process is in, and each group up to the root may set a limit.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

_CGROUPS = "sys/fs/cgroup"


def usable_cores(root: str = "/") -> int:
    """The cores this process may use: its affinity and its container's quota counted, not the machine's number."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        cores = os.cpu_count() or 1
    quota = _quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def usable_memory(root: str = "/") -> int | None:
    """The bytes of memory this process may use: what the machine has or, if that is less, its container; None if unknown."""
    known = [size for size in (_physical(), _memory_limit(root)) if size is not None]
    return min(known) if known else None


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on this platform
        return None


@functools.lru_cache(maxsize=8)
def _quota(root: str) -> float | None:
    """How many cores' time the groups allow, the least of them."""
    found: list[float] = []
    for group in _groups(root, None):
        quota, period = (*_words(f"{group}/cpu.max"), "", "")[:2]
        _ratio(quota, period, found)
    for group in _groups(root, "cpu"):
        quota, period = (" ".join(_words(f"{group}/cpu.cfs_{name}_us")) for name in ("quota", "period"))
        _ratio(quota, period, found)
    return min(found) if found else None


def _ratio(quota: str, period: str, found: list[float]) -> None:
    if (
        quota.isdecimal() and period.isdecimal() and int(quota) and int(period)
    ):  # else "max", -1, or no such file
        found.append(int(quota) / int(period))


@functools.lru_cache(maxsize=8)
def _memory_limit(root: str) -> int | None:
    files = [f"{group}/memory.max" for group in _groups(root, None)]
    files += [f"{group}/memory.limit_in_bytes" for group in _groups(root, "memory")]
    # The first version says "none" as a number near 2 ** 63.
    limits = [
        int(words[0])
        for words in map(_words, files)
        if words and words[0].isdecimal() and int(words[0]) < 2**60
    ]
    return min(limits) if limits else None


@functools.lru_cache(maxsize=8)
def _membership(root: str) -> tuple[tuple[str, str, str], ...]:
    """The number, the controllers and the path of each group that the process is in."""
    found = []
    for line in _lines(f"{root}/proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found.append((number, controllers, path))
    return tuple(found)


def _groups(root: str, controller: str | None) -> Iterator[str]:
    """The folders of the process's group and of those around it; ``controller`` is None for the second version."""
    for number, controllers, path in _membership(root):
        if controller is None:
            if number != "0" or controllers:
                continue
            tops = [f"{root}/{_CGROUPS}"]
        else:
            if controller not in controllers.split(","):
                continue
            tops = [f"{root}/{_CGROUPS}/{name}" for name in {controllers, controller}]
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in tops:
            for depth in range(len(parts), -1, -1):
                yield "/".join([top, *parts[:depth]])


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123  (pathlib costs every start an import)
            return opened.read().splitlines()
    except OSError:
        return []


def _words(file: str) -> list[str]:
    lines = _lines(file)
    return lines[0].split() if lines else []
