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
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from plait.core.component import Component
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.inputs import REQUIRED, Config, Optional, Source, Val
from plait.core.names import did_you_mean, listing
from plait.core.policy import Retry
from plait.core.schema import ABSENT, Schema
from plait.core.step import Step
from plait.errors import InputError, InvalidPipeline, OutputError, PipelineErrors

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
) -> list[dict[str, Any]]:
    """All final states that some order of completion can give, the listed one among them.

    Only blocks with ``need=n`` depend on the order: each set of n branches that can succeed may win. Every
    combination over all such blocks is tried, up to ``limit``. Empty when no order succeeds.
    """
    states: list[dict[str, Any]] = []
    script: list[int] = []
    for _ in range(limit):
        choices = _Choices(script)
        found = _walk(definition_or_pipeline, inputs, config, loop_factory, choices)
        if found.error is None and found.state not in states:
            states.append(found.state)
        following = choices.following()
        if following is None:
            return states
        script = following
    raise ValueError(f"there are more than {limit} ways in which the blocks with need=n can end; raise limit=")


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


class _Node:
    """A flow at its place: with its path and its number in listed order."""

    __slots__ = ("flow", "index", "kids", "path")

    def __init__(self, flow: Flow | Definition, path: str, index: int) -> None:
        self.flow, self.path, self.index = flow, path, index
        self.kids: list[_Node] = []


class _Failure(Exception):
    """The way up for ``(node, error)`` of every step that failed."""

    def __init__(self, found: list[tuple[_Node, BaseException]]) -> None:
        super().__init__(found)
        self.found = found


class _Frame:
    """What a place in the pipeline sees, and what was written there."""

    __slots__ = ("log", "schema", "values")

    def __init__(self, schema: Schema, values: dict[str, Any]) -> None:
        self.schema, self.values = schema, values
        self.log: list[tuple[_Node, str, Any]] = []

    def fork(self) -> _Frame:
        return _Frame(self.schema, dict(self.values))

    def has(self, key: str) -> bool:
        return self.values.get(key, MISSING) is not MISSING

    def present(self) -> dict[str, Any]:
        return {key: value for key, value in self.values.items() if value is not MISSING}

    def reducer(self, key: str) -> Callable[[Any, Any], Any] | None:
        field = self.schema.fields.get(key)
        return field.reducer if field is not None else None

    def write(self, node: _Node, key: str, value: Any) -> None:
        """A new version of a key; for a key with a reducer the value is a delta."""
        reduce = self.reducer(key)
        if reduce is None:
            self.values[key] = value
        elif value is MISSING:
            return  # a delta that never came changes nothing
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

    def __init__(self, path: str, attempt: int, config: Mapping[str, Any], emitted: list[tuple[str, Any]]) -> None:
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
    root = _tree(definition)
    try:
        values = _initial(definition, {} if inputs is None else inputs)
        _check_config(root, config or {})
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
    return PipelineErrors(message, plain) if len(plain) == len(errors) else BaseExceptionGroup(message, errors)


class _Walker:
    """The interpreter proper: one method per kind of flow."""

    def __init__(self, out: Reference, config: Mapping[str, Any], runner: asyncio.Runner, choices: _Choices | None) -> None:
        self.out, self.config, self.runner, self.choices = out, config, runner, choices
        self.recorded: list[tuple[_Node, BaseException]] = []
        self._set_up: set[int] = set()

    def chain(self, node: _Node, frame: _Frame) -> None:
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

    def attempts(self, node: _Node, retry: Retry | None, frame: _Frame, body: Callable[[_Node, _Frame], None]) -> None:
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

    def parallel(self, node: _Node, frame: _Frame) -> None:
        flow = node.flow
        assert isinstance(flow, Parallel)
        total = len(node.kids)
        need = total if flow.need == "all" else flow.need
        forks: dict[_Node, _Frame] = {}
        failed: list[tuple[_Node, BaseException]] = []
        lost = 0
        for branch in node.kids:
            if self.choices is None and ((flow.need != "all" and len(forks) == need) or (lost > total - need and flow.on_error == "cancel")):
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

    def lose(self, branch: _Node, frame: _Frame) -> None:
        for key in _writes(branch.flow):
            frame.write(branch, key, MISSING)

    def subgraph(self, node: _Node, frame: _Frame) -> None:
        flow = node.flow
        assert isinstance(flow, Subgraph)
        wanted = _reads(flow.definition)
        sources = dict(flow.inputs) if flow.inputs is not None else {key: key for key in wanted}
        given = {}
        for key, source in sources.items():
            value = self.value(source, frame)
            if value is not MISSING:
                given[key] = value
            elif wanted.get(key, False):
                raise InvalidPipeline(f"{node.path!r} reads {source!r}, which may be absent")
        inner = _Frame(flow.definition.schema, {**_defaults(flow.definition.schema), **given})
        self.chain(node, inner)
        for ours, theirs in _taken(flow):
            try:
                frame.write(node, ours, inner.values.get(theirs, MISSING))
            except Exception as error:  # a reducer is the user's code
                raise _Failure([(node, error)]) from error

    def step(self, node: _Node, step: Step[..., Any], frame: _Frame) -> None:
        arguments = self.arguments(node, step, frame)
        attempt = 0
        while True:
            attempt += 1
            self.out.executed.append(node.path)
            if step.effect:
                self.out.effects.append(node.path)
            try:
                found = _outputs(node, step, self.call(node, step, arguments, attempt))
                break
            except (Exception, asyncio.CancelledError) as error:  # a cancellation that nobody asked for is a failure
                if step.retry is None or attempt == step.retry.attempts or not _again(step.retry, error):
                    raise _Failure([(node, error)]) from error
        for key, value in found.items():
            try:
                frame.write(node, key, value)
            except Exception as error:  # a reducer is the user's code
                raise _Failure([(node, error)]) from error

    def call(self, node: _Node, step: Step[..., Any], arguments: dict[str, Any], attempt: int) -> Any:
        component = step.component
        if component.setup is not None and id(component.given) not in self._set_up:
            self.finish(component.setup())
            self._set_up.add(id(component.given))
        named = copy.deepcopy(arguments) if step.copy else dict(arguments)
        if component.single:
            return self.finish(component.entry(next(iter(named.values())) if len(named) == 1 else named))
        if component.context_param is not None:
            named[component.context_param] = _StepContext(node.path, attempt, self.config, self.out.emitted)
        by_place = [named.pop(p.name) for p in component.params if p.positional_only and p.name in named]
        return self.finish(component.entry(*by_place, **named))

    def finish(self, value: Any) -> Any:
        return self.runner.run(_wait(value)) if inspect.isawaitable(value) else value

    def arguments(self, node: _Node, step: Step[..., Any], frame: _Frame) -> dict[str, Any]:
        if step.inputs is None and _opaque(step.component):
            return {key: value for key, value in frame.present().items() if key != step.component.context_param}
        sources = step.inputs if step.inputs is not None else tuple((p.name, p.name) for p in step.component.params)
        out = {}
        for argument, source in sources:
            value = self.value(source, frame)
            if value is not MISSING:
                out[argument] = value
            elif _must_have(step.component, argument):
                raise InvalidPipeline(f"{node.path!r} reads {source!r}, which may be absent, and has no default for {argument!r}")
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


def _must_have(component: Component, argument: str) -> bool:
    param = component.param(argument)
    return param is None or param.required


def _outputs(node: _Node, step: Step[..., Any], result: Any) -> dict[str, Any]:
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
    raise OutputError(f"{node.path!r} returned {cls.__name__}, which can't be taken apart into {listing(key for key, _ in fields)}")


# What a definition says, without running it: names, keys written, keys needed.


class _Scope:
    """The names taken in one list; chosen names come first."""

    def __init__(self, names: Iterator[str]) -> None:
        self._taken = set(names)

    def default(self, name: str, outputs: tuple[str, ...]) -> str:
        if name in self._taken and outputs:
            name = f"{name}:{outputs[0]}"
        self._taken.add(name)
        return name


def _tree(definition: Definition) -> _Node:
    root = _Node(definition, "", 0)
    counter = itertools.count(1)
    scope = _Scope(_chosen(definition.body))
    root.kids = [_node(part, "", scope, counter) for part in definition.body]
    return root


def _chosen(parts: tuple[Flow, ...]) -> Iterator[str]:
    """The names that users chose in one scope."""
    for part in parts:
        if isinstance(part, Chain):
            yield from _chosen(part.parts)
        elif part.name is not None:
            yield part.name
        elif isinstance(part, Dataflow):
            yield from _chosen(part.parts)
        elif isinstance(part, Parallel):
            for name, branch in part.branches:
                yield from _chosen((branch,)) if name is None else (name,)


def _node(flow: Flow, prefix: str, scope: _Scope, counter: Iterator[int]) -> _Node:
    def at(name: str) -> str:
        return f"{prefix}/{name}" if prefix else name

    node = _Node(flow, prefix, next(counter))
    if isinstance(flow, Step):
        node.path = at(flow.name or scope.default(flow.component.name, tuple(key for key, _ in flow.outputs)))
    elif isinstance(flow, Subgraph):
        node.path = at(flow.name or scope.default(flow.definition.name or "pipeline", tuple(ours for ours, _ in _taken(flow))))
        inner = _Scope(_chosen(flow.definition.body))
        node.kids = [_node(part, node.path, inner, counter) for part in flow.definition.body]
    elif isinstance(flow, Chain):
        node.kids = [_node(part, prefix, scope, counter) for part in flow.parts]
    elif isinstance(flow, Dataflow):
        if flow.name is not None:
            node.path, scope = at(flow.name), _Scope(_chosen(flow.parts))
        node.kids = [_node(part, node.path, scope, counter) for part in flow.parts]
    else:
        if flow.name is not None:
            node.path, scope = at(flow.name), _Scope(_chosen(tuple(b for n, b in flow.branches if n is None)))
        for name, branch in flow.branches:
            path = node.path if name is None else f"{node.path}/{name}".lstrip("/")
            node.kids.append(_node(branch, path, scope if name is None else _Scope(_chosen((branch,))), counter))
    return node


def _writes(flow: Flow | Definition) -> dict[str, None]:
    """The keys that a flow may write, in listed order."""
    if isinstance(flow, Step):
        return dict.fromkeys(key for key, _ in flow.outputs)
    if isinstance(flow, Subgraph):
        return dict.fromkeys(ours for ours, _ in _taken(flow))
    return {key: None for part in _parts(flow) for key in _writes(part)}


def _parts(flow: Chain | Dataflow | Parallel | Definition) -> tuple[Flow, ...]:
    if isinstance(flow, Parallel):
        return tuple(branch for _, branch in flow.branches)
    return flow.body if isinstance(flow, Definition) else flow.parts


def _taken(flow: Subgraph) -> tuple[tuple[str, str], ...]:
    """Which of a pipeline's keys we take: ``((our key, its key), ...)``."""
    return flow.outputs if flow.outputs is not None else tuple((key, key) for key in _writes(flow.definition))


def _reads(definition: Definition) -> dict[str, bool]:
    """The keys read before any listed write: the pipeline's inputs, and whether it can't do without."""
    out: dict[str, bool] = {}

    def read(key: str, required: bool, written: set[str]) -> None:
        if key not in written:
            out[key] = out.get(key, False) or required

    def visit(flow: Flow, written: set[str]) -> None:
        if isinstance(flow, Step):
            component = flow.component
            sources = flow.inputs if flow.inputs is not None else tuple((p.name, p.name) for p in component.params)
            for argument, source in sources:
                if isinstance(source, (str, Optional)):
                    key = source if isinstance(source, str) else source.key
                    read(key, isinstance(source, str) and _must_have(component, argument), written)
        elif isinstance(flow, Subgraph):
            wanted = _reads(flow.definition)
            for theirs, source in flow.inputs if flow.inputs is not None else tuple((key, key) for key in wanted):
                if isinstance(source, (str, Optional)):
                    read(source if isinstance(source, str) else source.key, isinstance(source, str) and wanted.get(theirs, False), written)
        elif isinstance(flow, Parallel):
            for _, branch in flow.branches:
                visit(branch, set(written))
        else:
            for part in flow.parts:
                visit(part, written)
        written.update(_writes(flow))

    visit(Chain(definition.body), set())
    return out


def _defaults(schema: Schema) -> dict[str, Any]:
    found = {key: field.initial() for key, field in schema.fields.items()}
    return {key: value for key, value in found.items() if value is not ABSENT}


def _initial(definition: Definition, inputs: Any) -> dict[str, Any]:
    """Version 0 of every key, or an ``InputError`` that names what is wrong."""
    typed = definition.schema_in if definition.schema_in.declared else definition.schema
    try:
        given = typed.values_of(inputs)
    except TypeError:
        raise InputError(f"the inputs are {type(inputs).__name__}; give a mapping, or an instance of the state type") from None
    known = {**definition.schema.fields, **definition.schema_in.fields}
    wrong = [key for key in given if definition.schema.declared and key not in known]
    if wrong:
        raise InputError(f"unknown input {listing(wrong)}{did_you_mean(str(wrong[0]), known)}")
    values = {**_defaults(definition.schema), **_defaults(definition.schema_in), **given}
    needed = [key for key, required in _reads(definition).items() if required]
    if definition.schema_in is not definition.schema:
        needed += [key for key, field in definition.schema_in.fields.items() if field.required and key not in needed]
    lacking = [key for key in needed if key not in values]
    if lacking:
        raise InputError(f"missing input {listing(lacking)}{did_you_mean(lacking[0], given)}")
    return values


def _check_config(node: _Node, config: Mapping[str, Any]) -> None:
    if isinstance(node.flow, (Step, Subgraph)):
        for _, source in node.flow.inputs or ():
            if isinstance(source, Config) and source.default is REQUIRED and source.key not in config:
                raise InputError(f"{node.path!r} needs the setting {source.key!r}{did_you_mean(source.key, config)}")
    for kid in node.kids:
        _check_config(kid, config)
