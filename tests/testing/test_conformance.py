"""The proof of executors, observers and stores: ours pass it, and each defect is caught by its name."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import subprocess
import sys
import threading

import pytest

from plait import MemoryCache
from plait.executors.job import Abandoned, Job
from plait.executors.thread import ThreadExecutor
from plait.testing import conformance
from plait.testing.conformance import check_cache_store, check_executor, check_observer
from plait.typing import Hit


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(conformance, "PATIENCE", 1.5)


def test_the_thread_executor_passes():
    asyncio.run(check_executor(ThreadExecutor))


@pytest.mark.parametrize("threads", [2, 5])
def test_also_with_few_threads(threads):
    asyncio.run(check_executor(lambda: ThreadExecutor(threads)))


class Broken(ThreadExecutor):
    """The thread executor with one defect."""

    async def execute(self, job):
        return await super().execute(job)


class Copies(Broken):
    async def execute(self, job):
        answer = await super().execute(job)
        return list(answer) if isinstance(answer, list) else answer


class Swallows(Broken):
    async def execute(self, job):
        try:
            return await super().execute(job)
        except ValueError:
            return None


class Wraps(Broken):
    async def execute(self, job):
        try:
            return await super().execute(job)
        except ValueError as error:
            raise RuntimeError("job failed") from error


class HangsOnExit(Broken):
    async def execute(self, job):
        try:
            return await super().execute(job)
        except (KeyboardInterrupt, SystemExit):
            await asyncio.sleep(60)


class Truncates(Broken):
    async def execute(self, job):
        answer = await super().execute(job)
        return answer[:1000] if isinstance(answer, bytearray) else answer


class LosesContext(Broken):
    async def execute(self, job):
        job.context = contextvars.Context()
        return await super().execute(job)


class KeepsContext(Broken):
    context = None

    async def execute(self, job):
        type(self).context = job.context = type(self).context or job.context
        return await super().execute(job)


class Blocks:
    async def execute(self, job):
        return job.context.run(job.call)


class LeavesThreads(Broken):
    async def execute(self, job):
        work = asyncio.ensure_future(outcome(super().execute(job)))
        try:
            answer, error = await asyncio.shield(work)
        except asyncio.CancelledError:
            job.cancelled = True
            if job.abandon:
                return Abandoned(job)
            raise
        if error is not None:
            raise error
        return answer


async def outcome(running):
    """What came of it as a value: some exceptions of a Task would stop its loop."""
    try:
        return await running, None
    except BaseException as error:
        return None, error


class TellsNobody(Broken):
    async def execute(self, job):
        return await super().execute(Job(job.call, job.name, job.context, abandon=job.abandon))


class AnswersLate(Broken):
    async def execute(self, job):
        try:
            return await super().execute(job)
        except asyncio.CancelledError as error:
            if error.args:  # the job's own
                raise
            return "late"


class WaitsForTheAbandoned(Broken):
    async def execute(self, job):
        job.abandon = False
        return await super().execute(job)


class AbandonsEverything(Broken):
    async def execute(self, job):
        job.abandon = True
        return await super().execute(job)


class MixesUp(Broken):
    last = None

    async def execute(self, job):
        answer = await super().execute(job)
        answer, type(self).last = (
            (type(self).last if isinstance(answer, int) and answer > 5 else answer),
            answer,
        )
        return answer


class RunsTwice(Broken):
    async def execute(self, job):
        if not isinstance(job.call, conformance._Gate):
            call = job.call
            job.call = lambda: (contextvars.copy_context().run(call), call())[1]
        return await super().execute(job)


class CancelsAll(Broken):
    def __init__(self):
        super().__init__()
        self.tasks = set()

    async def execute(self, job):
        self.tasks.add(asyncio.current_task())
        work = asyncio.ensure_future(outcome(super().execute(job)))
        try:
            answer, error = await asyncio.shield(work)
        except asyncio.CancelledError:
            job.cancelled = True
            for task in self.tasks - {asyncio.current_task()}:
                task.cancel()
            if job.abandon:
                return Abandoned(job)
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(work)
            raise
        if error is not None:
            raise error
        return answer


class OneAfterAnother(Broken):
    def __init__(self):
        super().__init__(max_threads=1)


DEFECTS = {
    Copies: "a job that succeeds gives its own object: the answer is [], not the very object",
    Swallows: "a job that fails raises its own object: it answered None",
    Wraps: "a job that fails raises its own object: what was raised is RuntimeError",
    HangsOnExit: "a BaseException comes out and harms nobody: it took longer than",
    Truncates: "a huge value comes through: 16777216 bytes came back as 1000",
    LosesContext: "a call sees the job's context variables, and only they: the call saw 'none'",
    KeepsContext: "a call sees the job's context variables, and only they: ",
    Blocks: "the event loop goes on while a call runs: the event loop stood still",
    LeavesThreads: "a cancelled job is answered when its call has truly ended: it ended while the call was still",
    TellsNobody: "a cancelled job is answered when its call has truly ended: job.cancelled was not set",
    AnswersLate: "a cancelled job is answered when its call has truly ended: it gave 'late'",
    AbandonsEverything: "a cancelled job is answered when its call has truly ended: it ended while the call was",
    WaitsForTheAbandoned: "a job that may be abandoned is answered at once: a job that may be abandoned was waited",
    MixesUp: "many jobs at once get their own answers, once each: job ",
    RunsTwice: "many jobs at once get their own answers, once each: the jobs were called [1, 2] times",
    CancelsAll: "cancelling one job leaves the others alone: ",
    OneAfterAnother: "cancelling one job leaves the others alone: it took longer than",
}


@pytest.mark.parametrize("broken", DEFECTS, ids=lambda broken: broken.__name__)
def test_a_defect_is_caught_by_its_name(broken):
    with pytest.raises(AssertionError) as caught:
        asyncio.run(check_executor(broken))
    assert str(caught.value).startswith(DEFECTS[broken])


def test_what_has_to_be_closed_is_closed_after_each_promise():
    closed = []

    class Closing(ThreadExecutor):
        def close(self):
            super().close()

            async def later():
                closed.append(self)

            return later()

    made = []
    asyncio.run(check_executor(lambda: made.append(Closing()) or made[-1]))
    assert closed == made
    assert len(made) == len(conformance._EXECUTOR)


def test_no_call_is_left_running_even_by_a_broken_one():
    before = threading.active_count()
    with pytest.raises(AssertionError):
        asyncio.run(check_executor(LeavesThreads))
    busy = [t for t in threading.enumerate() if t.name.startswith("plait-thread") and t.is_alive()]
    assert threading.active_count() <= before + len(busy)


# observers


class Good:
    def on_event(self, event):
        repr(event)


def test_an_observer_that_takes_every_event_passes():
    check_observer(Good)


def test_one_that_does_not_know_a_kind_is_caught_at_that_event():
    class Choosy:
        def on_event(self, event):
            event.path.upper()

    with pytest.raises(AssertionError, match="at RunStarted: such an observer is removed"):
        check_observer(Choosy)


def test_one_that_is_called_again_after_it_raised_is_caught(monkeypatch):
    from plait.run.tell import Teller

    def keeps(self, event):
        for observer in self.observers:
            with contextlib.suppress(RuntimeError):
                observer.on_event(event)

    monkeypatch.setattr(Teller, "tell", keeps)
    with pytest.raises(AssertionError, match="one that raises was called 13 times and logged 0 times"):
        check_observer(Good)


def test_events_out_of_order_are_caught(monkeypatch):
    from plait.run.tell import Teller

    kept = []

    def late(self, event):
        kept.append(event)
        if len(kept) == 2:
            tell(self, kept.pop())
            tell(self, kept.pop())

    tell = Teller.tell
    monkeypatch.setattr(Teller, "tell", late)
    with pytest.raises(AssertionError, match="did not come in order"):
        check_observer(Good)


def test_the_progress_of_the_command_line_passes(tmp_path):
    import io

    from plait.observers.progress import Progress

    check_observer(lambda: Progress(io.StringIO()))


def test_it_is_light_to_import():
    code = "import sys, plait.testing.conformance; print(*{'pytest', 'hypothesis', 'unittest', 'multiprocessing'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


class Faulty(MemoryCache):
    """The store in memory with one defect."""

    __slots__ = ()


class SaysNothing(Faulty):
    blocking = None  # type: ignore[assignment]


class HasSomething(Faulty):
    def get(self, key):
        return super().get(key) or Hit(None)


class LosesNone(Faulty):
    def set(self, key, value, ttl=None):
        if value is not None:
            super().set(key, value, ttl)


class GivesValues(Faulty):
    def get(self, key):
        found = super().get(key)
        return found and found.value


class GivesText(Faulty):
    def set(self, key, value, ttl=None):
        super().set(key, str(value) if isinstance(value, float) else value, ttl)


class FoldsCase(Faulty):
    def get(self, key):
        return super().get(key.lower())

    def set(self, key, value, ttl=None):
        super().set(key.lower(), value, ttl)

    def delete(self, key):
        super().delete(key.lower())


class KeepsTheFirst(Faulty):
    def set(self, key, value, ttl=None):
        if super().get(key) is None:
            super().set(key, value, ttl)


class DeletesNothing(Faulty):
    def delete(self, key):
        pass


class DeleteRaises(Faulty):
    def delete(self, key):
        if super().get(key) is None:
            raise KeyError(key)
        super().delete(key)


class ClearsTooLittle(Faulty):
    def clear(self):
        super().delete("a")


class NeverForgets(Faulty):
    def set(self, key, value, ttl=None):
        super().set(key, value, None)


class AlwaysForgets(Faulty):
    def set(self, key, value, ttl=None):
        super().set(key, value, 0.05)


class HoldsNames(Faulty):
    def set(self, key, value, ttl=None):
        super().set(key, repr(value) if type(value) is object else value, ttl)


class MixesThreads(Faulty):
    def set(self, key, value, ttl=None):
        super().set("own 0" if key.startswith("own") else key, value, ttl)

    def get(self, key):
        return super().get("own 0" if key.startswith("own") else key)


@pytest.mark.parametrize(
    ("store", "promise"),
    [
        (SaysNothing, "it says whether it blocks"),
        (HasSomething, "an empty store has nothing"),
        (LosesNone, "None included"),
        (GivesValues, "None included"),
        (GivesText, "it gives back what it was given"),
        (FoldsCase, "it tells them apart"),
        (KeepsTheFirst, "the value that is set last counts"),
        (DeletesNothing, "delete and clear"),
        (DeleteRaises, "an empty store has nothing: it raised KeyError"),
        (ClearsTooLittle, "delete and clear"),
        (NeverForgets, "a ttl ends a result"),
        (AlwaysForgets, "a ttl ends a result"),
        (HoldsNames, "what it can't hold it refuses"),
        (MixesThreads, "any number of threads"),
    ],
)
def test_a_defect_of_a_store_is_named(store, promise):
    with pytest.raises(AssertionError, match=promise):
        check_cache_store(store)


def test_a_store_is_closed_after_each_promise():
    closed = []

    class Closes(MemoryCache):
        def close(self):
            closed.append(self)

    check_cache_store(Closes)
    assert len(closed) == len({id(store) for store in closed}) == 9
