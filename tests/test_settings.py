"""Where settings are found, that they are read once and late, and that each one has its effect."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from plait import Limits, Pipeline, parallel, set_limits, step, subgraph
from plait import settings as module
from plait.core.settings import TABLE, Settings
from plait.errors import DefinitionError, InvalidPipeline
from plait.executors import thread
from plait.observers.progress import Progress
from plait.run import limits as admission
from plait.run import watchdog
from plait.settings import settings, sources
from plait.testing.virtual import run_virtual

Put = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process in a folder below the test's, in which nothing was read yet and nothing is set."""
    for setting in TABLE.values():
        monkeypatch.delenv(setting.environment, raising=False)
    monkeypatch.setattr(module, "_found", None)
    monkeypatch.setattr(admission, "_default", None)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a file of the test's folder; gives its path."""

    def put(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return str(path)

    return put


# Where they are found


def test_without_any_file_there_are_the_defaults() -> None:
    assert settings() == Settings()
    assert set(sources().values()) == {"default"}


def test_the_nearest_file_is_the_one(put: Put) -> None:
    put("plait.toml", "threads = 1\nprocesses = 1")
    near = put("a/plait.toml", "threads = 2\n[limits]\ngpu = 1")
    put("a/pyproject.toml", "[tool.plait]\nthreads = 3")
    assert settings() == Settings(threads=2, limits={"gpu": 1})
    assert (sources()["threads"], sources()["limits.gpu"]) == (near, near)
    assert sources()["processes"] == "default", "two files are never mixed"


def test_a_pyproject_without_our_table_is_passed_over(put: Put) -> None:
    far = put("plait.toml", "threads = 2")
    put("a/pyproject.toml", "[project]\nname = 'plait-user'\n[tool.ruff]\nline-length = 3")
    put("a/b/pyproject.toml", "[tool]\nother = 1\n")
    assert settings().threads == 2
    assert sources()["threads"] == far


@pytest.mark.parametrize(
    "text",
    [
        "[tool.plait]\nthreads = 3",
        "[ tool . 'plait' ]\nthreads = 3",
        '["tool"."plait"]\nthreads = 3',
        "[tool]\nplait = {threads = 3}",
        "[tool]\nplait.threads = 3",
        "tool.plait.threads = 3",
        "tool = {plait = {threads = 3}}",
    ],
)
def test_the_table_of_a_pyproject_however_it_is_written(put: Put, text: str) -> None:
    place = put("pyproject.toml", text)
    assert settings().threads == 3
    assert sources()["threads"] == f"{place} [tool.plait]"


def test_other_tools_need_no_toml_to_be_read(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['plait']\n[tool.ruff]\nsrc = ['src']")
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert settings() == Settings()


def test_the_environment_goes_before_the_file(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put("plait.toml", "threads = 2\ngrace = 1\nlimits.openai = 8")
    monkeypatch.setenv("PLAIT_THREADS", "7")
    monkeypatch.setenv("PLAIT_LIMITS", "gpu=1")
    assert settings() == Settings(threads=7, grace=1.0, limits={"openai": 8, "gpu": 1})
    assert {name: place for name, place in sources().items() if place != "default"} == {
        "threads": "PLAIT_THREADS",
        "grace": file,
        "limits.openai": file,
        "limits.gpu": "PLAIT_LIMITS",
    }


def test_they_are_read_once(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().threads == Settings().threads
    put("plait.toml", "threads = 2")
    monkeypatch.setenv("PLAIT_THREADS", "3")
    assert settings() == Settings()
    told = cast("dict[str, str]", sources())
    told["threads"] = "mine"
    assert sources()["threads"] == "default"


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:  # not on this platform
        pytest.skip("the working directory can't be removed here")
    assert settings() == Settings()


# What can't be used


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("plait.toml", "threads = ]", r"plait\.toml: is no TOML: .*line 1"),
        ("pyproject.toml", "[tool.plait]\nthreads = ]", r"pyproject\.toml: is no TOML: .*line 2"),
        ("plait.toml", "thread = 3", r"plait\.toml: there is no setting 'thread'; did you mean 'threads'\?"),
        ("plait.toml", "[tool.plait]\nthreads = 3", r"settings stand without \[tool\.plait\]"),
        ("plait.toml", "grace = 0", r"plait\.toml: grace is 0; it is a number of seconds above 0"),
        ("pyproject.toml", "[tool.plait]\ngrace = 0", r"pyproject\.toml \[tool\.plait\]: grace is 0"),
        ("plait.toml", "[limits]\ngpu = 0", r"plait\.toml: limits\.gpu is 0; a limit is"),
        ("pyproject.toml", "[tool]\nplait = 3", r"\[tool\.plait\]: it is 3; it is a table of settings"),
    ],
)
def test_a_file_that_cannot_be_used(put: Put, name: str, text: str, says: str) -> None:
    path = put(name, text)
    for _ in range(2):  # nothing is remembered of it: whoever mends the file goes on
        with pytest.raises(DefinitionError, match=says) as caught:
            settings()
        assert str(caught.value).startswith(path)
    Path(path).write_text("", "utf-8")
    assert settings() == Settings()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "plait.toml").write_bytes(b"progress = '\xff'")
    with pytest.raises(DefinitionError, match=r"plait\.toml: is not UTF-8: .* at byte 12"):
        settings()
    (tmp_path / "plait.toml").unlink()
    (tmp_path / "plait.toml").mkdir()
    with pytest.raises(DefinitionError, match=r"plait\.toml: can't be read: "):
        settings()


def test_what_cannot_be_used_is_said_where_a_pipeline_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_THREADS", "many")
    with pytest.raises(DefinitionError, match=r"^PLAIT_THREADS is 'many'; it is a whole number from 1$"):
        Pipeline([step(len, output_state="n")])


def test_an_import_reads_nothing(put: Put) -> None:
    put("plait.toml", "what is this?")
    program = """
import sys
import plait
assert "plait.settings" not in sys.modules
plait.Pipeline
assert "tomllib" not in sys.modules
plait.Pipeline([plait.step(len, output_state="n")])
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PLAIT_THREADS": "many"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "is no TOML" in done.stderr.splitlines()[-1]


# What they do


class Gauge:
    """Steps that say how many of them ran at once."""

    def __init__(self) -> None:
        self.now = self.peak = 0

    def step(self, name: str, **options: Any) -> Any:
        async def work() -> int:
            self.now += 1
            self.peak = max(self.peak, self.now)
            await asyncio.sleep(1)
            self.now -= 1
            return 1

        return step(work, {}, f"out_{name}", name=name, **options)

    def block(self, **options: Any) -> Any:
        return parallel([self.step(f"s{n}", **options) for n in range(6)])


def test_max_concurrency_bounds_each_run_of_a_pipeline_that_does_not_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLAIT_MAX_CONCURRENCY", "2")
    by_settings, by_argument = Gauge(), Gauge()
    run_virtual(Pipeline(by_settings.block()).arun({}))
    run_virtual(Pipeline(by_argument.block(), max_concurrency=4).arun({}))
    assert (by_settings.peak, by_argument.peak) == (2, 4)


def test_max_concurrency_leaves_an_embedded_pipeline_to_the_one_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLAIT_MAX_CONCURRENCY", "2")
    gauge = Gauge()
    inner = Pipeline(gauge.block(), name="inner")
    run_virtual(Pipeline([subgraph(inner)], max_concurrency=5).arun({}))
    assert gauge.peak == 5
    gauge.peak = 0
    run_virtual(inner.arun({}))
    assert gauge.peak == 2


def test_threads_bounds_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thread.ThreadExecutor().max_threads == TABLE["threads"].default
    monkeypatch.setenv("PLAIT_THREADS", "3")
    monkeypatch.setattr(thread, "_pool", None)
    assert thread.thread_pool().max_threads == 3


def test_grace_is_that_of_a_pipeline_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_GRACE", "30")

    async def cleanup_of(**options: Any) -> str:
        told: list[str] = []

        async def slow_to_leave() -> None:
            for _ in range(2):
                try:
                    await asyncio.sleep(20)
                    told.append("cleaned up")
                except asyncio.CancelledError:
                    told.append("told")

        pipeline = Pipeline([step(slow_to_leave, {}, "x", timeout=1)], **options)
        with pytest.raises(TimeoutError):
            await pipeline.arun({})
        return ", ".join(told)

    assert run_virtual(cleanup_of()) == "told, cleaned up"
    assert run_virtual(cleanup_of(grace=5)) == "told, told"


@pytest.mark.parametrize(("text", "interval"), [("7", watchdog.INTERVAL), ("0.02", 0.01)])
def test_stall_after_is_how_long_the_watchdog_waits(
    text: str, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIT_STALL_AFTER", text)
    begun: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: begun.append(thread.name))
    dog = watchdog.Watchdog(Pipeline.check.__code__)
    looked: list[object] = []
    monkeypatch.setattr(dog, "_find", lambda *seen: looked.append(seen))
    watched = dog.enter(cast("Any", object()), object())
    watched.asked = time.perf_counter() - 5  # so long it has given no sign of life
    dog._look(watched)
    assert bool(looked) == (float(text) < 5)
    assert (dog._threshold, dog._interval) == (float(text), interval)
    assert begun == ["plait-watchdog"]


def test_limits_are_those_of_the_process(put: Put) -> None:
    put("plait.toml", "[limits]\nopenai = 3")
    gauge = Gauge()
    run_virtual(Pipeline(gauge.block(resources={"openai": 1})).arun({}))
    assert gauge.peak == 3
    with pytest.raises(InvalidPipeline, match="E301"):
        Pipeline(gauge.block(resources={"openai": 1}), limits=Limits({"gpu": 1})).run({})
    set_limits(Limits({"openai": 4}))
    gauge.peak = 0
    run_virtual(Pipeline(gauge.block(resources={"openai": 1})).arun({}))
    assert gauge.peak == 4


def test_progress_is_how_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_PROGRESS", "none")
    assert not Progress(io.StringIO(), environ={}).shows
    assert Progress(io.StringIO(), mode="auto", environ={}).shows
    assert Progress(io.StringIO(), mode="plain", environ={}).shows
