"""What holds for every test: which `plait` is tested, and that a test leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings

# A machine that is busy with something else is no finding, so examples have no deadline. And what one change passes, the
# next one is held to: the same examples each time. New ones are for those who hunt: PLAIT_PROFILE=hunt, with a seed.
settings.register_profile("plait", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("hunt", settings.get_profile("plait"), derandomize=False)
# tools/mutants.py wants to know whether a test fails, not the smallest example for it. (That can take minutes.)
settings.register_profile(
    "mutants", settings.get_profile("hunt"), phases=[Phase.explicit, Phase.generate], print_blob=False
)
settings.load_profile(os.environ.get("PLAIT_PROFILE", "plait"))

_spec = importlib.util.find_spec("plait")
assert _spec, "Plait is not installed here; `python3 tools/test.py` does everything that is needed"
assert _spec.origin
PLACE = Path(_spec.origin).resolve().parent


def pytest_report_header() -> str:
    return f"plait: {metadata.version('plait') if _is_installed() else 'sources'} from {PLACE}"


def _is_installed() -> bool:
    return "site-packages" in PLACE.parts


def pytest_sessionstart() -> None:
    """The one command says that it tests the wheel; then nothing else may have slipped in."""
    if os.environ.get("PLAIT_TEST_WHEEL") == "1" and not _is_installed():
        raise pytest.UsageError(f"the wheel should be tested, but `import plait` gives {PLACE}")


# Nothing is left behind

PATIENCE = 3.0
"""Seconds in which what is about to end may end."""

ALLOWED_FILES = 8
"""A loop that Plait keeps for `run()` under a running loop has a selector and two sockets, a pool some pipes."""

ALLOWED_FILES_IN_ALL = 64
"""As above, for the whole session: a file a test would be noticed here."""


class Living(NamedTuple):
    """What there is besides the test itself."""

    tasks: frozenset[asyncio.Task[Any]]
    threads: frozenset[threading.Thread]
    children: frozenset[int]


def _tasks() -> frozenset[asyncio.Task[Any]]:
    """The unfinished tasks of all loops that are not closed. asyncio keeps them, but tells only of one loop."""
    found: set[asyncio.Task[Any]] = set()
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        # Another thread may add one while we look.
        for _ in range(100):
            with contextlib.suppress(RuntimeError):
                found.update(getattr(asyncio.tasks, name, ()))
                break
    return frozenset(task for task in found if not task.done() and not task.get_loop().is_closed())


def _threads() -> frozenset[threading.Thread]:
    """The threads that would keep the process alive. Idle pools belong to the process and are named after us."""
    return frozenset(t for t in threading.enumerate() if not t.daemon and not t.name.startswith("plait-"))


def _children() -> frozenset[int]:
    """The child processes, those included that ended and were not waited for."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(int(pid) for pid in listing.read_text().split())
    return frozenset(pid for pid in found if not _is_tracker(pid))


def _is_tracker(pid: int) -> bool:
    """Whether this is the process with which `multiprocessing` cleans up; it stays until the end on purpose."""
    with contextlib.suppress(OSError):
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _open_files() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0


def _living() -> Living:
    return Living(_tasks(), _threads(), _children())


def _left_over(before: Living) -> list[str]:
    now = _living()
    return [
        *(f"task {task!r}" for task in now.tasks - before.tasks),
        *(f"thread {thread!r}" for thread in now.threads - before.threads),
        *(f"child process {pid}" for pid in now.children - before.children),
    ]


def _settled(look: Callable[[], list[str]]) -> list[str]:
    """What `look` still finds after everything had the time to end."""
    until = time.monotonic() + PATIENCE
    while (found := look()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def _new_files(before: int, allowed: int) -> list[str]:
    if _open_files() <= before + allowed:
        return []
    gc.collect()
    now = _open_files()
    return [f"{now - before} open files"] if now > before + allowed else []


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """After each test there is no task, no thread and no child process that was not there before."""
    files = _open_files()
    before = _living()
    yield
    processes = sys.modules.get("plait.executors.process")
    if processes is not None:  # idle workers belong to the process, not to the test
        processes.close_process_pool()
    found = _settled(lambda: _left_over(before)) + _new_files(files, ALLOWED_FILES)
    assert not found, f"the test left behind: {', '.join(found)}"


@pytest.fixture(autouse=True, scope="session")
def no_file_is_left_open() -> Iterator[None]:
    """After all tests there are about as many open files as before."""
    files = _open_files()
    yield
    found = _new_files(files, ALLOWED_FILES_IN_ALL)
    assert not found, f"the tests left behind: {', '.join(found)}"
