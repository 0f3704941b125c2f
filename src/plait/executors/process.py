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
import contextlib
import contextvars
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from plait.core.component import Component
from plait.errors import DefinitionError, NotSendable, PlaitError, WorkerDied
from plait.executors.forkserver import ANSWER, COMMAND
from plait.executors.job import Job
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

IDLE_SECONDS: Final = 60.0
_KEPT: Final = 256
"""How many components' pickles are kept."""
_SMALL: Final = 2048
"""A component without a life cycle whose pickle is smaller is sent with each call."""


class Killed(BaseException):
    """The worker was killed because its call was told to stop; whoever told it so says what that means."""


class Server:
    """The fork server, seen from here."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair()
        code = "import sys; from plait.executors.forkserver import main; main(int(sys.argv[1]), int(sys.argv[2]))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter, our own code)
                [sys.executable, "-c", code, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        finally:
            theirs.close()
        self._asking = threading.Lock()
        self._answered = threading.Condition()
        self._born: list[int] = []
        self._workers: dict[int, Worker] = {}
        self._early: dict[int, int] = {}
        self.alive = True
        threading.Thread(target=self._listen, name="plait-processes", daemon=True).start()

    def fork(self, threads: int) -> Worker:
        """A new worker whose numeric libraries use this many threads."""
        ours, theirs = socket.socketpair()
        try:
            with self._asking:
                try:
                    socket.send_fds(self._sock, [COMMAND.pack(b"F", threads)], [theirs.fileno()])
                except OSError:
                    self.alive = False
                    raise PlaitError(
                        "the server process for workers is gone; the next call starts another"
                    ) from None
                with self._answered:
                    self._answered.wait_for(lambda: self._born or not self.alive)
                    if not self._born:
                        raise PlaitError("the server process for workers ended while it made one")
                    pid = self._born.pop()
                    worker = Worker(self, pid, ours, threads)
                    self._workers[pid] = worker
                    if pid in self._early:
                        worker.ended(self._early.pop(pid))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return worker

    def kill(self, worker: Worker) -> None:
        """End a worker and whatever it has started."""
        with contextlib.suppress(OSError), self._asking:
            self._sock.sendall(COMMAND.pack(b"K", worker.pid))

    def _listen(self) -> None:
        data = b""
        while True:
            try:
                more = self._sock.recv(ANSWER.size - len(data))
            except OSError:
                more = b""
            if not more:
                break
            data += more
            if len(data) < ANSWER.size:
                continue
            (kind, pid, status), data = ANSWER.unpack(data), b""
            with self._answered:
                if kind == b"P":
                    self._born.append(pid)
                    self._answered.notify_all()
                elif pid in self._workers:
                    self._workers.pop(pid).ended(status)
                else:
                    self._early[pid] = status
        with self._answered:
            self.alive = False
            for worker in self._workers.values():
                worker.ended(None)
            self._workers.clear()
            self._answered.notify_all()

    def close(self) -> None:
        """End the server, and with it every worker that is left."""
        self.alive = False
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sock.close()


class Worker:
    """One worker process."""

    def __init__(self, server: Server, pid: int, sock: socket.socket, threads: int) -> None:
        self.server, self.pid, self.sock, self.threads = server, pid, sock, threads
        self.knows: set[int] = set()
        self.since = time.monotonic()
        self.status: int | None = None
        self.told = False
        self._gone = threading.Event()

    def ended(self, status: int | None) -> None:
        """The server has seen it end: whoever reads from it stops, even if a grandchild holds the other side."""
        self.status = status
        self._gone.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)

    @property
    def gone(self) -> bool:
        """Whether the process has ended."""
        return self._gone.is_set()

    def kill(self) -> None:
        """End it now."""
        self.server.kill(self)

    def stop(self) -> None:
        """End it because its call was told to stop."""
        self.told = True
        self.kill()

    def bury(self) -> int | None:
        """Make sure that it has ended; its exit code."""
        if not self._gone.wait(1.0):  # it closed its socket and lives on
            self.kill()
            self._gone.wait(5.0)
        self.sock.close()
        return self.status


class ProcessExecutor:
    """A pool of worker processes that grows with the calls made at once; admission (``cpu``) bounds those.

    Attributes:
        segments: the shared memory in use now.
    """

    name = "process"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._numbers = itertools.count(1)
        self._packed: OrderedDict[int, tuple[Any, int, Any, bool, bool]] = OrderedDict()
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
        heard: Callable[[str, Any], None] | None = None,
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
        try:
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
            discard(message, self.segments)

    def _begin(self, worker: Worker, about: dict[str, Any], packed: Any, message: Message) -> bool:
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
        self, worker: Worker, about: dict[str, Any], job: Job | None, heard: Callable[[str, Any], None] | None
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
                finally:
                    alive = True
                if kind == "done":
                    good, result, cpu = value
                    if not good:
                        raise result
                    return result, cpu
                alive = False
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

    def _component(self, component: Component, path: str) -> tuple[int, Any, bool, bool]:
        """A component's number, its pickle, whether workers keep it, and whether ``__main__`` defines it."""
        key = id(component.given)
        with self._lock:
            found = self._packed.get(key)
            if found is not None and found[0] is component.given:
                self._packed.move_to_end(key)
                return found[1:]
        message, in_main = _packed(component.given, f"step {path!r}: the component {component.name!r}", None)
        buffers = [_read_back(fd) for fd in message.segments]
        discard(message)
        life = component.setup is not None or component.teardown is not None
        keep = life or len(message.head) > _SMALL or bool(buffers)
        with self._lock:
            made = component.given, next(self._numbers), (message.head, buffers), keep, in_main
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


def _read_back(fd: int) -> Any:
    import mmap

    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as mapped:
        return bytearray(mapped)


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


def _packed(value: Any, what: str, segments: Segments | None) -> tuple[Message, bool]:
    """A pickled value, and whether it needs the script that this process runs."""
    refused: Exception | None = None
    message = Message(b"")
    try:
        message = pack(value, Pickler, segments)
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
        return pack(value, other, segments), False
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


def _hear(kind: str, value: Any, heard: Callable[[str, Any], None] | None) -> None:
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
        heard(kind, value)


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
            _pool, _owner = ProcessExecutor(), os.getpid()
        return _pool


def close_process_pool() -> None:
    """End the processes of the pool; the next use makes a new one."""
    if _pool is not None and _owner == os.getpid():
        _pool.close()
