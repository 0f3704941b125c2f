"""Values in slots: how a step's arguments are gathered and its result is put away.

This is the only place where user values and the plan meet; the scheduler never sees them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from plait.context import StepContext, is_heard
from plait.core.component import Component
from plait.core.control import END, TRUE
from plait.core.inputs import REQUIRED
from plait.core.names import did_you_mean, listing
from plait.core.plan.model import (
    BRANCH_ENDED,
    NOT_GIVEN,
    NOT_YET,
    Label,
    Missing,
    Plan,
    PlannedStep,
    RegionPlan,
    label_of,
)
from plait.core.schema import ABSENT
from plait.core.typecheck import show_flat
from plait.errors import InputError, OutputError, PlaitError


class MissingInput(PlaitError):
    """A step reads a value that is missing in this run, and has no default for that case."""


class Frame:
    """The values of one frame, a slot per version, with the countdown of readers; and where it stands among the others."""

    __slots__ = ("base", "left", "may_be_led", "number", "outer", "plan", "program", "region", "values")

    def __init__(
        self, program: Any, base: int, outer: Frame | None, region: RegionPlan | None, number: int = 0
    ) -> None:
        plan: Plan = program.plan
        self.plan, self.program, self.base = plan, program, base
        self.outer, self.region = outer, region
        self.number = number
        """Which turn of its region it is, or which copy."""
        self.may_be_led: bool = outer is None or (
            region is not None and outer.may_be_led and region.kind not in ("block", "map")
        )
        """Whether the caller's own Task may go on in it: nothing around it may be told to stop by itself."""
        self.values: list[Any] = program.template.copy()
        self.left: dict[int, int] | None = dict(plan.counted) if plan.counted else None

    @property
    def label(self) -> Label | None:
        """What its steps are called in this run; None: as in the plan. Few are asked, so it is made when one is."""
        outer, region = self.outer, self.region
        if outer is None or region is None:
            return None
        label = outer.label
        called = region.path if label is None else label.path(region.path)
        return label_of(region, called, label, self.number, self.number)

    def path(self, planned: str) -> str:
        """What a step or region of this frame is called in this run."""
        label = self.label
        return planned if label is None else label.path(planned)

    def drop(self, step: PlannedStep) -> None:
        """Free what nobody reads after this step."""
        values = self.values
        for slot in step.frees:
            values[slot] = None
        if step.drops:
            left = self.left
            assert left is not None
            for slot in step.drops:
                left[slot] -= 1
                if not left[slot]:
                    values[slot] = None


class Placed:
    """A planned step under the name that it has in this run, for those who are told of it."""

    __slots__ = ("merge", "path", "planned")

    def __init__(self, path: str, planned: PlannedStep) -> None:
        self.path, self.planned, self.merge = path, planned, planned.merge


def placed(frame: Frame, step: PlannedStep) -> Any:
    """The step as its run calls it."""
    return step if frame.label is None else Placed(frame.path(step.path), step)


class Several:
    """The deltas that all turns of a loop wrote to a key with a reducer, in order.

    Each turn has one more than the turn before. They share a list, and what they come to is remembered, so that a turn
    adds its own instead of beginning anew.
    """

    __slots__ = ("_count", "_list", "_told", "lost")

    def __init__(self) -> None:
        self.lost = False
        """Whether one was to be written and went with its branch: then the key is there, if only with its empty value."""
        self._list: list[Any] = []
        self._count = 0
        self._told: list[tuple[Any, Any, int, Any]] = []
        """What was folded last: onto what, by which reducer, how many of them, and what came of it."""

    @property
    def deltas(self) -> list[Any]:
        """One by one."""
        return self._list[: self._count]

    @property
    def is_empty(self) -> bool:
        """Whether nobody has written any."""
        return not self._count and not self.lost

    def plus(self, delta: Any) -> Several:
        """These and one more (which may be several itself)."""
        made = Several()
        made.lost = self.lost or (isinstance(delta, Several) and delta.lost)
        if len(self._list) == self._count:
            made._list, made._told = self._list, self._told
        else:
            made._list = self._list[: self._count]
        made._list.extend(delta.deltas if isinstance(delta, Several) else (delta,))
        made._count = len(made._list)
        return made

    def without(self) -> Several:
        """These, and one that was lost with its branch."""
        made = self.plus(Several())
        made.lost = True
        return made

    def onto(self, total: Any, known_as: Any, reducer: Any) -> Any:
        """Fold them onto a value; ``known_as`` is the same object where that value is the same."""
        begin = 0
        key = known_as
        if self._told:
            onto, by, count, came_to = self._told[0]
            if onto is key and by is reducer and 0 < count <= self._count:
                begin, total = count, came_to
        for delta in self._list[begin : self._count]:
            total = delta if total.__class__ is Missing else reducer(total, delta)
        self._told[:] = [(key, reducer, self._count, total)]
        return total


def template(plan: Plan) -> list[Any]:
    """The slots of a fresh frame: nothing produced yet, constants in place."""
    values: list[Any] = [NOT_YET] * plan.slots
    for slot, value in plan.consts:
        values[slot] = value
    for slot, _, _ in plan.inputs.values():
        values[slot] = NOT_GIVEN
    return values


def fill_inputs(plan: Plan, values: list[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put the inputs of a run in their slots; returns those that no step reads.

    Raises:
        InputError: naming the missing keys, with "did you mean".
    """
    extras: dict[str, Any] = {}
    inputs = plan.inputs
    for key, value in given.items():
        entry = inputs.get(key)
        if entry is None:
            extras[key] = value
        else:
            values[entry[0]] = value
    missing: list[str] | None = None
    for key, (slot, field, required) in inputs.items():
        if values[slot] is NOT_GIVEN:
            if field is not None:
                values[slot] = field.initial()
            elif required:
                missing = [key] if missing is None else [*missing, key]
    if missing is not None:
        raise _missing_inputs(plan, missing, given)
    return extras


def _missing_inputs(plan: Plan, missing: list[str], given: Mapping[str, Any]) -> InputError:
    assert plan.bound is not None
    lines = []
    for key in missing:
        readers = [
            leaf.path
            for leaf in plan.bound.leaves()
            if any(r.version is not None and r.version.key == key for r in leaf.reads)
        ]
        later = plan.bound.written.get(key)
        line = f"the input {key!r} is missing"
        if readers:
            line += f" (step {readers[0]!r} reads it)"
        line += did_you_mean(key, [k for k in given if k not in plan.inputs])
        if later is not None:
            line += f"; step {later!r} writes it, but only later: move it before, or give the input"
        lines.append(line)
    got = f"given: {listing(given)}" if given else "no inputs were given"
    name = f"pipeline {plan.name!r}: " if plan.name else ""
    return InputError(f"{name}{'; '.join(lines)} ({got})")


def fill_config(plan: Plan, values: list[Any], config: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Put the run's settings in the slots of those who ask for them."""
    for slot, setting, path in plan.config:
        if setting.key in config:
            values[slot] = config[setting.key]
        elif setting.key in context:
            values[slot] = context[setting.key]
        elif setting.default is REQUIRED:
            known = [*config, *context]
            raise InputError(
                f"step {path!r} reads the setting {setting.key!r}, which this run does not give{did_you_mean(setting.key, known)}"
                f"; pass config={{{setting.key!r}: ...}}, or use Config({setting.key!r}, default)"
            )
        else:
            values[slot] = setting.default


def arguments(
    step: PlannedStep, values: list[Any], extras: Mapping[str, Any], context: Any
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, by position and by name; without ``context``, only to look at them.

    Raises:
        MissingInput: when a value is missing in this run and neither side has a default.
    """
    component = step.component
    assert component is not None
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for arg in step.args:
        value = values[arg.slot]
        if value.__class__ is Missing:
            if arg.default is not ABSENT:
                value = arg.default
            elif arg.omit:
                continue
            else:
                raise MissingInput(f"{step.path!r} reads {arg.key!r}, which {value.cause}")
        if arg.positional:
            args.append(value)
        else:
            kwargs[arg.name] = value
    if step.opaque is not None:
        everything = dict(extras) if step.outermost else {}
        for key, slot, default in step.opaque:
            value = default if values[slot].__class__ is Missing else values[slot]
            if value is not ABSENT:
                everything[key] = value
            else:  # lost in a failed branch: not the version that was given, either
                everything.pop(key, None)
        kwargs = {**everything, **kwargs}
    if component.single:
        whole = {**dict(zip((a.name for a in step.args), args, strict=False)), **kwargs}
        alone = len(step.args) == 1 and step.opaque is None and step.args[0].name not in component.fields
        args, kwargs = [next(iter(whole.values())) if alone else whole], {}
    if context is None:
        return args, kwargs
    if step.copy:
        import copy

        args, kwargs = copy.deepcopy((args, kwargs))
    if component.context_param is not None:
        kwargs[component.context_param] = context()
    if component.emitter_param is not None and component.emitter_param not in kwargs:
        _give_emitter(component, kwargs, context())
    return args, kwargs


def _give_emitter(component: Component, kwargs: dict[str, Any], context: StepContext) -> None:
    """Give a component the emitter it asks for; where nobody listens, one that can do without gets none.

    A model that is given an emitter asks for its answer word by word, which nobody should pay for who does not listen.
    """
    if component.needs_emitter or is_heard(context):
        from plait.run.emitter import emitter_of  # few components ask for one

        assert component.emitter_param is not None
        kwargs[component.emitter_param] = emitter_of(context)


def check_arguments(step: PlannedStep, values: list[Any]) -> None:
    """Compare the inputs of a step with what its parameters declare (``check_types="steps"``).

    Raises:
        TypeError: naming the step, the argument and both types.
    """
    for arg in step.args:
        value = values[arg.slot]
        if arg.flat is not None and not isinstance(value, arg.flat) and value.__class__ is not Missing:
            raise TypeError(
                f"{step.path!r} wants {arg.name!r} as {show_flat(arg.flat)}, got {type(value).__name__} from key {arg.key!r}"
            )


def check_result(step: PlannedStep, value: Any) -> None:
    """Compare a result with what is declared.

    Raises:
        OutputError: naming the step, the key and both types.
    """
    if step.out_flat is not None and not isinstance(value, step.out_flat):
        key = f" for {step.keys[0]!r}" if step.keys else ""
        raise OutputError(
            f"{step.path!r} returned {type(value).__name__}{key}, which is declared as {show_flat(step.out_flat)}"
        )


def put(step: PlannedStep, values: list[Any], result: Any) -> None:
    """Put a result in the slots of its keys.

    Raises:
        OutputError: when the result does not have the parts that ``output_state`` names.
    """
    parts = step.parts
    if parts is None:
        for slot in step.outputs:
            values[slot] = result
        return
    for slot, value in zip(step.outputs, split(step, parts, result), strict=True):
        values[slot] = value


def split(step: PlannedStep, parts: tuple[str, ...], result: Any) -> list[Any]:
    """The parts of a result with several outputs, by name or (for a tuple) by position."""
    if isinstance(result, Mapping) and step.kind == "handler":  # what it leaves out keeps its value
        unknown = [key for key in result if key not in parts]
        if unknown:
            raise OutputError(
                f"{step.path!r} returned a mapping with {listing(map(str, unknown))}, which is none of the keys "
                f"that it stands in for: {listing(parts)}{did_you_mean(str(unknown[0]), parts)}"
            )
        return [result.get(part, NOT_YET) for part in parts]
    if isinstance(result, Mapping):
        absent = [p for p in parts if p not in result]
        if absent:
            raise OutputError(
                f"{step.path!r} returned a mapping without {listing(absent)}{did_you_mean(absent[0], map(str, result))}"
            )
        return [result[p] for p in parts]
    if (
        hasattr(type(result), "_fields")
        or hasattr(type(result), "__dataclass_fields__")
        or hasattr(type(result), "model_fields")
    ):
        absent = [p for p in parts if not hasattr(result, p)]
        if absent:
            raise OutputError(f"{step.path!r} returned a {type(result).__name__} without {listing(absent)}")
        return [getattr(result, p) for p in parts]
    if isinstance(result, (tuple, list)) and parts == step.keys:
        if len(result) != len(parts):
            raise OutputError(
                f"{step.path!r} returned {len(result)} values for {len(parts)} keys: {listing(step.keys)}"
            )
        return list(result)
    raise OutputError(
        f"{step.path!r} returned {type(result).__name__} for the keys {listing(step.keys)}; several outputs take a mapping, a dataclass "
        f"or a NamedTuple by name, or a tuple by position"
    )


def fold(step: PlannedStep, values: list[Any]) -> Any:
    """Merge what was written to a key with a reducer: base ⊕ d₁ ⊕ d₂, in listed order.

    Raises:
        Exception: whatever the reducer raises, with a note that names the writer.
    """
    assert step.merge is not None
    field, base, deltas, writers = step.merge
    reducer = field.reducer
    if (
        reducer is None
    ):  # no merge, but a choice: the value of an embedded pipeline, unless nothing has written it
        return values[base] if _never_written(values[deltas[0]]) else values[deltas[0]]
    total = values[base] if base >= 0 else NOT_GIVEN
    known_as = total
    if total.__class__ is Missing and not all(_never_written(values[slot]) for slot in deltas):
        neutral = field.neutral()
        total = neutral if neutral is not ABSENT else total
    for slot, writer in zip(deltas, writers, strict=True):
        delta = values[slot]
        if delta.__class__ is Missing:
            continue
        try:
            if delta.__class__ is Several:
                total = delta.onto(total, known_as, reducer)
            else:
                total = delta if total.__class__ is Missing else reducer(total, delta)
        except Exception as error:
            error.add_note(f"while merging what {writer!r} wrote to {field.key!r}")
            with contextlib.suppress(AttributeError):  # an exception with slots only: the note still tells
                error.__plait_writer__ = writer  # type: ignore[attr-defined]  # whose failure it is
            raise
        known_as = total
    return total


def _never_written(value: Any) -> bool:
    """Whether nobody has come to it: neither a value nor one that was lost with its branch."""
    return value is NOT_YET or value is NOT_GIVEN or (value.__class__ is Several and value.is_empty)


def export(plan: Plan, inner: list[Any], outer: list[Any], kept: tuple[int, ...]) -> None:
    """Publish a region's values: of each key's candidates the last one in a kept branch counts, if it came to be."""
    for entry in plan.exports:
        value: Any = BRANCH_ENDED
        for branch, slot in reversed(entry.candidates):  # the last one is mostly it, and there may be many
            if branch in kept:
                value = inner[slot]
                if value is not NOT_YET:
                    break
        if not entry.appends:
            outer[entry.slot] = value
        elif value.__class__ is not Missing:
            outer[entry.slot] = outer[entry.slot].plus(value)
        elif not _never_written(value):
            outer[entry.slot] = outer[entry.slot].without()


def export_partial(region: RegionPlan, inner: list[Any], outer: list[Any]) -> None:
    """Publish what the parts before a failing one wrote: of each key the last version that came to be."""
    for slot, candidates in region.partial:
        for candidate in candidates:
            value = inner[candidate]
            if value is not NOT_YET:
                outer[slot] = outer[slot].plus(value) if slot in region.sums else value


def decide(region: RegionPlan, outer: list[Any], turn: int) -> tuple[int, int]:
    """Which body of a region to open, and how many copies of it; body -1: none."""
    kind = region.kind
    if kind == "choice":
        return region.cases.get(outer[region.decider], region.default), 1
    if kind == "map":
        return 0, len(outer[region.decider])
    if kind in ("gate", "jumps"):
        return _jump(region, outer, turn)
    ended = any(outer[slot].__class__ is not Missing for slot in region.flags)
    if kind == "rest":
        return (-1 if ended else 0), 1
    return (0 if turn == 1 or (outer[region.decider] == TRUE and not ended) else -1), 1


def last_jump(region: RegionPlan, outer: list[Any]) -> tuple[int, str] | None:
    """From which segment to which name the last jump of a turn went; segment -1: the pipeline has ended."""
    last: tuple[int, str] | None = None
    for slot, origin in zip(region.flags, region.origins, strict=True):
        if outer[slot].__class__ is not Missing:
            if origin < 0:
                return -1, END
            last = origin, outer[slot]
    return last


def _jump(region: RegionPlan, outer: list[Any], turn: int) -> tuple[int, int]:
    """Whether a segment of a list with jumps is done now, or whether another turn begins with an earlier one."""
    if region.kind == "jumps" and turn == 1:
        return 0, 1
    last = last_jump(region, outer)
    if region.kind == "gate":
        if last is None:
            return (0 if outer[region.decider] <= region.number else -1), 1
        origin, name = last
        target = region.cases.get(name, -1)
        return (0 if origin < target <= region.number else -1), 1
    if last is None:
        return -1, 1
    origin, name = last
    if name == END:
        if origin >= 0:
            outer[region.decider] = True
        return -1, 1
    return (0 if region.cases[name] <= origin else -1), 1


def seed(region: RegionPlan, outer: list[Any]) -> None:
    """Give the keys that a region may write the values that they have if it does not."""
    for old, new in region.seeds:
        if new != old:
            outer[new] = outer[old] if old >= 0 else NOT_GIVEN
    for slot in region.sums:
        outer[slot] = Several()


def gather(region: RegionPlan, frames: Sequence[Frame], outer: list[Any]) -> None:
    """Put the results of a map together, in the order of its items."""
    assert region.gathers is not None
    inside, outside = region.gathers
    outer[outside] = [frame.values[inside] for frame in frames]
