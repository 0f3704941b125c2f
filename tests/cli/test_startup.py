"""``plait --help`` comes at once: what it imports is counted, because seconds differ between machines."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

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


def test_help_loads_no_more_modules_than_it_did() -> None:
    # 171 at the time of writing, 141 of them with `import plait`: a heavy import shows as dozens.
    assert len(loaded("--help")) < 190


def test_importing_the_program_does_not_load_click() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, plait.cli; print('click' in sys.modules)"],
        capture_output=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.decode().strip() == "False"


@pytest.mark.timing
def test_help_takes_less_than_a_tenth_of_a_second_more_than_python_itself() -> None:
    def median(*words: str) -> float:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *words], stdout=subprocess.DEVNULL, timeout=50, check=True, env=os.environ
            )
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    empty, helped = median("-c", "pass"), median("-m", "plait.cli", "--help")
    assert helped - empty < 0.1 * 5, "a tenth of a second; five times that on a busy machine"
