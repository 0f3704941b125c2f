"""What a reader sees of a run: each mode picks from the events, or makes something of what steps wrote.

events    every event
values    the state, whole, after each change
updates   what each finished step wrote
custom    what components emit, and the word that it is void
tokens    of that the text, plain
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from plait.core.inputs import choice
from plait.core.plan.bound import Bound, Frame, Leaf, Region, Version
from plait.core.plan.model import Missing, PlannedStep
from plait.errors import DefinitionError
from plait.events import AttemptDiscarded, Emitted, Event
from plait.run.finish import final_values

if TYPE_CHECKING:
    from plait.run.drive import Run

Mode: TypeAlias = Literal["events", "values", "updates", "custom", "tokens"]
MODES: Final = ("events", "values", "updates", "custom", "tokens")


class View:
    """One reader's choice: makes items of what a run tells. With several modes each item names its own.

    Args:
        mode: one mode, or several.

    Raises:
        DefinitionError: for a mode that there is not.
    """

    def __init__(self, mode: object) -> None:
        self.tagged = not isinstance(mode, str)
        if self.tagged and not (isinstance(mode, (list, tuple)) and mode):
            raise DefinitionError(
                f"stream: mode is {mode!r}; it is one of {', '.join(map(repr, MODES))}, or a list of them"
            )
        self.modes: tuple[str, ...] = tuple(mode) if isinstance(mode, (list, tuple)) else (str(mode),)
        for each in self.modes:
            choice(each, MODES, "stream: mode")
        if len(set(self.modes)) < len(self.modes):
            raise DefinitionError(f"stream: mode is {mode!r}; name each once")
        self.asks_values = "values" in self.modes or "updates" in self.modes
        self._visible: _Visible | None = None
        self._emitted: set[tuple[str, int]] = set()

    def _item(self, mode: str, item: Any) -> Any:
        return (mode, item) if self.tagged else item

    def of_event(self, event: Event) -> Iterator[Any]:
        """What there is to see of an event."""
        custom = self._is_custom(event)
        for mode in self.modes:
            if mode == "events" or (mode == "custom" and custom):
                yield self._item(mode, event)
            elif mode == "tokens" and type(event) is Emitted:
                text = text_of(event.value)
                if text is not None:
                    yield self._item(mode, text)

    def _is_custom(self, event: Event) -> bool:
        """Whether a component emitted this, or it takes back what one had emitted."""
        if type(event) is Emitted:
            self._emitted.add((event.path, event.attempt))
            return True
        if type(event) is AttemptDiscarded and (event.path, event.attempt) in self._emitted:
            self._emitted.remove((event.path, event.attempt))
            return True
        return False

    def of_start(self, run: Run) -> Iterator[Any]:
        """What there is to see before the first step."""
        if "values" in self.modes:
            self._visible = _Visible(run)
            yield self._item("values", dict(self._visible.state))

    def of_write(self, path: str, step: PlannedStep, written: Mapping[str, Any]) -> Iterator[Any]:
        """What there is to see of a step that has finished (or of a reducer that has merged)."""
        changed = self._visible is not None and self._visible.wrote(step, written)
        for mode in self.modes:
            if mode == "updates" and step.merge is None:
                yield self._item(mode, {path: dict(written)})
            elif mode == "values" and changed and self._visible is not None:
                yield self._item(mode, dict(self._visible.state))

    def of_end(self, run: Run, outcome: str) -> Iterator[Any]:
        """What there is to see at the end: the last state is the one that the run gives back."""
        if self._visible is not None and outcome == "succeeded" and self._visible.settled(run):
            yield self._item("values", dict(self._visible.state))


def text_of(value: Any) -> str | None:
    """The text of an emitted value: of a string, or of an event of the type "response"; None for all else."""
    if isinstance(value, str):
        return value
    inner = getattr(value, "value", None)
    return inner if isinstance(inner, str) and getattr(value, "type", None) == "response" else None


class _Visible:
    """The state as it can be seen from outside while a run goes on."""

    def __init__(self, run: Run) -> None:
        plan = run.plan
        assert plan.bound is not None
        self.state: dict[str, Any] = dict(run.extras)
        for key, (slot, _, _) in plan.inputs.items():
            if run.root.values[slot].__class__ is not Missing:
                self.state[key] = run.root.values[slot]
        self._fields = plan.bound.definition.schema.fields
        self._names: dict[str, tuple[str | None, ...]] = plan.programs.get("shown") or _shown(plan.bound)
        plan.programs["shown"] = self._names
        self._writer: dict[str, int] = {}
        """The listed position of the step that wrote what is visible: one listed later counts, whenever it ends."""

    def wrote(self, step: PlannedStep, written: Mapping[str, Any]) -> bool:
        """Take in what a step wrote; whether anybody can see a difference."""
        changed = False
        for key, value in self._seen(step, written):
            if value.__class__ is not Missing and step.index >= self._writer.get(key, -1):
                self._writer[key] = step.index
                self.state[key] = value
                changed = True
        return changed

    def _seen(self, step: PlannedStep, written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if step.merge is not None:  # of the pipeline that runs, not of one embedded in it
            if self._fields.get(step.merge[0].key) is step.merge[0]:
                yield from written.items()
            return
        for name, value in zip(self._names.get(step.path, ()), written.values(), strict=False):
            if name is not None:
                yield name, value

    def settled(self, run: Run) -> bool:
        """Compare with how the run ended: what a block that failed had written is not there in the end."""
        final = final_values(run)
        if final.keys() == self.state.keys() and all(final[key] is self.state[key] for key in final):
            return False
        self.state = final
        return True


def _shown(bound: Bound) -> dict[str, tuple[str | None, ...]]:
    """Under which key of the state each output of each step can be seen, if at all."""
    known = {id(version): key for key, version in bound.root.finals.items()}
    for leaf in bound.leaves():
        if leaf.outermost:
            known.update(
                {id(r.version): r.key for r in leaf.reads if r.version is not None and r.key is not None}
            )
    for node in bound.nodes():  # what a block hands out under a key is known by that key inside it as well
        if isinstance(node, Region):
            for export in node.exports:
                key = known.get(id(export.outer))
                if key is not None:
                    known.update({id(version): key for _, version, _ in export.candidates})
    fields = bound.definition.schema.fields

    def key_of(leaf: Leaf, version: Version) -> str | None:
        if version.key.startswith("~"):
            return None  # what only the plan has a name for
        if not leaf.outermost or _in_copies(leaf.frame):
            return known.get(id(version))
        field = fields.get(version.key)
        if field is not None and field.reducer is not None:
            return None  # it can be seen when it has been merged
        return version.key

    return {leaf.path: tuple(key_of(leaf, version) for version in leaf.writes) for leaf in bound.leaves()}


def _in_copies(frame: Frame | None) -> bool:
    """Whether a frame is, or is inside of, one of many like it: then what it writes is not yet a key of the state."""
    while frame is not None:
        if getattr(frame.region, "kind", None) == "map":
            return True
        frame = frame.parent
    return False
