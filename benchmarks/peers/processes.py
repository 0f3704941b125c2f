"""The contenders of M9 and M10: what calls plain functions in other processes.

Libraries of pipelines are not among them, as none of them does; pools of processes are. What runs is the same
functions of `work.py`, in workers that were started before (but for bare forks).
"""

from __future__ import annotations

import asyncio
import atexit
import mmap
import os
import pickle
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import NotOffered, Peer, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future


class Processes(Peer):
    """Calls functions in other processes."""

    def computations(self, rounds: int, branches: int) -> Run:
        """*branches* computations in Python side by side; returns their results."""
        return self.calls(work.churn, rounds, branches)

    def array_readers(self, array: Any, branches: int, *, fresh: bool) -> Run:
        """*branches* readers of an array; returns what each found and where it read.

        With *fresh* the library gets an array object that it has never seen.
        """
        return self.calls(work.read_array, array, branches, fresh=fresh)

    def calls(self, function: Callable[[Any], Any], value: Any, branches: int, *, fresh: bool = False) -> Run:
        """The same function and the same value, in as many processes."""
        raise NotImplementedError


class Forks(Processes):
    """`os.fork` and a pipe; an array is written once to memory without a name, which the children map."""

    name = "hand"

    def calls(self, function: Callable[[Any], Any], value: Any, branches: int, *, fresh: bool = False) -> Run:  # noqa: ARG002 - nothing is remembered
        async def run() -> list[Any]:
            return forked([partial(function, value)] * branches)

        return run

    def array_readers(self, array: Any, branches: int, *, fresh: bool) -> Run:  # noqa: ARG002 - nothing is remembered
        numpy: Any = import_module("numpy")
        if not hasattr(os, "memfd_create"):
            raise NotOffered("no memory without a name here")

        def read(fd: int) -> tuple[float, str]:
            mapped = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
            return work.read_array(numpy.frombuffer(mapped, dtype=array.dtype))

        async def run() -> list[Any]:
            fd = os.memfd_create("benchmark")
            try:
                rest = memoryview(array).cast("B")
                while rest.nbytes:
                    rest = rest[os.write(fd, rest) :]
                return forked([partial(read, fd)] * branches)
            finally:
                os.close(fd)

        return run


def forked(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of these calls, each made in a child of its own."""
    children = []
    for call in calls:
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.write(writes, pickle.dumps(call()))
            finally:
                os._exit(0)
        os.close(writes)
        children.append((pid, reads))
    results = []
    for pid, reads in children:
        with os.fdopen(reads, "rb") as pipe:
            results.append(pickle.loads(pipe.read()))
        os.waitpid(pid, 0)
    return results


class Plait(Processes):
    """Branches of a parallel block with `executor="process"`."""

    name = "plait"
    distribution = "plait"

    def calls(self, function: Callable[[Any], Any], value: Any, branches: int, *, fresh: bool = False) -> Run:
        from plait import Pipeline, parallel, step

        parts = [
            step(function, {"value": "value"}, f"found_{i}", name=f"branch_{i}", executor="process")
            for i in range(branches)
        ]
        pipeline = Pipeline([parallel(parts, name="branches")])

        async def run() -> list[Any]:
            state = await pipeline.invoke({"value": value[:] if fresh else value})
            return [state[f"found_{i}"] for i in range(branches)]

        return run


class StandardPool(Processes):
    """`concurrent.futures.ProcessPoolExecutor`."""

    name = "futures"

    def pool(self, workers: int) -> Executor:
        """A pool that is kept, so that its workers are warm."""
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(workers)

    def submitter(self, workers: int) -> Callable[..., Future[Any]]:
        """What hands a function and its argument to the pool."""
        return self.pool(workers).submit

    def calls(self, function: Callable[[Any], Any], value: Any, branches: int, *, fresh: bool = False) -> Run:
        submit = self.submitter(branches)

        async def run() -> list[Any]:
            given = value[:] if fresh else value
            return await asyncio.gather(
                *[asyncio.wrap_future(submit(function, given)) for _ in range(branches)]
            )

        return run


class Loky(StandardPool):
    """loky's reusable executor."""

    name = "loky"
    distribution = "loky"

    def pool(self, workers: int) -> Executor:
        loky: Any = import_module("loky")
        pool: Executor = loky.ProcessPoolExecutor(workers, timeout=None)
        return pool


class Pebble(StandardPool):
    """pebble's pool."""

    name = "pebble"
    distribution = "pebble"

    def submitter(self, workers: int) -> Callable[..., Future[Any]]:
        pebble: Any = import_module("pebble")
        pool = pebble.ProcessPool(max_workers=workers)
        atexit.register(pool.stop)

        def submit(function: Callable[[Any], Any], value: Any) -> Future[Any]:
            future: Future[Any] = pool.schedule(function, args=[value])
            return future

        return submit


class Joblib(Processes):
    """joblib's `Parallel`, which maps large arrays from files in shared memory."""

    name = "joblib"
    distribution = "joblib"

    def calls(self, function: Callable[[Any], Any], value: Any, branches: int, *, fresh: bool = False) -> Run:
        joblib: Any = import_module("joblib")
        parallel = joblib.Parallel(n_jobs=branches).__enter__()  # kept, so that its workers are warm
        atexit.register(parallel.__exit__, None, None, None)

        async def run() -> list[Any]:
            given = value[:] if fresh else value
            found: list[Any] = parallel(joblib.delayed(function)(given) for _ in range(branches))
            return found

        return run


PEERS: tuple[Processes, ...] = (Forks(), Plait(), StandardPool(), Loky(), Joblib(), Pebble())
