"""Steps in processes: they compute side by side, and nothing that happens to one happens to another."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from plait import NotSendable, Pipeline, Retry, StepTimeout, WorkerDied, current_step, parallel, step
from plait.errors import DefinitionError
from plait.executors import process
from plait.executors.process import process_pool

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def double(n: int) -> int:
    return 2 * n


async def double_later(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


def where(n: int) -> int:
    return os.getpid()


def variable(n: int) -> str:
    return VARIABLE.get()


def leave(n: int) -> None:
    os._exit(n)


def hang(n: int) -> None:
    time.sleep(60 + n)


def hang_with_child(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(path).write_text(str(child.pid))
    time.sleep(60)


def leave_first_time(path: str) -> str:
    if not Path(path).exists():
        Path(path).write_text("here")
        os.kill(os.getpid(), signal.SIGKILL)
    return "second"


def told(n: int) -> dict[str, Any]:
    context = current_step()
    print("said", n)
    logging.getLogger("of.a.worker").warning("logged %d", n)
    context.emit({"emitted": n})
    return {
        "path": context.path,
        "attempt": context.attempt,
        "config": dict(context.config),
        "left": context.deadline,
    }


class Refused(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def refuse(n: int) -> None:
    raise Refused("this", "that")


def plain_error(n: int) -> None:
    raise KeyError(n)


def unsendable(n: int) -> Any:
    return lambda: n


class Heavy:
    """Set up once per worker, and never here."""

    def __init__(self, path: str) -> None:
        self.path, self.pid = path, 0

    def setup(self) -> None:
        self.pid = os.getpid()
        with Path(self.path).open("a") as file:
            file.write("up ")

    def teardown(self) -> None:
        with Path(self.path).open("a") as file:
            file.write("down ")

    def __call__(self, n: int) -> bool:
        return self.pid == os.getpid() and n == 1


def run(component: Any, n: Any = 1, **options: Any) -> Any:
    flow = step(component, {"n": "n"}, "out", name="it", executor="process", **options)
    return Pipeline([flow]).run({"n": n}).state["out"]


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


def test_a_step_runs_in_another_process_that_stays_for_the_next() -> None:
    first = run(where)
    assert first != os.getpid()
    assert run(where) == first


def test_serial_mode_asks_a_worker_too() -> None:
    flow = step(where, {"n": "n"}, "out", executor="process")
    assert Pipeline([flow]).run({"n": 1}, mode="serial").state["out"] != os.getpid()


@pytest.mark.parametrize("component", [double, double_later])
def test_plain_and_async_components_run_there(component: Any) -> None:
    assert run(component, 21) == 42


def test_branches_compute_in_processes_of_their_own() -> None:
    def branch(n: int) -> Any:
        return step(where, {"n": "n"}, f"p{n}", name=f"b{n}", executor="process")

    from plait import Limits

    state = Pipeline([parallel([branch(n) for n in range(3)])], limits=Limits({"cpu": 3})).run({"n": 1}).state
    assert os.getpid() not in {state[f"p{n}"] for n in range(3)}


def test_what_goes_on_around_a_step_is_there_too(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    flow = step(told, {"n": "n"}, "out", name="it", executor="process", timeout=30)
    with Pipeline([flow], name="p").stream({"n": 5}, config={"model": "small"}) as stream:
        emitted = [getattr(event, "value", None) for event in stream]
        assert stream.result is not None
        state = stream.result.state
    out = state["out"]
    assert (out["path"], out["attempt"], out["config"]) == ("it", 1, {"model": "small"})
    assert 0 < out["left"] <= 30
    assert {"emitted": 5} in emitted
    assert "said 5\n" in capsys.readouterr().out
    assert "logged 5" in caplog.text


def test_context_variables_of_modules_come_through() -> None:
    token = VARIABLE.set("set here")
    try:
        assert run(variable) == "set here"
    finally:
        VARIABLE.reset(token)
    assert run(variable) == "unset"


def test_an_exit_names_step_attempt_and_code() -> None:
    with pytest.raises(
        WorkerDied, match="step 'it', attempt 1: its worker process ended with exit code 7"
    ) as caught:
        run(leave, 7)
    assert (caught.value.status, caught.value.attempt) == (7, 1)


def test_a_dead_worker_costs_its_own_step_and_a_retry_gets_another_one(tmp_path: Path) -> None:
    flow = step(
        leave_first_time,
        {"path": "path"},
        "out",
        name="it",
        executor="process",
        retry=Retry(attempts=2, backoff=0),
    )
    beside = step(double, {"n": "n"}, "n2", executor="process")
    state = Pipeline([parallel([flow, beside])]).run({"path": str(tmp_path / "seen"), "n": 4}).state
    assert (state["out"], state["n2"]) == ("second", 8)


def test_a_step_is_not_run_again_unless_its_author_allows_it(tmp_path: Path) -> None:
    flow = step(leave_first_time, {"path": "path"}, "out", executor="process")
    with pytest.raises(WorkerDied, match="signal SIGKILL"):
        Pipeline([flow]).run({"path": str(tmp_path / "seen")})


def test_a_timeout_kills_the_worker_with_its_children(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    flow = step(hang_with_child, {"path": "path"}, "out", executor="process", timeout=1.5)
    with pytest.raises(StepTimeout):
        Pipeline([flow]).run({"path": str(path)})
    assert gone(int(path.read_text()))
    assert process_pool().pids() == []


def test_a_failure_beside_it_kills_the_worker() -> None:
    async def fail(n: int) -> None:
        while not process_pool()._busy:
            await asyncio.sleep(0.01)
        raise ValueError(n)

    began = time.monotonic()
    with pytest.raises(ValueError, match="1"):
        Pipeline(
            [parallel([step(hang, {"n": "n"}, "x", executor="process"), step(fail, {"n": "n"}, "y")])]
        ).run({"n": 1})
    assert time.monotonic() - began < 30
    assert process_pool().pids() == []


def test_no_more_workers_are_busy_than_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    process.close_process_pool()
    monkeypatch.setattr(process, "_pool", process.ProcessExecutor(1))
    monkeypatch.setattr(process, "_owner", os.getpid())
    branches = [step(where, {"n": "n"}, f"p{i}", name=f"b{i}", executor="process") for i in range(4)]
    from plait import Limits

    state = Pipeline([parallel(branches)], limits=Limits({"cpu": 4})).run({"n": 1}).state
    assert len({state[f"p{i}"] for i in range(4)}) == 1
    process.close_process_pool()


def test_errors_come_back_as_they_are() -> None:
    with pytest.raises(KeyError) as caught:
        run(plain_error, 3)
    assert caught.value.args == (3,)
    assert any("plain_error" in note for note in caught.value.__notes__), (
        "the traceback of the worker is told"
    )


def test_an_error_that_cannot_be_sent_is_told() -> None:
    with pytest.raises(NotSendable, match="raised Refused: this and that"):
        run(refuse)


def test_a_result_that_cannot_be_sent_is_told_and_the_worker_lives() -> None:
    if process.by_value() is None:
        with pytest.raises(NotSendable, match="its result"):
            run(unsendable)
    else:
        assert run(unsendable, 4)() == 4
    assert run(double) == 2


def test_a_component_is_set_up_once_per_worker_and_torn_down_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "life"
    pipeline = Pipeline([step(Heavy(str(path)), {"n": "n"}, "out", executor="process")])
    assert [pipeline.run({"n": 1}).state["out"] for _ in range(3)] == [True] * 3
    assert path.read_text() == "up "
    process.close_process_pool()
    assert path.read_text() == "up down "


def test_a_warm_pipeline_sets_nothing_up_here_for_its_workers(tmp_path: Path) -> None:
    path = tmp_path / "life"

    async def main() -> list[Any]:
        async with Pipeline([step(Heavy(str(path)), {"n": "n"}, "out", executor="process")]) as pipeline:
            return [(await pipeline.arun({"n": 1})).state["out"] for _ in range(2)]

    assert asyncio.run(main()) == [True, True]
    process.close_process_pool()
    assert path.read_text() == "up down "


def test_nothing_is_left_of_large_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    flow = [
        step(numpy_ones, {"n": "n"}, "array", executor="process"),
        parallel(
            [step(numpy_sum, {"array": "array"}, f"s{i}", name=f"s{i}", executor="process") for i in range(3)]
        ),
    ]
    state = Pipeline(flow).run({"n": 200_000}).state
    assert [state[f"s{i}"] for i in range(3)] == [200_006.0] * 3
    assert (state["array"] == numpy.ones(200_000)).all(), "what a worker changes is its own"
    assert len(process_pool().segments) == 0


def numpy_ones(n: int) -> Any:
    import numpy as np

    return np.ones(n)


def numpy_sum(array: Any) -> float:
    array[0] = 7.0
    return float(array.sum())


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "import threading, time\n"
        "from tests.executors.test_process import hang\n"
        "from plait import Pipeline, step\n"
        "from plait.executors.process import process_pool\n"
        "pipeline = Pipeline([step(hang, {'n': 'n'}, 'x', executor='process')])\n"
        "threading.Thread(target=pipeline.run, args=({'n': 1},), daemon=True).start()\n"
        "while not process_pool().pids(): time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "print(process_pool()._server._process.pid, *process_pool().pids(), flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
    finally:
        parent.kill()
        parent.wait()
        if parent.stdout is not None:
            parent.stdout.close()
    assert all(gone(pid) for pid in pids)


GUARDED = """
import sys
sys.path[:] = {path!r}
from plait import Pipeline, step
def triple(n: int) -> int:
    return 3 * n
pipeline = Pipeline([step(triple, {{"n": "n"}}, "out", executor="process")])
{run}
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("if __name__ == '__main__': print(pipeline.run({'n': 3}).state['out'])", "9"),
        ("print(pipeline.run({'n': 3}).state['out'])", "put the run under"),
    ],
)
def test_a_script_works_or_says_what_to_do(tmp_path: Path, call: str, expected: str) -> None:
    script = tmp_path / "script.py"
    hidden = "import importlib.util\nsys.modules['cloudpickle'] = None\n"
    script.write_text(
        GUARDED.format(path=sys.path, run=call).replace("from plait import P", hidden + "from plait import P")
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert expected in done.stdout + done.stderr


def test_windows_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(DefinitionError, match="leave it out here, so that the step runs in a thread"):
        Pipeline([step(double, {"n": "n"}, "out", executor="process")]).run({"n": 1})
