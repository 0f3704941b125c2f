"""What drawn pipelines are made of: components that compute texts and note what they did, and the case they form."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plait.core.control import Choice, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Order, Parallel, Subgraph, as_parts, parts_of
from plait.core.schema import read_schema
from plait.core.step import Step

if TYPE_CHECKING:
    from plait.pipeline import Pipeline

LONGEST = 80


class PlannedFailure(RuntimeError):
    """What a failing component of a drawn pipeline raises: its own label and the number of its call."""

    def __str__(self) -> str:
        return f"{self.args[0] if self.args else 'a step'} fails as planned"


class CallLog:
    """What the components of one case did: ``("start" | "end" | "failed" | "cancelled", label)`` in order."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self._starts: dict[str, int] = {}
        self._lock = threading.Lock()

    def start(self, label: str) -> int:
        """Note a call and give its number, from 1."""
        with self._lock:
            self.rows.append(("start", label))
            self._starts[label] = self._starts.get(label, 0) + 1
            return self._starts[label]

    def note(self, what: str, label: str) -> None:
        """Note how a call went on."""
        with self._lock:
            self.rows.append((what, label))

    def started(self) -> list[str]:
        """The labels of all calls, in order of their starts."""
        return [label for what, label in self.rows if what == "start"]

    def running(self) -> list[str]:
        """The labels of calls that started and have not ended: what a run left behind."""
        open_calls: list[str] = []
        for what, label in self.rows:
            if what == "start":
                open_calls.append(label)
            else:
                open_calls.remove(label)
        return open_calls

    def reset(self) -> None:
        """Forget everything, as before a first run."""
        with self._lock:
            self.rows.clear()
            self._starts.clear()


class Part:
    """A component that computes a text out of its label and inputs, or fails as planned.

    Args:
        label: its name in the case.
        log: where it notes its calls.
        outputs: the fields of its result; None gives one value.
        delta: wrap the value in a list, for keys with a reducer that adds.
        failures: how many of its calls fail, from the first on.
        delay: what its async form sleeps.
    """

    __signature__: inspect.Signature

    def __init__(
        self,
        label: str,
        log: CallLog,
        *,
        outputs: tuple[str, ...] | None = None,
        delta: bool = False,
        failures: float = 0,
        delay: float = 0.0,
    ) -> None:
        self.label, self.log, self.outputs, self.delta = label, log, outputs, delta
        self.failures, self.delay = failures, delay

    def _begin(self) -> None:
        call = self.log.start(self.label)
        if call <= self.failures:
            self.log.note("failed", self.label)
            raise PlannedFailure(self.label, call)

    def _value(self, given: dict[str, Any]) -> Any:
        self.log.note("end", self.label)
        text = f"{self.label}({', '.join(f'{key}={given[key]}' for key in sorted(given))})"
        if len(text) > LONGEST:
            text = f"{self.label}#{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        if self.delta:
            return [text]
        return text if self.outputs is None else {name: f"{text}.{name}" for name in self.outputs}

    def __call__(self, **given: Any) -> Any:
        """Compute the value."""
        self._begin()
        return self._value(given)


class AsyncPart(Part):
    """The same as an ``async def``; it gives up control, also before it fails."""

    async def __call__(self, **given: Any) -> Any:
        """Compute the value after the delay."""
        call = self.log.start(self.label)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.log.note("cancelled", self.label)
            raise
        if call <= self.failures:
            self.log.note("failed", self.label)
            raise PlannedFailure(self.label, call)
        return self._value(given)


@dataclass
class Case:
    """A drawn pipeline: its flows, inputs that fit, and the log of its components.

    Attributes:
        flows: the steps, for ``Pipeline(flows, state_type=state_type)``.
        inputs: the initial state.
        state_type: a ``TypedDict``, or None.
        log: what its components did; ``reset`` it before each run.
        order_dependent: it has a block with ``need=n``, so several final states may be right.
        doomed: a step fails for good where nothing absorbs it, so a run must fail.
    """

    flows: list[Flow]
    inputs: dict[str, Any]
    state_type: Any
    log: CallLog
    order_dependent: bool = False
    doomed: bool = False

    def definition(self, order: Order = "listed") -> Definition:
        """The pure definition."""
        return define(self.flows, order, self.state_type)

    def pipeline(self, **options: Any) -> Pipeline:
        """The pipeline; takes the options of ``Pipeline``."""
        from plait.pipeline import Pipeline

        return Pipeline(self.flows, state_type=self.state_type, **options)

    def __repr__(self) -> str:
        lines = [
            f"Case(inputs={self.inputs!r}, typed={self.state_type is not None}, doomed={self.doomed}, flows=["
        ]
        lines += [line for flow in self.flows for line in describe(flow, "    ")]
        return "\n".join([*lines, "])"])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


def describe(flow: Flow, indent: str = "") -> Iterator[str]:
    """A flow as indented text, much as it would be written."""
    deeper = indent + "    "
    if isinstance(flow, Step):
        yield f"{indent}{_step(flow)}{_handler(flow)}"
        return
    retry = getattr(flow, "retry", None)
    tried = ("" if retry is None else f", retry={retry.attempts}") + _handler(flow)
    children: Sequence[tuple[str, Flow]] = [("", part) for part in parts_of(flow)]
    if isinstance(flow, Chain):
        yield f"{indent}[" if indent else "chain["
    elif isinstance(flow, Dataflow):
        yield f"{indent}dataflow({flow.name!r}{tried})["
    elif isinstance(flow, Parallel):
        named = [name for name, _ in flow.branches if name is not None]
        yield f"{indent}parallel({flow.name!r}, need={flow.need!r}, on_error={flow.on_error!r}, branches={named}, cap={flow.max_concurrency}{tried})["
    elif isinstance(flow, Subgraph):
        yield f"{indent}subgraph({flow.name!r}, {flow.inputs}, {flow.outputs}, order={flow.definition.order!r}{tried})["
    elif isinstance(flow, Choice):
        yield f"{indent}{flow.kind}({_step(flow.condition)}, name={flow.name!r})["
        children = [(f"{key}: ", branch) for key, branch in flow.branches]
    elif isinstance(flow, Loop):
        yield f"{indent}while_do({_step(flow.condition)}, max_turns={flow.max_turns}, name={flow.name!r})["
        children = [("", flow.body)]
    elif isinstance(flow, MapReduce):
        keys = ", ".join(key for key, _ in flow.outputs)
        yield f"{indent}map_reduce({_step(flow.each)} {dict(flow.fan_out.inputs or ())} -> {keys}, reduce={flow.reduce is not None}, cap={flow.max_concurrency}{tried})"
        return
    elif isinstance(flow, Try):
        caught = ", ".join(cls.__name__ for cls in flow.catch)
        yield f"{indent}try_catch({flow.name!r}, catch={caught}, error_state={flow.error_state!r})["
        children = [("", flow.body), *([("handler: ", flow.handler)] if flow.handler is not None else [])]
    else:
        yield f"{indent}goto({flow.name!r}, {_step(flow.target)}, fixed={flow.fixed!r})"
        return
    for mark, child in children:
        first, *rest = describe(child, deeper)
        yield f"{deeper}{mark}{first.lstrip()}"
        yield from rest
    yield f"{indent}]"


def _step(step: Step[..., Any]) -> str:
    given = "" if step.inputs is None else " " + str(dict(step.inputs))
    keys = "" if not step.outputs else " -> " + ", ".join(key for key, _ in step.outputs)
    part = step.component.given
    notes = [f"fails={part.failures:g}"] if isinstance(part, Part) and part.failures else []
    notes += [f"delay={part.delay:g}"] if isinstance(part, AsyncPart) else []
    notes += [f"retry={step.retry.attempts}"] if step.retry else []
    notes += ["effect"] if step.effect else []
    return f"{step.label}{given}{keys}{'  # ' if notes else ''}{' '.join(notes)}"


def _handler(flow: Flow) -> str:
    handler = getattr(flow, "error_handler", None)
    return "" if handler is None else f", error_handler={handler!r}"


def define(flows: Sequence[Flow], order: Order, state_type: Any) -> Definition:
    return Definition(
        as_parts(list(flows), "Pipeline"),
        order=order,
        schema=read_schema(state_type),
        schema_in=read_schema(None),
        name=None,
        max_concurrency=None,
    )
