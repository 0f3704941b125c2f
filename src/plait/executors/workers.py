"""Worker processes and the server that they are forked from, as the process that uses them sees them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

from plait.errors import PlaitError
from plait.executors.forkserver import ANSWER, COMMAND


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
