"""The process that workers are forked from: small, single-threaded, and the first to notice that its parent is gone.

    parent ── F threads + a socket ──▶ server ── fork ──▶ worker
           ◀── P pid ─────────────────
           ── K pid ──────────────────▶        ── SIGKILL to the worker's whole group
           ◀── X pid status ──────────         reaped, with what it left in its group

It is started as a program of its own, so it inherits no lock, no thread and no file of its parent. When the socket
to the parent ends, or the parent is another process than the one that started it, it kills every group and ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
from typing import Final

COMMAND: Final = struct.Struct("<cI")
ANSWER: Final = struct.Struct("<cIi")
_LOOK: Final = 1.0
"""Seconds between two looks at whether the parent lives (its death normally ends the socket at once)."""

THREAD_COUNTS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What numeric libraries read when they are loaded: how many threads they may use."""


def main(fd: int, parent: int) -> None:
    """Serve until the parent is gone."""
    from plait.executors.worker import die_with_parent

    sock = socket.socket(fileno=fd)
    sock.setblocking(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    die_with_parent(None)  # loads what the workers need, once
    gc.freeze()
    children: set[int] = set()
    watched: list[int] = [sock.fileno(), wake]
    try:
        while True:
            ready, _, _ = select.select(watched, [], [], _LOOK)
            if wake in ready:
                os.read(wake, 4096)
            _reap(sock, children)
            if os.getppid() != parent:
                return
            if watched[0] in ready and not _serve(sock, children, (wake, woken)):
                return
    except OSError:  # the socket broke: the parent is gone
        return
    finally:
        for pid in children:
            _kill(pid)


def _serve(sock: socket.socket, children: set[int], pipes: tuple[int, int]) -> bool:
    data, fds, _, _ = socket.recv_fds(sock, COMMAND.size, 1, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    while data and len(data) < COMMAND.size:
        more = sock.recv(COMMAND.size - len(data))
        data = data + more if more else b""
    if not data:
        return False
    kind, number = COMMAND.unpack(data)
    if kind == b"K":
        if number in children:  # not reaped yet, so the number is still this worker's
            _kill(number)
        return True
    pid = os.fork()
    if not pid:
        status = 70
        try:
            signal.set_wakeup_fd(-1)
            for pipe in pipes:
                os.close(pipe)
            sock.close()
            status = _become_worker(fds[0], number)
        finally:
            os._exit(status)
    os.close(fds[0])
    children.add(pid)
    with contextlib.suppress(OSError):  # here as there: whoever is first, the group exists before a kill
        os.setpgid(pid, pid)
    sock.sendall(ANSWER.pack(b"P", pid, 0))
    return True


def _become_worker(fd: int, threads: int) -> int:
    from plait.executors.worker import serve

    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name in THREAD_COUNTS:
        os.environ.setdefault(name, str(threads))
    return serve(socket.socket(fileno=fd), os.getppid())


def _reap(sock: socket.socket, children: set[int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        children.discard(pid)
        _kill(pid)  # what it has started and left behind in its group
        sock.sendall(ANSWER.pack(b"X", pid, os.waitstatus_to_exitcode(status)))


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        with contextlib.suppress(OSError):
            os.kill(group, signal.SIGKILL)
