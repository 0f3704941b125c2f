"""What ``import plait`` and a first result may cost: counted, so the same under any load.

The program is that of the workload M11 (`benchmarks/`, where the seconds are). A module that comes in anew fails by
name: load it where it is used, or add it here in the same commit and say what it buys.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

import pytest
from benchmarks.peers import load

ALLOWED = {"__future__", "plait"}
"""Beyond what asyncio loads by itself."""

UNUSED = {
    "plait.cli",
    "plait.core.check.artificial_order",
    "plait.core.draw",
    "plait.core.report.report",
    "plait.events",
    "plait.observers",
    "plait.run.admit",
    "plait.run.map",
    "plait.run.serial",
    "plait.run.stream",
    "plait.run.tell",
    "plait.testing",
}
"""Parts of Plait that such a run has no use for."""

MODULES = 67
"""Modules of Plait, 52 when this was set. Two of them are the settings: every program can be configured from outside; two
are of amounts, and of what a container allows."""

CALLS = 2700
"""Calls of Python functions, without the import system's own: 1960 to 2160 when this was set, by version. To look for
settings, from the working directory upwards and in the environment, takes some 90, and to look for a
container's limits as many."""

COUNT = """
import json, sys
import asyncio, contextlib, os
calls = 0
def count(frame, event, arg):
    global calls
    calls += event == "call" and not frame.f_code.co_filename.startswith("<frozen importlib")
program = compile(sys.stdin.read(), "program", "exec")
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    sys.setprofile(count)
    exec(program, {"__name__": "__main__"})
    sys.setprofile(None)
print(json.dumps([sorted(sys.modules), calls]))
"""


class Counted(NamedTuple):
    """What one program loaded and called."""

    modules: set[str]
    calls: int


def counted(program: str) -> Counted:
    """Run a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", COUNT],
        input=program,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules, calls = json.loads(done.stdout)
    return Counted(set(modules), calls)


@pytest.fixture(scope="module")
def first_result() -> Counted:
    return counted(load("plait").program())


@pytest.fixture(scope="module")
def by_hand() -> Counted:
    return counted(load("hand").program())


def test_nothing_is_loaded_that_asyncio_does_not_need_as_well(first_result, by_hand):
    added = {module.partition(".")[0] for module in first_result.modules - by_hand.modules}
    assert added <= ALLOWED, f"new: {sorted(added - ALLOWED)}"


def test_parts_that_a_first_run_has_no_use_for_stay_where_they_are(first_result):
    assert not first_result.modules & UNUSED
    own = {module for module in first_result.modules if module.partition(".")[0] == "plait"}
    assert len(own) <= MODULES, sorted(own)


def test_the_calls_up_to_the_first_result(first_result, by_hand):
    assert first_result.calls - by_hand.calls <= CALLS


def test_a_heavy_import_would_be_seen(by_hand):
    heavier = counted(f"import dataclasses\n{load('hand').program()}")
    assert "dataclasses" in heavier.modules - by_hand.modules
    assert heavier.calls > by_hand.calls
