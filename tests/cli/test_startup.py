"""``plait --help`` comes at once: what it imports is counted, because seconds differ between machines."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

LOADED = """
import json, sys
{before}
before = set(sys.modules)
from plait.cli import main
code = main({arguments!r})
print(json.dumps([code, sorted(set(sys.modules) - before)]))
"""

HEAVY = ("asyncio", "concurrent", "ssl", "pydantic", "rich", "importlib.metadata", "tempfile")


def loaded(*arguments: str, before: str = "") -> set[str]:
    code = LOADED.format(arguments=list(arguments), before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50, check=True)
    ended, modules = json.loads(done.stdout.decode().splitlines()[-1])
    assert ended == 0
    return set(modules)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("check", "--help")])
def test_the_command_line_itself_loads_click_and_the_command_that_was_named(
    arguments: tuple[str, ...],
) -> None:
    # What `import plait` loads is the front door's concern; here only what the command line adds to it.
    modules = loaded(*arguments, before="import plait")
    assert "click" in modules
    assert not [name for name in modules if name.split(".")[0] in HEAVY or name in HEAVY]
    ours = {name for name in modules if name.startswith("plait.")}
    named = {f"plait.cli.{arguments[0]}"} if not arguments[0].startswith("-") else set()
    assert ours <= {"plait.cli", "plait.cli.app", "plait.cli.problem", "plait.cli.version"} | named


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("rule", "--help")])
def test_help_does_without_asyncio_which_takes_longer_than_all_the_rest(arguments: tuple[str, ...]) -> None:
    modules = loaded(*arguments)
    assert "plait.core.step" in modules
    assert not [name for name in modules if name.split(".")[0] in HEAVY]


def test_help_loads_no_more_modules_than_it_did() -> None:
    # 104 at the time of writing, 71 of them with `import plait`: a heavy import shows as dozens.
    assert len(loaded("--help")) < 125


def test_importing_the_program_does_not_load_click() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, plait.cli; print('click' in sys.modules)"],
        capture_output=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.decode().strip() == "False"


@pytest.mark.timing
def test_help_costs_about_what_asyncio_alone_costs_to_load() -> None:
    # A tenth of a second is what a person takes for "at once". Machines differ, so it is compared with something
    # that takes two thirds of that where this was written; with asyncio loaded it would be one and a half of it.
    import resource  # Windows has none

    def cost(*words: str) -> float:
        took = []
        for _ in range(7):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, timeout=50, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(took)

    cost("-m", "plait.cli", "--help")  # byte code is written once
    assert cost("-m", "plait.cli", "--help") < 1.35 * cost("-c", "import asyncio")
