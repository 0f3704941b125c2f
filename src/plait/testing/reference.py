"""The slow reference interpreter: what a pipeline means, one step at a time.

It walks the *definition* in listed order and knows nothing of plans, schedules or executors, so that it can be
the oracle for all of them:

    definition ──▶ tree of named nodes ──▶ walk: every block in a private frame ──▶ final state
                                            frame = values as listed order sees them + a log of the writes

    Rule 1: a block, branch, loop or embedded pipeline works in a fork of the frame around it.
    Rule 2: a fork that succeeded is merged by repeating its log, in listed order; so reducers get deltas.
    Rule 3: a branch that failed leaves ``MISSING`` for every key that it could have written, never the old value.
            One that was not taken, and what a terminate or goto leaves out, leaves the old value.
    Rule 4: a handler works in the frame in which the body's list failed: with what the parts before wrote.

Time does not exist here: retries do not wait, timeouts and limits are ignored. ``setup()`` is called once per
component object and run, ``teardown()`` never. Types of inputs are not checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from plait.core.flow import Definition
from plait.errors import InputError
from plait.testing._calling import Caller
from plait.testing._frame import MISSING, Failure, Frame, Paused
from plait.testing._reading import check_config, initial
from plait.testing._tree import tree
from plait.testing._walker import Trace, Walker, error_of

__all__ = ["MISSING", "Reference", "admissible_states", "run_reference", "startable_effects"]


class Reference:
    """What a run in listed order gives.

    Attributes:
        state: the final state; empty when the run fails.
        failures: ``(path, error)`` in listed order: those behind ``error``, or, when the run succeeds, those that
            blocks with ``on_error="collect"`` or ``need=n`` and handlers recorded.
        error: what a run would raise, or None.
        executed: the path of every attempt, in the order in which they ran.
        effects: those of them that are effects.
        emitted: ``(path, value)`` for everything that steps emitted.
        paused: the path of the first pause in listed order that has no answer, or None; then there is no state.
    """

    __slots__ = ("effects", "emitted", "error", "executed", "failures", "paused", "state")

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.failures: list[tuple[str, BaseException]] = []
        self.error: BaseException | None = None
        self.executed: list[str] = []
        self.effects: list[str] = []
        self.emitted: list[tuple[str, Any]] = []
        self.paused: str | None = None

    def __repr__(self) -> str:
        return f"<Reference {self.error!r}>" if self.error is not None else f"<Reference {self.state!r}>"


def run_reference(
    definition_or_pipeline: Any,
    inputs: Any = None,
    *,
    config: Mapping[str, Any] | None = None,
    answers: Mapping[str, Any] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Reference:
    """Run a pipeline in listed order, one step at a time, and tell what came of it.

    Args:
        definition_or_pipeline: a ``Pipeline``, or its definition.
        inputs: the initial state.
        config: the run's settings.
        answers: what is answered to pauses, by their paths.
        loop_factory: makes the private loop that async components run on (a ``VirtualLoop`` never sleeps).

    Raises:
        InvalidPipeline: when a step reads a key that is not there and has no default, which a check refuses.
    """
    return _walk(definition_or_pipeline, inputs, config, loop_factory, None, answers)


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
    for found in _each_walk(definition_or_pipeline, inputs, config, loop_factory, limit, before_each):
        if found.error is None and found.state not in states:
            states.append(found.state)
    return states


def startable_effects(
    definition_or_pipeline: Any,
    inputs: Any = None,
    *,
    config: Mapping[str, Any] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    limit: int = 1000,
    before_each: Callable[[], object] | None = None,
) -> set[str]:
    """The paths of all effects that may start in some correct run: siblings of a failing branch included.

    A condition may choose by what a block with ``need=n`` gave, so all its ends are tried, as for ``admissible_states``.
    """
    walks = _each_walk(definition_or_pipeline, inputs, config, loop_factory, limit, before_each)
    return {path for found in walks for path in found.effects}


def _each_walk(
    definition_or_pipeline: Any,
    inputs: Any,
    config: Mapping[str, Any] | None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    limit: int,
    before_each: Callable[[], object] | None,
) -> Iterator[Reference]:
    """A walk for every combination of winners in the blocks with need=n."""
    script: list[int] = []
    for _ in range(limit):
        choices = _Choices(script)
        if before_each is not None:
            before_each()
        yield _walk(definition_or_pipeline, inputs, config, loop_factory, choices)
        following = choices.following()
        if following is None:
            return
        script = following
    raise ValueError(
        f"there are more than {limit} ways in which the blocks with need=n can end; raise limit="
    )


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


def _walk(
    given: Any,
    inputs: Any,
    config: Mapping[str, Any] | None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    choices: _Choices | None,
    answers: Mapping[str, Any] | None = None,
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
    frame = Frame(definition.schema, values)
    trace = Trace()
    out.executed, out.effects = trace.executed, trace.effects
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        caller = Caller(config or {}, answers or {}, runner, out.emitted)
        walker = Walker(definition, caller, trace, choices.choose if choices is not None else None)
        try:
            walker.chain(root, frame)
        except Failure as failure:
            found = failure.found
            out.error = error_of(definition, found)
        except Paused as pause:
            found, out.paused = trace.recorded, pause.path
        else:
            found, out.state = trace.recorded, frame.present()
    found = sorted(found, key=lambda item: item[0].order)
    out.failures = [(place.path, error) for place, error in found]
    return out
