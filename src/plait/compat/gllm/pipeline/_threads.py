"""Threads: runs that stop on the way and go on later, in this process.

A run of a pipeline with a checkpointer is one native run for each of its steps, with a snapshot after each. So it can
stop between any two of them, go on with another state, and go back. Where it stops inside a block, the native run itself is
kept.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from plait.compat.gllm._build import names_of
from plait.compat.gllm._native import REACHED
from plait.compat.gllm._run import Run
from plait.compat.gllm._state import INTERNAL, MISSING, visible
from plait.compat.gllm.exceptions import PipelineValueError
from plait.compat.gllm.steps.goto_step import GoToStep
from plait.compat.gllm.steps.interrupt_step import InterruptStep
from plait.core.control import END
from plait.core.names import did_you_mean, listing

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline._invoking import Invocation
    from plait.compat.gllm.pipeline.pipeline import Pipeline

INTERRUPTS = f"{INTERNAL}interrupts"
NO_ANSWER: Any = object()


class Answer:
    """What ``resume`` answers."""

    __slots__ = ("resume",)

    def __init__(self, resume: Any) -> None:
        self.resume = resume


class Interrupt(NamedTuple):
    """A question that waits for an answer.

    Attributes:
        value: what the person is shown.
        id: its id.
    """

    value: Any
    id: str


class Task(NamedTuple):
    """What is to come next.

    Attributes:
        name: the step.
        interrupts: the questions in it.
    """

    name: str
    interrupts: tuple[Interrupt, ...]


class Snapshot(NamedTuple):
    """A thread at one moment.

    Attributes:
        values: the state.
        next: the names of the steps that come next; empty at the end.
        config: what ``invoke(None, config=...)`` and ``fork_from`` take.
        metadata: ``source`` (``input``, ``loop`` or ``update``), ``step`` and ``writes``.
        created_at: when, as an ISO time.
        parent_config: the config of the snapshot before, or None.
        tasks: what comes next, with its questions.
        interrupts: the questions that wait for answers.
    """

    values: dict[str, Any]
    next: tuple[str, ...]
    config: dict[str, Any]
    metadata: dict[str, Any] | None
    created_at: str | None
    parent_config: dict[str, Any] | None
    tasks: tuple[Task, ...]
    interrupts: tuple[Interrupt, ...]


class Record:
    """A snapshot, and what it takes to go on from it."""

    def __init__(
        self, values: dict[str, Any], at: int, source: str, number: int, parent: Record | None, writes: Any
    ) -> None:
        self.values, self.at, self.number, self.parent = values, at, number, parent
        self.shown = visible(values)
        self.id = str(uuid.uuid4())
        self.created_at = dt.datetime.now(dt.UTC).isoformat()
        self.metadata = {"source": source, "step": number, "writes": writes, "parents": {}}
        self.next: tuple[str, ...] = ()
        self.interrupts: tuple[Interrupt, ...] = ()
        self.paused: tuple[Any, Run] | None = None


class Threads:
    """The threads of one checkpointer."""

    def __init__(self) -> None:
        self.by_id: dict[str, Thread] = {}

    def thread(self, thread_id: str) -> Thread:
        """A thread, a new one if there is none of this id.

        Raises:
            PipelineValueError: the id is no string, or empty.
        """
        if not isinstance(thread_id, str) or not thread_id:
            raise PipelineValueError(f"thread_id is {thread_id!r}; it is a string")
        return self.by_id.setdefault(thread_id, Thread(thread_id))


_of_checkpointer: weakref.WeakKeyDictionary[Any, Threads] = weakref.WeakKeyDictionary()


def threads_of(checkpointer: Any) -> Threads:
    """The threads that are kept for a checkpointer.

    Raises:
        PipelineValueError: it is an object for which nothing can be kept.
    """
    try:
        return _of_checkpointer.setdefault(checkpointer, Threads())
    except TypeError:
        raise PipelineValueError(
            f"checkpointer is {checkpointer!r}; it is an object such as plait.compat.gllm.pipeline.checkpoint.InMemorySaver()"
        ) from None


class Thread:
    """A run that can stop and go on."""

    def __init__(self, thread_id: str) -> None:
        self.id = thread_id
        self.records: list[Record] = []

    # ------------------------------------------------------------------ looking
    def last(self) -> Snapshot:
        """The last snapshot; an empty one for a thread that never ran."""
        if self.records:
            return self._snapshot(self.records[-1])
        return Snapshot({}, (), {"configurable": {"thread_id": self.id}}, None, None, None, (), ())

    def history(
        self, limit: int | None, wanted: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> Iterator[Snapshot]:
        """The snapshots, the last one first."""
        records = self.records
        if before is not None:
            found = self._record((before.get("configurable") or {}).get("checkpoint_id"))
            records = records[: records.index(found)]
        fitting = (r for r in reversed(records) if all(r.metadata.get(k) == v for k, v in wanted.items()))
        for record in itertools.islice(fitting, limit):
            yield self._snapshot(record)

    def _snapshot(self, record: Record) -> Snapshot:
        return Snapshot(
            dict(record.shown),
            record.next,
            self._config(record),
            dict(record.metadata),
            record.created_at,
            None if record.parent is None else self._config(record.parent),
            tuple(Task(name, record.interrupts) for name in record.next),
            record.interrupts,
        )

    def _config(self, record: Record) -> dict[str, Any]:
        return {"configurable": {"thread_id": self.id, "checkpoint_ns": "", "checkpoint_id": record.id}}

    def _record(self, checkpoint_id: Any) -> Record:
        found = next((record for record in self.records if record.id == checkpoint_id), None)
        if found is None:
            raise PipelineValueError(
                f"thread {self.id!r} has no checkpoint {checkpoint_id!r}; take one from get_state_history: "
                f"snapshot.config['configurable']['checkpoint_id']"
            )
        return found

    def _add(
        self,
        pipeline: Pipeline,
        values: dict[str, Any],
        at: int,
        source: str,
        parent: Record | None,
        writes: Any = None,
    ) -> Record:
        record = Record(values, at, source, -1 if parent is None else parent.number + 1, parent, writes)
        record.next = ("__start__",) if source == "input" else _next(pipeline, at)
        self.records.append(record)
        return record

    # ------------------------------------------------------------------ changing
    def updated(
        self,
        pipeline: Pipeline,
        values: Mapping[str, Any],
        as_node: str | None,
        checkpoint_id: str | None = None,
    ) -> dict[str, Any]:
        """Another state, from which the thread goes on; gives its config.

        Raises:
            PipelineValueError: there is no such snapshot or step, or the thread waits inside a block.
        """
        base = self._record(checkpoint_id) if checkpoint_id is not None else self._base()
        if base is not None and base.paused is not None:
            raise PipelineValueError(
                f"thread {self.id!r} waits inside {base.next[0]!r}, where its state can't be changed; answer it with resume(...), or "
                f"go back with fork_from(...)"
            )
        at = 0 if base is None else base.at
        if as_node is not None:
            names = [names_of(pipeline.steps)[i,] for i in range(len(pipeline.steps))]
            if as_node not in names:
                raise PipelineValueError(
                    f"as_node: no step is named {as_node!r}{did_you_mean(as_node, names)}"
                )
            at = names.index(as_node) + 1
        merged = _merged(pipeline, {} if base is None else base.values, values)
        record = self._add(pipeline, merged, at, "update", base, dict(values))
        if base is not None and at == base.at:
            record.interrupts = base.interrupts
        return self._config(record)

    def _base(self) -> Record | None:
        return self.records[-1] if self.records else None

    # ------------------------------------------------------------------ running
    async def go(self, call: Invocation, state: Any) -> dict[str, Any]:
        """Begin, go on, or answer; gives the state, with the questions where it has stopped."""
        pipeline = call.pipeline
        record = self._record(call.checkpoint) if call.checkpoint is not None else self._base()
        answer = NO_ANSWER
        if hasattr(state, "resume") and not isinstance(state, Mapping):
            answer = state.resume
            if record is None or not record.interrupts:
                raise PipelineValueError(
                    f"resume: thread {self.id!r} waits for no answer{'' if self.records else '; it never ran'}"
                )
        elif state is None:
            if record is None:
                raise PipelineValueError(
                    f"invoke(None): thread {self.id!r} never ran, so there is nothing to go on with; give an initial state"
                )
        else:
            given = pipeline._inputs.values(state, "invoke: the initial state")  # noqa: SLF001  (its own half)
            values = _merged(pipeline, {} if record is None else record.values, given)
            began = self._add(pipeline, {} if record is None else record.values, 0, "input", None, given)
            record = self._add(pipeline, pipeline._shape.filled(values), 0, "loop", began)  # noqa: SLF001
            return await self._on(call, record, NO_ANSWER, first=True)
        return await self._on(call, record, answer, first=False)

    async def _on(self, call: Invocation, record: Record, answer: Any, *, first: bool) -> dict[str, Any]:
        run = call.new_run(record.values)
        call.outputs = run.outputs
        try:
            return await self._steps(call, record, run, answer, first=first)
        except Exception as error:
            pipeline = call.pipeline
            if not pipeline.fallback or not _matches(error, pipeline.catch):
                raise
            last = self.records[-1]
            own = len(pipeline.steps)
            raw, _ = await call.execute(call.native((own, own + len(pipeline.fallback))), last.values, run)
            return self._add(pipeline, _without_mark(raw), own, "loop", last).values

    async def _steps(
        self, call: Invocation, record: Record, run: Run, answer: Any, *, first: bool
    ) -> dict[str, Any]:
        pipeline = call.pipeline
        names = names_of(pipeline.steps)
        left_out = frozenset(pipeline.exclusions.get_current_exclusions())
        fresh = first
        while record.at < len(pipeline.steps):
            at, step, name = record.at, pipeline.steps[record.at], names[record.at,]
            if name in left_out:
                record.at += 1
                record.next = _next(pipeline, record.at)
                continue
            if fresh and ({name, "*"} & {*call.before}) and record.paused is None:
                return _stopped(record)
            fresh = True
            if isinstance(step, InterruptStep):
                if answer is NO_ANSWER:
                    record.interrupts = (Interrupt(step.message, f"{self.id}:{record.id}"),)
                    return _stopped(record)
                values, answer = {**record.values, **_answered(step, answer)}, NO_ANSWER
                following, ended = at + 1, False
            elif isinstance(step, GoToStep):
                values, following = await self._jump(call, step, at, record, run)
                ended = following < 0
            else:
                raw, pauses = await self._one(call, at, record, run, answer)
                answer = NO_ANSWER
                if pauses:
                    return _stopped(record, raw)
                values, following, ended = _without_mark(raw), at + 1, REACHED not in raw
            changed = {k: v for k, v in visible(values).items() if record.shown.get(k, MISSING) is not v}
            record = self._add(
                pipeline, values, len(pipeline.steps) if ended else following, "loop", record, {name: changed}
            )
            if {name, "*"} & {*call.after} and record.at < len(pipeline.steps):
                return _stopped(record)
        return record.values

    async def _one(
        self, call: Invocation, at: int, record: Record, run: Run, answer: Any
    ) -> tuple[dict[str, Any], bool]:
        """Run one step, or go on in it; gives the whole state, and whether it has stopped inside."""
        if record.paused is not None:
            result, inner = record.paused
            if answer is NO_ANSWER and any(pause.wants_answer for pause in result.pauses):
                return dict(record.shown), True
            inner.values.update(run.values)
            record.paused, record.interrupts = None, ()
            raw, pauses = await call.resumed(result, inner, answer if answer is not NO_ANSWER else None)
        else:
            inner = run
            native = call.native((at, at + 1))
            raw, pauses = await call.execute(native, record.values, run, stops=True)
        if pauses is not None:
            record.paused = (pauses, inner)
            record.interrupts = tuple(
                Interrupt(pause.message, pause.token) for pause in pauses.pauses if pause.wants_answer
            )
            record.shown = visible(raw)
        return raw, pauses is not None

    @staticmethod
    async def _jump(
        call: Invocation, step: GoToStep, at: int, record: Record, run: Run
    ) -> tuple[dict[str, Any], int]:
        """Where a goto goes on: an index, or -1 for the end."""
        pipeline = call.pipeline
        name = await call.target(at, record.values, run)
        values = dict(record.values)
        if step.output_state:
            values[step.output_state] = "END" if name == END else name
        if name == END:
            if not step.allow_end:
                raise PipelineValueError(f"goto {step.name!r}: the target is END, and allow_end is False")
            return values, -1
        names = [names_of(pipeline.steps)[i,] for i in range(len(pipeline.steps))]
        if name not in names:
            raise PipelineValueError(
                f"goto {step.name!r}: {name!r} is no step of its list; it has {listing(names)}{did_you_mean(name, names)}"
            )
        return values, names.index(name)


def _stopped(record: Record, raw: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {**(record.values if raw is None else raw), INTERRUPTS: record.interrupts}


def _next(pipeline: Pipeline, at: int) -> tuple[str, ...]:
    names = names_of(pipeline.steps)
    left_out = frozenset(pipeline.exclusions.get_current_exclusions())
    coming = (names[i,] for i in range(at, len(pipeline.steps)) if names[i,] not in left_out)
    return tuple(itertools.islice(coming, 1))


def _without_mark(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != REACHED}


def _merged(pipeline: Pipeline, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A state with changes: keys that merge do so."""
    out = dict(old)
    fields = pipeline._shape.schema.fields  # noqa: SLF001
    for key, value in new.items():
        reducer = fields[key].reducer if key in fields else None
        out[key] = reducer(out[key], value) if reducer is not None and key in out else value
    return out


def _answered(step: InterruptStep, answer: Any) -> dict[str, Any]:
    """What an answer writes.

    Raises:
        PipelineValueError: it has not the parts that it should have.
    """
    keys = step.resume_value_map
    if keys is None:
        return {}
    if isinstance(keys, str):
        return {keys: answer}
    if not isinstance(answer, Mapping) or any(key not in answer for key in keys):
        raise PipelineValueError(
            f"resume: interrupt {step.name!r} wants a dict with {listing(keys)}, got {answer!r}"
        )
    return {key: answer[key] for key in keys}


def _matches(error: BaseException, catch: Any) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_matches(part, catch) for part in error.exceptions)
    return isinstance(error, catch)
