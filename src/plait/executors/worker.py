"""What runs in a worker process: calls, one after another, each with its context, its output and its errors.

The worker unpickles what comes through its private socket from the process that it belongs to, and from nowhere
else. It has no signal of the terminal (Ctrl-C is its parent's affair) and dies with the fork server.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import io
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, Final

from plait.context import CURRENT, Loading, StepContext
from plait.core.component import Component
from plait.errors import NotSendable
from plait.executors.transfer import Pickler, by_value, discard, pack, receive, send, unpack

_DEATH_SIGNAL: Final = 1


def die_with_parent(expected: int | None) -> None:
    """Ask the kernel (Linux) to end this process with the one that forked it; None only loads what that takes."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if expected is None:
        return
    libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != expected:  # it died in between
        os._exit(1)


class _Output(io.TextIOBase):
    """``sys.stdout`` of a worker: lines go to the parent's, whatever that is there."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker, self._name, self._held = worker, name, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._held += text
        if "\n" in text or len(self._held) > 4096:
            self.flush()
        return len(text)

    def flush(self) -> None:
        held, self._held = self._held, ""
        if held:
            self._worker.tell("out", (self._name, held))


class Worker:
    """The state of a worker process."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._sending = threading.Lock()
        self._components: dict[int, Component] = {}
        self._ready: list[Component] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._logs = False

    # ------------------------------------------------------------------ talking
    def tell(self, kind: str, value: Any) -> None:
        """Send something to the parent, from whatever thread."""
        try:
            message = pack((kind, value), Pickler)
        except Exception:
            other = by_value()
            if other is None:
                raise
            message = pack((kind, value), other)
        try:
            with self._sending:
                send(self.sock, message)
        finally:
            discard(message)

    def listen_to_logs(self, level: int) -> None:
        """Hand log records on to the parent's loggers."""
        import logging

        worker = self

        class Forward(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                fields = dict(record.__dict__)
                fields.update(msg=record.getMessage(), args=None)
                if record.exc_info:
                    fields["exc_text"] = "".join(traceback.format_exception(*record.exc_info))
                fields["exc_info"] = None
                try:
                    worker.tell("log", fields)
                except Exception:  # noqa: BLE001  (a field that can't be sent: the standard ones can)
                    standard = logging.LogRecord("", 0, "", 0, "", None, None).__dict__
                    worker.tell("log", {k: v for k, v in fields.items() if k in standard})

        root = logging.getLogger()
        if not self._logs:
            root.handlers[:] = [Forward()]
            self._logs = True
        root.setLevel(level)

    # ------------------------------------------------------------------ calling
    def call(self, head: bytes, buffers: list[memoryview], about: dict[str, Any]) -> tuple[bool, Any, float]:
        """Make one call: whether it succeeded, its value or error, and the CPU seconds that it took."""
        cpu = time.process_time()
        try:
            _main_of(about)
            component = self._component(about)
            context = contextvars.copy_context()
            context.run(CURRENT.set, self._context(about))
            args, kwargs = context.run(unpack, head, buffers)
        except BaseException as error:  # noqa: BLE001  (told, whatever it is)
            failed = NotSendable(
                f"step {about['path']!r}: what it gets could not be read in its worker process "
                f"({type(error).__name__}: {error})"
            )
            failed.__cause__ = error
            return False, failed, 0.0
        try:
            with _memory(about.get("memory"), about["path"]):
                return True, context.run(self._run, component, args, kwargs, about), time.process_time() - cpu
        except BaseException as error:  # noqa: BLE001  (the parent raises it again)
            return False, error, time.process_time() - cpu
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()

    def _component(self, about: dict[str, Any]) -> Component:
        number, packed = about["component"], about["packed"]
        found = self._components.get(number)
        if found is None:
            found = Component(unpack(packed, []))
            if about["keep"]:
                self._components[number] = found
        return found

    def _context(self, about: dict[str, Any]) -> StepContext:
        ends = None if about["left"] is None else time.monotonic() + about["left"]
        return StepContext(
            run_id=about["run_id"],
            path=about["path"],
            attempt=about["attempt"],
            config=about["config"],
            deadline=None if ends is None else lambda: max(0.0, ends - time.monotonic()),
            emit=(lambda value: self.tell("emit", value)) if about["heard"] else None,
        )

    def _run(self, component: Component, args: Any, kwargs: Any, about: dict[str, Any]) -> Any:
        for module, name, value in about["variables"]:
            __import__(module)
            getattr(sys.modules[module], name).set(value)
        if component not in self._ready:
            if component.setup is not None:
                try:
                    self._wait(component.setup())
                except Exception as error:
                    error.add_note(f"in setup() of the component {component.name!r}")
                    raise
            if about["keep"]:
                self._ready.append(component)
        return self._wait(component.entry(*args, **kwargs))

    def _wait(self, result: Any) -> Any:
        if not inspect.isawaitable(result):
            return result
        if self._loop is None:
            self._loop = asyncio.new_event_loop()

        async def outcome() -> Any:
            return await result

        return self._loop.run_until_complete(outcome())

    def close(self) -> None:
        """Tear the components down; what that raises is told on standard error."""
        for component in reversed(self._ready):
            if component.teardown is not None:
                try:
                    self._wait(component.teardown())
                except Exception:  # noqa: BLE001  (the others are torn down all the same)
                    traceback.print_exc()


@contextlib.contextmanager
def _memory(most: int | None, path: str) -> Any:
    """Let the process have this many bytes more than now, and no more."""
    if most is None or not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/statm") as file:  # noqa: PTH123  (pathlib would be one more import for every worker)
        now = int(file.read().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (now + most, before[1]))
    try:
        yield
    except MemoryError as error:
        error.add_note(f"step {path!r} wanted more than the {most:,} bytes of memory that it declared")
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def sendable(error: BaseException, path: str) -> BaseException:
    """The error, if it arrives as what it is, and else one that says what it was."""
    import pickle

    text = "".join(traceback.format_exception(error))
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own error, just made)
        fine = type(again) is type(error) and str(again) == str(error)
    except Exception:  # noqa: BLE001  (an exception's own __reduce__ or __init__ may raise anything)
        fine = False
    if not fine:
        error = NotSendable(
            f"step {path!r} raised {type(error).__name__}: {error}, in its worker process; "
            "that exception can't be pickled, so this one stands for it"
        )
    error.add_note(f"in the worker process:\n{text}")
    return error


def serve(sock: socket.socket, server: int) -> int:
    """Answer calls until the parent says goodbye or is gone; the exit code."""
    die_with_parent(server)
    worker = Worker(sock)
    sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123  (for the life of the process)
    sys.stdout, sys.stderr = _Output(worker, "stdout"), _Output(worker, "stderr")
    try:
        while True:
            about = unpack(*receive(sock))
            if about is None:
                worker.close()
                sys.stdout.flush()
                sys.stderr.flush()
                worker.tell("bye", None)
                return 0
            head, buffers = receive(sock)
            sys.path[:] = about["sys_path"]
            if about["log_level"] is not None:
                worker.listen_to_logs(about["log_level"])
            good, value, cpu = worker.call(head, buffers, about)
            del head, buffers
            if not good:
                value = sendable(value, about["path"])
            _answer(worker, good, value, cpu, about["path"])
            del value
    except (EOFError, OSError):  # the parent is gone, and with it everybody who could want an answer
        return 1


def _answer(worker: Worker, good: bool, value: Any, cpu: float, path: str) -> None:
    try:
        worker.tell("done", (good, value, cpu))
    except (EOFError, OSError):
        raise
    except BaseException as error:  # noqa: BLE001  (an object's own __reduce__ may raise anything)
        said = NotSendable(
            f"step {path!r}: its result ({type(value).__name__}) can't be sent back from its worker process "
            f"({type(error).__name__}: {error}); return plain data, or use executor='thread'"
        )
        worker.tell("done", (False, said, cpu))


def _main_of(about: dict[str, Any]) -> None:
    """Make what the parent's script defines importable as ``__main__`` is there, if somebody needs it."""
    path = about["main"]
    if path is None or "__mp_main__" in sys.modules:
        return
    import runpy
    import types

    module = types.ModuleType("__mp_main__")
    sys.modules["__mp_main__"] = module
    Loading.script = path
    try:
        module.__dict__.update(runpy.run_path(path, run_name="__mp_main__"))
    except BaseException:
        del sys.modules["__mp_main__"]
        raise
    finally:
        Loading.script = None
    sys.modules["__main__"] = module
