"""The fixtures that pytest users get, used as they would."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

# Loaded here, as pytester forgets every module that a test inside it was the first to load: half of Plait would be there
# twice. (``import plait`` loads the rest when a pipeline is made.)
import plait.testing._fixtures  # noqa: F401  (to have it loaded)
import plait.testing.pytest_plugin as plugin

pytest_plugins = ["pytester"]

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

PIPELINE = """
import asyncio
import pytest
from plait import Pipeline, current_step, parallel, step

order = []

async def slow(text):
    await asyncio.sleep(3600)
    order.append("slow")
    return text.upper()

async def other(text):
    await asyncio.sleep(3600)
    order.append("other")
    return len(text)

pipeline = Pipeline([parallel([step(slow, ["text"], "loud"), step(other, ["text"], "length")])])
"""


def outcomes(pytester: pytest.Pytester, source: str) -> tuple[dict[str, int], str]:
    """Run a user's test file in a session of its own."""
    pytester.makepyfile(PIPELINE + source)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[plugin])
    return result.parseoutcomes(), result.stdout.str()


def test_a_user_runs_a_pipeline_of_hours_at_once(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
def test_it(plait_run):
    result = plait_run(pipeline, {"text": "abc"})
    assert result.state == {"text": "abc", "loud": "ABC", "length": 3}
    assert result.report.wall == 3600
""",
    )
    assert counts == {"passed": 1}, text


def test_a_seed_gives_the_same_order_and_another_one_another(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
def seen(plait_run, seed):
    order.clear()
    plait_run(pipeline, {"text": "abc"}, seed=seed)
    return tuple(order)

def test_it(plait_run):
    orders = [seen(plait_run, seed) for seed in range(20)]
    assert orders == [seen(plait_run, seed) for seed in range(20)]
    assert set(orders) == {("slow", "other"), ("other", "slow")}
""",
    )
    assert counts == {"passed": 1}, text


def test_settings_and_a_deadline_reach_the_run(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
from plait import Config, DeadlineExceeded

def test_settings(plait_run):
    spoken = Pipeline([step(lambda word: word, {"word": Config("word")}, "said", name="say")])
    assert plait_run(spoken, {}, config={"word": "hello"}).state == {"said": "hello"}

def test_deadline(plait_run):
    with pytest.raises(DeadlineExceeded):
        plait_run(pipeline, {"text": "abc"}, deadline=1800)
    plait_run(pipeline, {"text": "abc"}, deadline=3601)
""",
    )
    assert counts == {"passed": 2}, text


def test_a_failing_test_names_the_seed(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
async def broken(text):
    raise ConnectionError("no answer")

def test_it(plait_run):
    plait_run(Pipeline([step(broken, ["text"], "never")]), {"text": "abc"}, seed=17)
""",
    )
    assert counts == {"failed": 1}
    assert "run by plait_run with seed=17" in text
    assert "no answer" in text


def test_what_was_set_up_is_torn_down_with_its_loop(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
class Client:
    log = []

    async def setup(self):
        self.loop = asyncio.get_running_loop()
        self.log.append("set up")

    async def __call__(self, text):
        assert self.loop is asyncio.get_running_loop()
        return text

    async def teardown(self):
        assert self.loop is asyncio.get_running_loop()
        self.log.append("torn down")

asking = Pipeline([step(Client(), ["text"], "answer")])

@pytest.mark.parametrize("seed", range(2))
def test_it(plait_run, seed):
    Client.log.clear()
    plait_run(asking, {"text": "abc"}, seed=seed)
    assert Client.log == ["set up", "torn down"]
""",
    )
    assert counts == {"passed": 2}, text


def test_an_async_test_is_told_what_to_do(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
def test_it(plait_run):
    async def main():
        plait_run(pipeline, {"text": "abc"})
    with pytest.raises(RuntimeError, match=r"awaits pipeline\\.arun"):
        asyncio.run(main())
""",
    )
    assert counts == {"passed": 1}, text


def test_a_serial_run_stays_in_the_thread_of_the_test(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
import threading

def test_it(plait_serial):
    where = Pipeline([step(lambda: threading.current_thread().name, [], "thread", name="where")])
    assert plait_serial(where, {}).state == {"thread": threading.current_thread().name}
""",
    )
    assert counts == {"passed": 1}, text


@pytest.mark.parametrize("found", [[], [__import__("_plait_pytest")]], ids=["named", "named and found"])
def test_the_fixtures_are_listed_with_what_they_do(pytester: pytest.Pytester, found: list[object]) -> None:
    if "site-packages" in plugin.__file__:
        found = []  # pytest finds it by itself
    result = pytester.runpytest_inprocess("--fixtures", plugins=[*found, plugin])
    result.stdout.fnmatch_lines(["plait_run*", "*virtual clock*", "plait_serial*", "*one step at a time*"])


def test_a_session_that_does_not_use_it_loads_nothing_of_plait() -> None:
    program = """
import sys, pytest
before = set(sys.modules)
import _plait_pytest
new = sorted(set(sys.modules) - before)
assert new == ["_plait_pytest"], new
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pytest_finds_it_by_itself() -> None:
    declared = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["entry-points"]["pytest11"]
    assert declared == {"plait": "_plait_pytest"}
    module = __import__(declared["plait"])
    assert {"plait_run", "plait_serial"} <= vars(module).keys()
    if "site-packages" in plugin.__file__:
        names = [e.name for e in metadata.distribution("plait").entry_points if e.group == "pytest11"]
        assert names == ["plait"]


def test_a_def_and_an_async_def_side_by_side_see_one_clock(pytester: pytest.Pytester) -> None:
    counts, text = outcomes(
        pytester,
        """
import time

def works(text):
    time.sleep(0.02)
    return text

mixed = Pipeline([parallel([step(slow, ["text"], "loud"), step(works, ["text"], "same")])])

def test_it(plait_run):
    report = plait_run(mixed, {"text": "abc"}).report
    assert report.step("slow").work == 3600
    assert report.step("works").work == 0
""",
    )
    assert counts == {"passed": 1}, text
