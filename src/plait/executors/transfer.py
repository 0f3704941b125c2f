"""Values on their way between our own processes: pickle for what is small, shared memory for what is large.

    sender                                          receiver
    pickle 5 ──▶ head ─────── socket ──────────────▶ unpickle
        └─ buffers ≥ 256 KiB ─▶ segment ─ its fd ──▶ mapped copy-on-write: nobody copies what nobody changes

A segment is memory without a name (memfd, or a file that was unlinked at once), handed over as a file descriptor:
it goes away with the last process that holds it, so a crash leaves nothing to clean up. The receiver may write to
what it got; the pages that it changes become its own.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

BIG: Final = 1 << 18
"""Buffers from this size on travel in shared memory."""
_MOST_FDS: Final = 200
_HEADER: Final = struct.Struct("<QI")
_CLOEXEC: Final[int] = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Message:
    """A pickled value and the segments of its large buffers."""

    __slots__ = ("head", "keys", "segments")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.segments: list[int] = []
        self.keys: list[tuple[int, int]] = []
        """The shared ones among the segments."""


class Segments:
    """The segments of buffers that are being read by others now: several readers of one buffer share its copy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[int, int], list[Any]] = {}

    def take(self, raw: memoryview) -> tuple[tuple[int, int], int]:
        """The segment that holds a buffer, written unless somebody reads it already."""
        key = id(raw.obj), raw.nbytes
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = [segment_of(raw), 0, raw]
            found[1] += 1
            fd: int = found[0]
            return key, fd

    def drop(self, keys: list[tuple[int, int]]) -> None:
        """Those readers have ended."""
        with self._lock:
            for key in keys:
                found = self._known[key]
                found[1] -= 1
                if not found[1]:
                    os.close(found[0])
                    del self._known[key]

    def __len__(self) -> int:
        return len(self._known)


def segment_of(raw: memoryview) -> int:
    """Memory without a name that holds these bytes; the caller closes it."""
    fd = _nameless()
    try:
        rest = raw
        while rest.nbytes:
            rest = rest[os.write(fd, rest) :]
    except BaseException:
        os.close(fd)
        raise
    return fd


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("plait", os.MFD_CLOEXEC)
    import tempfile  # not Linux: a file that has no name any more is as good

    fd, path = tempfile.mkstemp(prefix="plait-")
    os.unlink(path)  # noqa: PTH108  (pathlib would be one more import for every worker)
    return fd


def pack(
    value: Any,
    pickler: Callable[[io.BytesIO, Any], Any],
    segments: Segments | None = None,
    *,
    apart: bool = True,
) -> Message:
    """Pickle a value, its large buffers apart.

    Args:
        value: what to send.
        pickler: makes the pickler for a file and a buffer callback.
        segments: where buffers are shared with other messages; None makes new ones, which ``discard`` closes.
        apart: False keeps large buffers in the pickle, for what is kept longer than a call.
    """
    buffers: list[memoryview] = []

    def inside(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous: pickle copies it
            return True
        if raw.nbytes < BIG or len(buffers) >= _MOST_FDS:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO()
    pickler(file, inside if apart else None).dump(value)
    message = Message(file.getvalue())
    try:
        for raw in buffers:
            if segments is None:
                message.segments.append(segment_of(raw))
            else:
                key, fd = segments.take(raw)
                message.keys.append(key)
                message.segments.append(fd)
    except BaseException:
        discard(message, segments)
        raise
    return message


def discard(message: Message, segments: Segments | None = None) -> None:
    """Let go of a message's segments."""
    keys, fds = message.keys, message.segments
    message.keys, message.segments = [], []
    if segments is not None:
        segments.drop(keys)
    else:
        for fd in fds:
            os.close(fd)


def send(sock: socket.socket, message: Message) -> None:
    """Write a message whole."""
    header = _HEADER.pack(len(message.head), len(message.segments))
    if message.segments:
        socket.send_fds(sock, [header], message.segments)
        sock.sendall(message.head)
    elif len(message.head) < BIG:
        sock.sendall(header + message.head)
    else:
        sock.sendall(header)
        sock.sendall(message.head)


def receive(sock: socket.socket) -> tuple[bytes, list[memoryview]]:
    """Read a message whole: its head, and its buffers, mapped.

    Raises:
        EOFError: when the other side is gone.
    """
    start, fds, _, _ = socket.recv_fds(sock, _HEADER.size, _MOST_FDS + 50, _CLOEXEC)
    try:
        if len(start) < _HEADER.size:
            start += _exactly(sock, _HEADER.size - len(start)) if start else b""
            if not start:
                raise EOFError
        length, count = _HEADER.unpack(start)
        if count != len(fds):
            raise EOFError(f"{count} segments were announced and {len(fds)} came")
        head = _exactly(sock, length)
        return head, [memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)) for fd in fds]
    finally:
        for fd in fds:
            os.close(fd)


def _exactly(sock: socket.socket, count: int) -> bytes:
    if count <= 1 << 16:
        first = sock.recv(count)
        if len(first) == count:
            return first
    else:
        first = b""
    whole = bytearray(count)
    whole[: len(first)] = first
    view, done = memoryview(whole), len(first)
    while done < count:
        got = sock.recv_into(view[done:])
        if not got:
            raise EOFError
        done += got
    return bytes(whole)


def unpack(head: bytes, buffers: list[memoryview]) -> Any:
    """The value of a message. Only for what came through a private socket from a process of our own."""
    return pickle.loads(head, buffers=buffers)  # noqa: S301


class Pickler(pickle.Pickler):
    """Plain pickle, which also knows functions that a decorator has turned into steps, and step contexts."""

    def __init__(self, file: io.BytesIO, apart: Any) -> None:
        super().__init__(file, 5, buffer_callback=apart)

    def reducer_override(self, value: Any) -> Any:
        """How to send what plain pickle can't."""
        return special(value)


def special(value: Any) -> Any:
    """The reduction of our own kinds of values, or NotImplemented."""
    from plait.context import StepContext

    kind = type(value)
    if kind is StepContext:
        return _own_context, ()
    if kind is _FUNCTION:
        home: Any = sys.modules.get(value.__module__ or "")
        for name in value.__qualname__.split("."):
            home = getattr(home, name, None)
        component = getattr(home, "component", None)
        if home is not value and component is not None and component.given is value:
            return _undecorated, (value.__module__, value.__qualname__)
    return NotImplemented


def _own_context() -> Any:
    from plait.context import current_step

    return current_step()


def _undecorated(module: str, name: str) -> Any:
    import importlib

    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found.component.given


_FUNCTION: Final = type(special)


def by_value() -> Callable[[io.BytesIO, Any], Any] | None:
    """The pickler that also sends lambdas, closures and what ``__main__`` defines; None without cloudpickle."""
    import importlib

    try:
        base: Any = importlib.import_module("cloudpickle").Pickler
    except ImportError:
        return None

    class ByValue(base):  # type: ignore[misc]  # cloudpickle has no types
        def __init__(self, file: io.BytesIO, apart: Any) -> None:
            super().__init__(file, 5, buffer_callback=apart)

        def reducer_override(self, obj: Any) -> Any:
            found = special(obj) if getattr(obj, "__module__", "") != "__main__" else NotImplemented
            return super().reducer_override(obj) if found is NotImplemented else found

    return ByValue
