"""Ctrl-C and SIGTERM, with real processes: what they leave, and how soon."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PLAIT = [sys.executable, "-P", "-W", "error", "-m", "plait.cli"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

Write = Callable[[str, str], Path]

PIPELINE = """
    import asyncio, pathlib, subprocess, sys, time
    from plait import Pipeline, step

    HERE = pathlib.Path(__file__).parent

    async def waiting(text):
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
        (HERE / "began").touch()
        try:
            if text != "quick":
                await asyncio.sleep(60)
        finally:
            child.kill()
            await child.wait()
            (HERE / "cleaned").touch()

    pipeline = Pipeline([step(waiting, output_state="never")])

    def in_thread(text):
        (HERE / "began").touch()
        until = time.monotonic() + 30
        while not (HERE / "go").exists() and time.monotonic() < until:
            time.sleep(0.02)
        (HERE / "ended").touch()

    thread = Pipeline([step(in_thread, output_state="never")])

    def first(text):
        if text == "later":
            (HERE / "began").touch()
            time.sleep(60)
        return len(text)

    serial = Pipeline([step(first, output_state="n")])

    async def deaf(text):
        (HERE / "began").touch()
        time.sleep(60)

    blocking = Pipeline([step(deaf, output_state="never")])
"""

SLOW_TO_LOAD = """
    import pathlib, time
    (pathlib.Path(__file__).parent / "began").touch()
    time.sleep(60)
"""


class Running:
    """The program in a session of its own, so that what it leaves behind can be counted."""

    def __init__(self, folder: Path, environment: dict[str, str], *words: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*PLAIT, *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def until(self, name: str) -> None:
        until = time.monotonic() + 30
        while not (self.folder / name).exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, f"{name} did not come"
            time.sleep(0.01)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ends(self, timeout: float = 30) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out.decode(), err.decode()

    def left(self) -> list[int]:
        """Processes of its session that still run."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[3] == str(self.process.pid) and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path, write: Write, environment: dict[str, str]) -> Iterator[Callable[..., Running]]:
    write("slow.py", PIPELINE)
    started: list[Running] = []

    def start(target: str, *words: str) -> Running:
        started.append(Running(tmp_path, environment, "run", f"slow.py:{target}", *words))
        return started[-1]

    yield start
    for running in started:
        running.kill()


Start = Callable[..., Running]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_run_and_waits_for_its_cleanup(
    start: Start, tmp_path: Path, number: int, code: int
) -> None:
    running = start("pipeline", "--input", '{"text": "long"}')
    running.until("began")
    running.send(number)
    ended, out, err = running.ends()
    assert ended == code
    assert (tmp_path / "cleaned").exists()
    assert not out
    assert "stopping" in err
    assert "Traceback" not in err
    if sys.platform.startswith("linux"):
        assert running.left() == []


def test_half_way_through_many_items_what_finished_is_kept(
    start: Start, tmp_path: Path, write: Write
) -> None:
    write("items.jsonl", '{"text": "quick"}\n{"text": "long"}\n{"text": "long"}\n')
    running = start(
        "pipeline", "--input", "items.jsonl", "--json", "--output", "out.jsonl", "--max-concurrency", "1"
    )
    until = time.monotonic() + 30
    while not (tmp_path / "out.jsonl").exists() or not (tmp_path / "out.jsonl").read_bytes():
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send(signal.SIGINT)
    code, out, err = running.ends()
    assert code == 130
    assert [json.loads(line)["source"] for line in out.splitlines()] == ["items.jsonl:1"]
    assert (tmp_path / "out.jsonl").read_text() == out
    assert "1 succeeded, 2 not finished" in err
    if sys.platform.startswith("linux"):
        assert running.left() == []


def test_a_thread_is_waited_for(start: Start, tmp_path: Path) -> None:
    running = start("thread", "--input", '{"text": "x"}')
    running.until("began")
    running.send(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(timeout=0.5)
    (tmp_path / "go").touch()
    code, _, err = running.ends()
    assert code == 130
    assert (tmp_path / "ended").exists()
    assert "Traceback" not in err


@pytest.mark.parametrize("target", ["thread", "blocking"])
def test_the_second_ctrl_c_leaves_at_once(start: Start, tmp_path: Path, target: str) -> None:
    running = start(target, "--input", '{"text": "x"}')
    running.until("began")
    running.send(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(timeout=0.3)
    began = time.monotonic()
    running.send(signal.SIGINT)
    code, _, _ = running.ends()
    assert code == 130
    assert time.monotonic() - began < 0.5 * 4, "out within half a second; four times that on a busy machine"
    assert not (tmp_path / "ended").exists()


def test_one_press_that_arrives_twice_is_one(start: Start, tmp_path: Path) -> None:
    running = start("thread", "--input", '{"text": "x"}')
    running.until("began")
    running.send(signal.SIGINT)
    running.send(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(timeout=0.5)
    (tmp_path / "go").touch()
    assert running.ends()[0] == 130
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_serial_run_stops_in_the_middle_of_a_step(start: Start, number: int, code: int) -> None:
    running = start("serial", "--input", '[{"text": "now"}, {"text": "later"}]', "--serial", "--json")
    running.until("began")
    running.send(number)
    ended, out, err = running.ends()
    assert ended == code
    assert [json.loads(line)["state"]["n"] for line in out.splitlines()] == [3]
    assert "1 succeeded, 1 not finished" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_the_file_is_being_loaded(
    tmp_path: Path, write: Write, environment: dict[str, str], number: int, code: int
) -> None:
    write("loading.py", SLOW_TO_LOAD)
    running = Running(tmp_path, environment, "run", "loading.py")
    try:
        running.until("began")
        running.send(number)
        ended, out, err = running.ends()
        assert (ended, out) == (code, "")
        assert "Traceback" not in err
    finally:
        running.kill()


def test_whoever_reads_our_output_may_leave(start: Start, write: Write) -> None:
    write("items.jsonl", '{"text": "quick"}\n' * 50)
    running = start("serial", "--input", "items.jsonl", "--json")
    assert running.process.stdout is not None
    running.process.stdout.read(1)
    running.process.stdout.close()
    running.process.stdout = None
    _, err = running.process.communicate(timeout=30)
    assert running.process.returncode in (0, 1)
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
