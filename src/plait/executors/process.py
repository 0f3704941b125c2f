"""Components in processes of their own: real parallelism for Python code, and a crash costs only its own call.

    a thread of the pool                       worker process
    call ── about, arguments ── socket ──────▶ the component
         ◀─ emitted values, logs, output ─────
         ◀─ result or error ──────────────────

Each call has a worker to itself. A worker that dies, or is killed because its step was cancelled or ran out of
time, takes nobody with it; the next call gets another one. Workers are forked from a small server process
(:mod:`plait.executors.forkserver`), which ends them all when this process is gone.
"""

from __future__ import annotations

import atexit
import contextvars
import itertools
import os
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from plait.core.component import Component
from plait.errors import DefinitionError, NotSendable, WorkerDied
from plait.executors.job import Job, Killed
from plait.executors.transfer import (
    Message,
    Pickler,
    Segments,
    by_value,
    discard,
    pack,
    receive,
    send,
    unpack,
)
from plait.executors.workers import Server, Worker
from plait.settings import settings

IDLE_SECONDS: Final = 60.0
_LOOK: Final = 0.05
"""Seconds between two looks at whether a call that waits for its turn was told to stop."""
_KEPT: Final = 256
"""How many components' pickles are kept."""
_SMALL: Final = 2048
"""A component without a life cycle whose pickle is smaller is sent with each call."""


class ProcessExecutor:
    """A pool of worker processes that grows with the calls made at once; admission (``cpu``) bounds those.

    Args:
        most: the most workers that are busy at once; 0 for as many as admission lets call.

    Attributes:
        segments: the shared memory in use now.
    """

    name = "process"

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._calls = 0
        self._server: Server | None = None
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._numbers = itertools.count(1)
        self._packed: OrderedDict[int, tuple[Any, int, bytes, bool, bool]] = OrderedDict()
        self.segments = Segments()
        self._closed = False

    # ------------------------------------------------------------------ workers
    def _worker(self, component: int, threads: int) -> Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("plait.shutdown() was called; no new work can start")
            old = time.monotonic() - IDLE_SECONDS
            ending = [w for w in self._idle if w.gone or w.since < old]
            self._idle = [w for w in self._idle if w not in ending]
            fitting = [w for w in self._idle if w.threads == threads]
            found = next((w for w in reversed(fitting) if component in w.knows), None) or (
                fitting[-1] if fitting else None
            )
            if found is not None:
                self._idle.remove(found)
                self._busy.add(found)
            if self._server is None or not self._server.alive:
                self._server = Server()
            server = self._server
        for worker in ending:
            _part(worker)
        if found is None:
            found = server.fork(threads)
            with self._lock:
                self._busy.add(found)
        return found

    def _turn(self, job: Job | None) -> None:
        """Wait until fewer calls are on their way than there may be workers, or until the job is told to stop."""
        with self._lock:
            while self.most and self._calls >= self.most:
                self._free.wait(_LOOK)
                if job is not None and job.cancelled:
                    raise Killed
            self._calls += 1

    def _turn_over(self) -> None:
        with self._lock:
            self._calls -= 1
            self._free.notify()

    def _put_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            worker.since = time.monotonic()
            if not self._closed:
                self._idle.append(worker)
                return
        _part(worker)

    def pids(self) -> list[int]:
        """The processes that there are now, for people and tests."""
        with self._lock:
            return sorted(w.pid for w in (*self._idle, *self._busy) if not w.gone)

    # ------------------------------------------------------------------ calls
    def call(
        self,
        component: Component,
        args: Any,
        kwargs: Any,
        about: dict[str, Any],
        *,
        job: Job | None = None,
        heard: Callable[[Any], object] | None = None,
        threads: int = 1,
    ) -> tuple[Any, float]:
        """Call a component in a worker, and wait for it in this thread.

        Args:
            component: what to call.
            args: by position.
            kwargs: by name.
            about: run_id, path, attempt, config, left (seconds or None), heard and memory (bytes or None).
            job: the job that this call belongs to; when it is told to stop, the worker is killed.
            heard: gets what the component emits.
            threads: how many threads its numeric libraries may use.

        Returns:
            The result, and the CPU seconds that the worker spent.

        Raises:
            WorkerDied: when the worker ended by itself.
            NotSendable: when something can't be pickled.
            Exception: what the component raised.
        """
        path = about["path"]
        number, packed, keep, in_main = self._component(component, path)
        message, also_main = _arguments(args, kwargs, path, self.segments)
        mine = False
        try:
            self._turn(job)
            mine = True
            about = {
                **about,
                "component": number,
                "keep": keep,
                "main": _main_path(path) if in_main or also_main else None,
                "sys_path": list(sys.path),
                "log_level": _log_level(),
                "variables": _variables(),
            }
            for _ in range(3):
                worker = self._worker(number, threads)
                if self._begin(worker, about, packed, message):
                    break
            else:
                raise WorkerDied(f"step {path!r}: no worker process lived long enough to take its call")
            return self._follow(worker, about, job, heard)
        finally:
            if mine:
                self._turn_over()
            discard(message, self.segments)

    def _begin(self, worker: Worker, about: dict[str, Any], packed: bytes, message: Message) -> bool:
        """Hand a call over; False when the worker had ended before, so that it can't have begun."""
        known = about["component"] in worker.knows
        head = {**about, "packed": None if known else packed}
        told = _config_apart(head)
        try:
            send(worker.sock, told)
            send(worker.sock, message)
        except OSError:
            with self._lock:
                self._busy.discard(worker)
            worker.bury()
            return False
        finally:
            discard(told)
        if about["keep"]:
            worker.knows.add(about["component"])
        return True

    def _follow(
        self, worker: Worker, about: dict[str, Any], job: Job | None, heard: Callable[[Any], object] | None
    ) -> tuple[Any, float]:
        alive = False
        try:
            if job is not None:
                job.stop = worker.stop
                if job.cancelled:
                    worker.stop()
            while True:
                try:
                    head, buffers = receive(worker.sock)
                except (EOFError, OSError):
                    raise self._death(worker, about) from None
                try:
                    kind, value = unpack(head, buffers)
                except Exception as error:
                    raise NotSendable(
                        f"step {about['path']!r}: its result could not be read here "
                        f"({type(error).__name__}: {error}); return plain data, or use executor='thread'"
                    ) from error
                if kind == "done":
                    alive = True
                    good, result, cpu = value
                    if not good:
                        raise result
                    return result, cpu
                _hear(kind, value, heard)
        finally:
            if job is not None:
                job.stop = None
            if alive and not worker.told:
                self._put_back(worker)
            else:
                if not worker.gone:
                    worker.kill()
                with self._lock:
                    self._busy.discard(worker)
                worker.bury()

    def _death(self, worker: Worker, about: dict[str, Any]) -> BaseException:
        status = worker.bury()
        if worker.told:
            return Killed()
        attempt = about["attempt"]
        return WorkerDied(
            f"step {about['path']!r}, attempt {attempt}: its worker process {_how(status)}", status, attempt
        )

    def _component(self, component: Component, path: str) -> tuple[int, bytes, bool, bool]:
        """A component's number, its pickle, whether workers keep it, and whether ``__main__`` defines it."""
        key = id(component.given)
        with self._lock:
            found = self._packed.get(key)
            if found is not None and found[0] is component.given:
                self._packed.move_to_end(key)
                return found[1:]
        what = f"step {path!r}: the component {component.name!r}"
        message, in_main = _packed(component.given, what, None, apart=False)
        life = component.setup is not None or component.teardown is not None
        keep = life or len(message.head) > _SMALL
        with self._lock:
            made = component.given, next(self._numbers), message.head, keep, in_main
            self._packed[key] = made
            while len(self._packed) > _KEPT:
                self._packed.popitem(last=False)
        return made[1:]

    def close(self) -> None:
        """Tear down the components of idle workers, and end all processes."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            server, self._server = self._server, None
        for worker in idle:
            _part(worker)
        if server is not None:
            server.close()


def _part(worker: Worker) -> None:
    """Say goodbye to an idle worker: it tears its components down, within five seconds."""
    try:
        if not worker.gone:
            worker.sock.settimeout(5.0)
            send(worker.sock, pack(None, Pickler))
            kind = ""
            while kind != "bye":
                kind, value = unpack(*receive(worker.sock))
                if kind != "bye":
                    _hear(kind, value, None)
    except (EOFError, OSError):
        worker.kill()
    worker.bury()


def _config_apart(head: dict[str, Any]) -> Message:
    """The head of a call; settings and variables that can't be pickled stay here."""
    try:
        return pack(head, Pickler)
    except Exception:  # noqa: BLE001  (an object's own __reduce__ may raise anything)
        head["config"] = {k: v for k, v in (head["config"] or {}).items() if _can_be_sent(v)}
        head["variables"] = [entry for entry in head["variables"] if _can_be_sent(entry[2])]
        return pack(head, Pickler)


def _can_be_sent(value: Any) -> bool:
    try:
        discard(pack(value, Pickler))
    except Exception:  # noqa: BLE001  (an object's own __reduce__ may raise anything)
        return False
    return True


def _packed(value: Any, what: str, segments: Segments | None, *, apart: bool = True) -> tuple[Message, bool]:
    """A pickled value, and whether it needs the script that this process runs."""
    refused: Exception | None = None
    message = Message(b"")
    try:
        message = pack(value, Pickler, segments, apart=apart)
    except Exception as error:  # noqa: BLE001  (an object's own __reduce__ may raise anything)
        refused = error
    else:
        if b"__main__" not in message.head:
            return message, False
    other = by_value()
    if other is None:
        if refused is None:
            return message, True
        raise NotSendable(
            f"{what} can't be sent to a worker process ({type(refused).__name__}: {refused}); define it in a "
            "module, use executor='thread', or, for lambdas and closures, pip install 'plait[process]'"
        ) from refused
    if refused is None:
        discard(message, segments)
    try:
        return pack(value, other, segments, apart=apart), False
    except Exception as error:
        raise NotSendable(
            f"{what} can't be sent to a worker process ({type(error).__name__}: {error}); pass plain data, or "
            "use executor='thread'"
        ) from error


def _arguments(args: Any, kwargs: Any, path: str, segments: Segments) -> tuple[Message, bool]:
    try:
        return _packed((args, kwargs), f"step {path!r}: what it gets", segments)
    except NotSendable:
        for name, value in (*enumerate(args, 1), *kwargs.items()):  # say which one it is
            told = f"its argument {name!r} ({type(value).__name__})"
            message, _ = _packed(value, f"step {path!r}: {told}", None)
            discard(message)
        raise


def _main_path(path: str) -> str:
    main: Any = sys.modules.get("__main__")
    found: str | None = getattr(main, "__file__", None)
    if found is None:
        raise NotSendable(
            f"step {path!r} uses something that is defined here, where there is no file that a worker process "
            "could load: pip install 'plait[process]', or define it in a module"
        )
    return os.path.abspath(found)  # noqa: PTH100  (pathlib costs an import)


def _how(status: int | None) -> str:
    if status is None:
        return "ended with its server"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = str(-status)
        return f"was ended by signal {name}" + (
            " (from outside, or because memory ran out)" if name == "SIGKILL" else ""
        )
    return f"ended with exit code {status}"


def _log_level() -> int | None:
    logging: Any = sys.modules.get("logging")
    return None if logging is None else logging.getLogger().getEffectiveLevel()


def _hear(kind: str, value: Any, heard: Callable[[Any], object] | None) -> None:
    if kind == "out":
        stream = getattr(sys, value[0])
        if stream is not None:
            stream.write(value[1])
    elif kind == "log":
        import logging

        record = logging.makeLogRecord(value)
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    elif heard is not None:
        heard(value)


_homes: dict[contextvars.ContextVar[Any], tuple[str, str] | None] = {}


def _variables() -> list[tuple[str, str, Any]]:
    """The context variables that modules define, with their values, as ``(module, name, value)``."""
    found = []
    for variable, value in contextvars.copy_context().items():
        if variable not in _homes:
            _homes[variable] = _home(variable)
        home = _homes[variable]
        if home is not None:
            found.append((*home, value))
    return found


def _home(variable: contextvars.ContextVar[Any]) -> tuple[str, str] | None:
    for name, module in list(sys.modules.items()):
        if name == "__main__" or name.startswith(("plait.", "decimal", "_decimal")) or module is None:
            continue
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is variable:
                return name, attribute
    return None


_pool: ProcessExecutor | None = None
_pool_lock = threading.Lock()
_owner = 0


def supported() -> None:
    """Refuse where there is no fork.

    Raises:
        DefinitionError: on Windows.
    """
    if sys.platform == "win32" or not hasattr(os, "fork"):
        raise DefinitionError(
            "executor='process' needs Linux or macOS; leave it out here, so that the step runs in a thread"
        )


def process_pool() -> ProcessExecutor:
    """The process's own pool, made at its first use."""
    global _pool, _owner
    with _pool_lock:
        if _pool is None or _pool._closed or _owner != os.getpid():  # noqa: SLF001  (a fork has none of its parent's)
            supported()
            if _pool is None:
                atexit.register(close_process_pool)
            _pool, _owner = ProcessExecutor(settings().processes), os.getpid()
        return _pool


def close_process_pool() -> None:
    """End the processes of the pool; the next use makes a new one."""
    if _pool is not None and _owner == os.getpid():
        _pool.close()
