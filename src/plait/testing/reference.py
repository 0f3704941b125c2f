"""The slow reference interpreter: what a pipeline means, one step at a time.

It walks the *definition* in listed order and knows nothing of plans, schedules or executors, so that it can be
the oracle for all of them:

    definition ──▶ tree of named nodes ──▶ walk: every block in a private frame ──▶ final state
                                            frame = values as listed order sees them + a log of the writes

    Rule 1: a block, branch or embedded pipeline works in a fork of the frame around it.
    Rule 2: a fork that succeeded is merged by repeating its log, in listed order; so reducers get deltas.
    Rule 3: a fork that failed leaves ``MISSING`` for every key that it could have written, never the old value.

Time does not exist here: retries do not wait, timeouts and limits are ignored. ``setup()`` is called once per
component object and run, ``teardown()`` never. Types of inputs are not checked.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from plait.core.component import Component
from plait.core.flow import Dataflow, Definition, Parallel, Subgraph
from plait.core.inputs import Config, Optional, Source, Val
from plait.core.names import listing
from plait.core.policy import Retry
from plait.core.schema import ABSENT, Schema
from plait.core.step import Step
from plait.errors import InputError, InvalidPipeline, OutputError, PipelineErrors
from plait.run.emitter import EventEmitter
from plait.testing._reading import (
    Node,
    check_config,
    defaults,
    initial,
    must_have,
    reads,
    taken,
    tree,
    writes,
)

MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda _self: "MISSING"})()


class Reference:
    """What a run in listed order gives.

    Attributes:
        state: the final state; empty when the run fails.
        failures: ``(path, error)`` in listed order: those behind ``error``, or, when the run succeeds, those that
            blocks with ``on_error="collect"`` or ``need=n`` recorded.
        error: what a run would raise, or None.
        executed: the path of every attempt, in the order in which they ran.
        effects: those of them that are effects.
        emitted: ``(path, value)`` for everything that steps emitted.
    """

    __slots__ = ("effects", "emitted", "error", "executed", "failures", "state")

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.failures: list[tuple[str, BaseException]] = []
        self.error: BaseException | None = None
        self.executed: list[str] = []
        self.effects: list[str] = []
        self.emitted: list[tuple[str, Any]] = []

    def __repr__(self) -> str:
        return f"<Reference {self.error!r}>" if self.error is not None else f"<Reference {self.state!r}>"


def run_reference(
    definition_or_pipeline: Any,
    inputs: Any = None,
    *,
    config: Mapping[str, Any] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Reference:
    """Run a pipeline in listed order, one step at a time, and tell what came of it.

    Args:
        definition_or_pipeline: a ``Pipeline``, or its definition.
        inputs: the initial state.
        config: the run's settings.
        loop_factory: makes the private loop that async components run on (a ``VirtualLoop`` never sleeps).

    Raises:
        InvalidPipeline: when a step reads a key that is not there and has no default, which a check refuses.
    """
    return _walk(definition_or_pipeline, inputs, config, loop_factory, None)


def admissible_states(
    definition_or_pipeline: Any,
    inputs: Any = None,
    *,
    config: Mapping[str, Any] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    limit: int = 1000,
    before_each: Callable[[], object] | None = None,
) -> list[dict[str, Any]]:
    """All final states that some order of completion can give, the listed one among them.

    Only blocks with ``need=n`` depend on the order: each set of n branches that can succeed may win. Every
    combination over all such blocks is tried, up to ``limit``; ``before_each`` is called before each try, for
    components that count their calls. Empty when no order succeeds.
    """
    states: list[dict[str, Any]] = []
    script: list[int] = []
    for _ in range(limit):
        choices = _Choices(script)
        if before_each is not None:
            before_each()
        found = _walk(definition_or_pipeline, inputs, config, loop_factory, choices)
        if found.error is None and found.state not in states:
            states.append(found.state)
        following = choices.following()
        if following is None:
            return states
        script = following
    raise ValueError(
        f"there are more than {limit} ways in which the blocks with need=n can end; raise limit="
    )


def startable_effects(
    definition_or_pipeline: Any,
    inputs: Any = None,
    *,
    config: Mapping[str, Any] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> set[str]:
    """The paths of all effects that may start in some correct run: siblings of a failing branch included."""
    return set(_walk(definition_or_pipeline, inputs, config, loop_factory, _Choices([])).effects)


class _Choices:
    """Goes through all combinations of choices: each walk follows a script and then takes the first option."""

    def __init__(self, script: list[int]) -> None:
        self._script, self._taken, self._options = script, list[int](), list[int]()

    def choose(self, options: int) -> int:
        at = len(self._taken)
        self._taken.append(self._script[at] if at < len(self._script) else 0)
        self._options.append(options)
        return self._taken[-1]

    def following(self) -> list[int] | None:
        """The script of the next combination, or None after the last."""
        for at in range(len(self._taken) - 1, -1, -1):
            if self._taken[at] + 1 < self._options[at]:
                return [*self._taken[:at], self._taken[at] + 1]
        return None


class _Failure(Exception):
    """The way up for ``(node, error)`` of every step that failed."""

    def __init__(self, found: list[tuple[Node, BaseException]]) -> None:
        super().__init__(found)
        self.found = found


class _Frame:
    """What a place in the pipeline sees, and what was written there."""

    __slots__ = ("log", "schema", "values")

    def __init__(self, schema: Schema, values: dict[str, Any]) -> None:
        self.schema, self.values = schema, values
        self.log: list[tuple[Node, str, Any]] = []

    def fork(self) -> _Frame:
        return _Frame(self.schema, dict(self.values))

    def has(self, key: str) -> bool:
        return self.values.get(key, MISSING) is not MISSING

    def present(self) -> dict[str, Any]:
        return {key: value for key, value in self.values.items() if value is not MISSING}

    def reducer(self, key: str) -> Callable[[Any, Any], Any] | None:
        field = self.schema.fields.get(key)
        return field.reducer if field is not None else None

    def write(self, node: Node, key: str, value: Any) -> None:
        """A new version of a key; for a key with a reducer the value is a delta."""
        reduce = self.reducer(key)
        if reduce is None:
            self.values[key] = value
        elif value is MISSING:  # a delta that never came: what is left is the base, or the empty value
            if not self.has(key) and self.schema.fields[key].neutral() is not ABSENT:
                self.values[key] = self.schema.fields[key].neutral()
        else:
            base = self.values[key] if self.has(key) else self.schema.fields[key].neutral()
            self.values[key] = value if base is ABSENT else reduce(base, value)
        self.log.append((node, key, value))

    def merge(self, fork: _Frame) -> None:
        """Take over what a fork wrote, all or nothing."""
        trial = self.fork()
        for node, key, value in fork.log:
            try:
                trial.write(node, key, value)
            except Exception as error:  # a reducer is the user's code
                raise _Failure([(node, error)]) from error
        self.values = trial.values
        self.log.extend(trial.log)


class _StepContext:
    """The step context of a reference run."""

    __plait_context__ = True
    cancelled = False
    deadline = None
    device = None
    run_id = "reference"

    def __init__(
        self, path: str, attempt: int, config: Mapping[str, Any], emitted: list[tuple[str, Any]]
    ) -> None:
        self.path, self.attempt, self.config, self._emitted = path, attempt, config, emitted
        self.idempotency_key = f"{self.run_id}/{path}"
        self.logger = logging.getLogger("plait")

    def emit(self, value: Any) -> None:
        self._emitted.append((self.path, value))


def _walk(
    given: Any,
    inputs: Any,
    config: Mapping[str, Any] | None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    choices: _Choices | None,
) -> Reference:
    definition: Definition = getattr(given, "__plait_definition__", given)
    if not isinstance(definition, Definition):
        raise TypeError(f"{given!r} is neither a Pipeline nor a definition")
    out = Reference()
    root = tree(definition)
    try:
        values = initial(definition, {} if inputs is None else inputs)
        check_config(root, config or {})
    except InputError as error:
        out.error = error
        return out
    frame = _Frame(definition.schema, values)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        walker = _Walker(out, config or {}, runner, choices)
        try:
            walker.chain(root, frame)
        except _Failure as failure:
            found = sorted(failure.found, key=lambda item: item[0].index)
            out.error = _error_of(definition, [error for _, error in found])
        else:
            found = sorted(walker.recorded, key=lambda item: item[0].index)
            out.state = frame.present()
    out.failures = [(node.path, error) for node, error in found]
    return out


def _error_of(definition: Definition, errors: list[BaseException]) -> BaseException:
    if len(errors) == 1:
        return errors[0]
    message = f"{len(errors)} steps of {definition.name or 'the pipeline'} failed"
    plain = [e for e in errors if isinstance(e, Exception)]
    return (
        PipelineErrors(message, plain) if len(plain) == len(errors) else BaseExceptionGroup(message, errors)
    )


class _Walker:
    """The interpreter proper: one method per kind of flow."""

    def __init__(
        self, out: Reference, config: Mapping[str, Any], runner: asyncio.Runner, choices: _Choices | None
    ) -> None:
        self.out, self.config, self.runner, self.choices = out, config, runner, choices
        self.recorded: list[tuple[Node, BaseException]] = []
        self._set_up: set[int] = set()

    def chain(self, node: Node, frame: _Frame) -> None:
        for kid in node.kids:
            flow = kid.flow
            if isinstance(flow, Step):
                self.step(kid, flow, frame)
            elif isinstance(flow, Parallel):
                self.attempts(kid, flow.retry, frame, self.parallel)
            elif isinstance(flow, Subgraph):
                self.attempts(kid, flow.retry, frame, self.subgraph)
            else:
                self.attempts(kid, flow.retry if isinstance(flow, Dataflow) else None, frame, self.chain)

    def attempts(
        self, node: Node, retry: Retry | None, frame: _Frame, body: Callable[[Node, _Frame], None]
    ) -> None:
        """Each attempt has a fresh frame; what it recorded goes with it."""
        left = retry.attempts if retry is not None else 1
        while True:
            left -= 1
            fork, mark = frame.fork(), len(self.recorded)
            try:
                body(node, fork)
                return frame.merge(fork)
            except _Failure as failure:
                if retry is None or left == 0 or not all(_again(retry, error) for _, error in failure.found):
                    raise
                del self.recorded[mark:]

    def parallel(self, node: Node, frame: _Frame) -> None:
        flow = node.flow
        assert isinstance(flow, Parallel)
        total = len(node.kids)
        need = total if flow.need == "all" else flow.need
        forks: dict[Node, _Frame] = {}
        failed: list[tuple[Node, BaseException]] = []
        lost = 0
        for branch in node.kids:
            if self.choices is None and (
                (flow.need != "all" and len(forks) == need)
                or (lost > total - need and flow.on_error == "cancel")
            ):
                break
            fork = frame.fork()
            try:
                self.chain(branch, fork)
                forks[branch] = fork
            except _Failure as failure:
                failed += failure.found
                lost += 1
        if len(forks) < need and flow.on_error != "collect":
            raise _Failure(failed)
        self.recorded += failed
        if flow.need != "all" and len(forks) > need:
            assert self.choices is not None
            options = list(itertools.combinations(forks, need))
            forks = {branch: forks[branch] for branch in options[self.choices.choose(len(options))]}
        for branch in node.kids:
            if branch not in forks:
                self.lose(branch, frame)
        for branch, fork in forks.items():
            try:
                frame.merge(fork)
            except _Failure as failure:
                if flow.on_error != "collect":
                    raise
                self.recorded += failure.found
                self.lose(branch, frame)

    def lose(self, branch: Node, frame: _Frame) -> None:
        for key in writes(branch.flow):
            frame.write(branch, key, MISSING)

    def subgraph(self, node: Node, frame: _Frame) -> None:
        flow = node.flow
        assert isinstance(flow, Subgraph)
        wanted = reads(flow.definition)
        sources = dict(flow.inputs) if flow.inputs is not None else {key: key for key in wanted}
        given = {}
        for key, source in sources.items():
            value = self.value(source, frame)
            if value is not MISSING:
                given[key] = value
            elif wanted.get(key, False):
                raise InvalidPipeline(f"{node.path!r} reads {source!r}, which may be absent")
        inner = _Frame(flow.definition.schema, {**defaults(flow.definition.schema), **given})
        self.chain(node, inner)
        for ours, theirs in taken(flow):
            written = [(node, inner.values.get(theirs, MISSING))]
            if frame.reducer(ours) is not None and inner.reducer(theirs) is not None:
                written = [(maker, delta) for maker, key, delta in inner.log if key == theirs]
            for maker, value in written:
                try:
                    frame.write(maker, ours, value)
                except Exception as error:  # a reducer is the user's code
                    raise _Failure([(maker, error)]) from error

    def step(self, node: Node, step: Step[..., Any], frame: _Frame) -> None:
        arguments = self.arguments(node, step, frame)
        for attempt in itertools.count(1):
            self.out.executed.append(node.path)
            if step.effect:
                self.out.effects.append(node.path)
            try:
                found = _outputs(node, step, self.call(node, step, arguments, attempt))
            except (
                Exception,
                asyncio.CancelledError,
            ) as error:  # a cancellation that nobody asked for is a failure
                if step.retry is None or attempt == step.retry.attempts or not _again(step.retry, error):
                    raise _Failure([(node, error)]) from error
                continue
            for key, value in found.items():
                try:
                    frame.write(node, key, value)
                except Exception as error:  # a reducer is the user's code
                    raise _Failure([(node, error)]) from error
            return

    def call(self, node: Node, step: Step[..., Any], arguments: dict[str, Any], attempt: int) -> Any:
        component = step.component
        if component.setup is not None and id(component.given) not in self._set_up:
            self.finish(component.setup())
            self._set_up.add(id(component.given))
        named = copy.deepcopy(arguments) if step.copy else dict(arguments)
        if component.single:
            alone = len(named) == 1 and not component.fields.issuperset(named)
            return self.finish(component.entry(next(iter(named.values())) if alone else named))
        context = _StepContext(node.path, attempt, self.config, self.out.emitted)
        if component.context_param is not None:
            named[component.context_param] = context
        if component.emitter_param is not None:
            named.setdefault(component.emitter_param, EventEmitter(context.emit))
        by_place = [named.pop(p.name) for p in component.params if p.positional_only and p.name in named]
        return self.finish(component.entry(*by_place, **named))

    def finish(self, value: Any) -> Any:
        return self.runner.run(_wait(value)) if inspect.isawaitable(value) else value

    def arguments(self, node: Node, step: Step[..., Any], frame: _Frame) -> dict[str, Any]:
        if step.inputs is None and _opaque(step.component):
            return {
                key: value for key, value in frame.present().items() if key != step.component.context_param
            }
        sources = (
            step.inputs if step.inputs is not None else tuple((p.name, p.name) for p in step.component.params)
        )
        out = {}
        for argument, source in sources:
            value = self.value(source, frame)
            if value is not MISSING:
                out[argument] = value
            elif must_have(step.component, argument):
                raise InvalidPipeline(
                    f"{node.path!r} reads {source!r}, which may be absent, and has no default for {argument!r}"
                )
        return out

    def value(self, source: Source, frame: _Frame) -> Any:
        """The value of a source, or ``MISSING``."""
        if isinstance(source, Val):
            return source.value
        if isinstance(source, Config):
            return self.config.get(source.key, source.default)
        if isinstance(source, Optional):
            return frame.values[source.key] if frame.has(source.key) else source.default
        return frame.values.get(source, MISSING)


async def _wait(value: Any) -> Any:
    return await value


def _again(retry: Retry, error: BaseException) -> bool:
    answer = retry.matches(error)
    return answer is not False and answer is not None


def _opaque(component: Component) -> bool:
    return component.takes_any or not component.known


def _outputs(node: Node, step: Step[..., Any], result: Any) -> dict[str, Any]:
    """The values of a step's keys out of what its component returned."""
    pairs = step.outputs
    if not pairs:
        return {}
    if pairs[0][1] is None:
        return {pairs[0][0]: result}
    fields = [(key, field or key) for key, field in pairs]
    if isinstance(result, Mapping):
        lacking = [field for _, field in fields if field not in result]
        if not lacking:
            return {key: result[field] for key, field in fields}
        raise OutputError(f"{node.path!r} returned a mapping without {listing(lacking)}")
    cls = type(result)
    if any(hasattr(cls, mark) for mark in ("__dataclass_fields__", "_fields", "model_fields")):
        lacking = [field for _, field in fields if not hasattr(result, field)]
        if not lacking:
            return {key: getattr(result, field) for key, field in fields}
        raise OutputError(f"{node.path!r} returned a {cls.__name__} without {listing(lacking)}")
    if isinstance(result, (tuple, list)) and all(key == field for key, field in fields):
        if len(result) == len(fields):
            return {key: value for (key, _), value in zip(fields, result, strict=True)}
        raise OutputError(f"{node.path!r} returned {len(result)} values for {len(fields)} keys")
    raise OutputError(
        f"{node.path!r} returned {cls.__name__}, which can't be taken apart into {listing(key for key, _ in fields)}"
    )
