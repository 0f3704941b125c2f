"""What a definition says without being run: keys written, keys needed, the initial state.

The reference interpreter's own reading of a definition; the planner has another one, on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.core.component import Component
from plait.core.control import Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Definition, Flow, Parallel, Subgraph, parts_of
from plait.core.handlers import Fallback, Keep
from plait.core.inputs import REQUIRED, Config, Optional, Source
from plait.core.names import did_you_mean, listing
from plait.core.schema import ABSENT, Schema
from plait.core.step import Step
from plait.errors import InputError

if TYPE_CHECKING:
    from plait.testing._tree import Node


def must_have(component: Component, argument: str) -> bool:
    param = component.param(argument)
    return param is None or param.required


def writes(flow: Flow | Definition) -> dict[str, None]:
    """The keys that a flow may write, in listed order."""
    if isinstance(flow, (Step, MapReduce)):
        return dict.fromkeys(key for key, _ in flow.outputs)
    if isinstance(flow, Subgraph):
        return dict.fromkeys(ours for ours, _ in taken(flow))
    out = {key: None for part in parts_of(flow) for key in writes(part)}
    if isinstance(flow, Try) and flow.error_state is not None and flow.handler is not None:
        out[flow.error_state] = None
    return out


def taken(flow: Subgraph) -> tuple[tuple[str, str], ...]:
    """Which of a pipeline's keys we take: ``((our key, its key), ...)``."""
    return flow.outputs if flow.outputs is not None else tuple((key, key) for key in writes(flow.definition))


def reads(definition: Definition) -> dict[str, bool]:
    """The keys read before any listed write: the pipeline's inputs, and whether it can't do without.

    What was written on some ways only, by a branch that may not be taken, can still be read as it was before.
    """
    return _Survey(definition).wanted


def ends(flow: Flow) -> bool:
    """Whether a flow may end the pipeline that it stands in."""
    if isinstance(flow, Step):
        return flow.kind == "terminate"
    if isinstance(flow, Goto):
        return flow.allow_end
    return not isinstance(flow, Subgraph) and any(ends(part) for part in parts_of(flow))


class _Survey:
    """One walk over a definition in listed order; ``written`` tells of each key whether that is certain."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.wanted: dict[str, bool] = {}
        self.written: dict[str, bool] = {}
        self.parts(definition.body, self.written)
        if any(map(ends, definition.body)):
            self.written = dict.fromkeys(self.written, False)

    def read(self, key: str, written: dict[str, bool], *, required: bool) -> None:
        if key not in written:
            self.wanted[key] = self.wanted.get(key, False) or required
        elif not written[key]:
            self.wanted.setdefault(key, False)

    def sources(
        self, sources: Sequence[tuple[str, Source]], written: dict[str, bool], component: Component
    ) -> None:
        for argument, source in sources:
            if isinstance(source, (str, Optional)):
                required = isinstance(source, str) and must_have(component, argument)
                self.read(source if isinstance(source, str) else source.key, written, required=required)

    def write(self, keys: Sequence[str], written: dict[str, bool], *, certain: bool = True) -> None:
        for key in keys:  # a reducer starts from what is there
            field = self.definition.schema.fields.get(key)
            if field is not None and field.reducer is not None:
                self.read(key, written, required=False)
        for key in keys:
            written[key] = written.get(key, False) or certain

    def parts(self, parts: tuple[Flow, ...], written: dict[str, bool]) -> None:
        jumped = False
        for part in parts:
            before = dict(written)
            self.flow(part, written)
            if jumped:  # a goto may have skipped it
                written.update({key: before.get(key, False) for key in written})
            jumped = jumped or isinstance(part, Goto)

    def flow(self, flow: Flow, written: dict[str, bool]) -> None:
        before = dict(written)
        self.plain(flow, written)
        if isinstance(
            getattr(flow, "error_handler", None), (Keep, Fallback)
        ):  # which may leave keys as they were
            written.update({key: before.get(key, False) for key in written})

    def plain(self, flow: Flow, written: dict[str, bool]) -> None:
        if isinstance(flow, Step):
            component = flow.component
            inputs = (
                flow.inputs if flow.inputs is not None else tuple((p.name, p.name) for p in component.params)
            )
            self.sources(inputs, written, component)
            self.write(list(writes(flow)), written)
        elif isinstance(flow, MapReduce):
            self.sources(flow.fan_out.inputs or (), written, flow.fan_out.component)
            self.write(list(writes(flow)), written)
        elif isinstance(flow, Subgraph):
            self.subgraph(flow, written)
        elif isinstance(flow, Parallel):
            self.join([branch for _, branch in flow.branches], written, alternatives=False)
        elif isinstance(flow, Choice):
            self.flow(flow.condition, written)
            branches = [branch for _, branch in flow.branches]
            total = flow.kind == "switch" or len(branches) == 2
            self.join([*branches, *([] if total else [Chain(())])], written, alternatives=True)
        elif isinstance(flow, Try) and flow.handler is not None:
            body, handler = dict(written), dict(written)
            self.flow(flow.body, body)
            for key in body:
                handler.setdefault(key, False)
            self.write([flow.error_state] if flow.error_state is not None else [], handler)
            self.flow(flow.handler, handler)
            written.update({key: body.get(key, False) and handler[key] for key in handler})
        elif isinstance(flow, (Loop, Goto)):
            for part in flow.parts:
                self.flow(part, written)
        else:
            self.parts(flow.parts, written)

    def join(self, branches: list[Chain], written: dict[str, bool], *, alternatives: bool) -> None:
        """After branches, of which one runs or all do (and one that failed leaves nothing of its keys)."""
        before, found = dict(written), []
        for branch in branches:
            found.append(dict(written))
            self.flow(branch, found[-1])
        for key in {key: None for after in found for key in after}:
            known = [after.get(key, False) for after in found]
            if not alternatives:
                known = [after[key] for after in found if after.get(key) is not before.get(key)]
            written[key] = before.get(key, False) or (bool(known) and all(known))

    def subgraph(self, flow: Subgraph, written: dict[str, bool]) -> None:
        child = _Survey(flow.definition)
        for theirs, source in flow.inputs if flow.inputs is not None else tuple((k, k) for k in child.wanted):
            if isinstance(source, (str, Optional)):
                required = isinstance(source, str) and child.wanted.get(theirs, False)
                self.read(source if isinstance(source, str) else source.key, written, required=required)
        for ours, theirs in taken(flow):
            self.write([ours], written, certain=child.written.get(theirs, True))


def defaults(schema: Schema) -> dict[str, Any]:
    found = {key: field.initial() for key, field in schema.fields.items()}
    return {key: value for key, value in found.items() if value is not ABSENT}


def initial(definition: Definition, inputs: Any) -> dict[str, Any]:
    """Version 0 of every key, or an ``InputError`` that names what is wrong."""
    typed = definition.schema_in if definition.schema_in.declared else definition.schema
    try:
        given = typed.values_of(inputs)
    except TypeError:
        raise InputError(
            f"the inputs are {type(inputs).__name__}; give a mapping, or an instance of the state type"
        ) from None
    known = {**definition.schema.fields, **definition.schema_in.fields}
    wrong = [key for key in given if definition.schema.declared and key not in known]
    if wrong:
        raise InputError(f"unknown input {listing(wrong)}{did_you_mean(str(wrong[0]), known)}")
    values = {**defaults(definition.schema), **defaults(definition.schema_in), **given}
    needed = [key for key, required in reads(definition).items() if required]
    if definition.schema_in is not definition.schema:
        needed += [
            key for key, field in definition.schema_in.fields.items() if field.required and key not in needed
        ]
    lacking = [key for key in needed if key not in values]
    if lacking:
        raise InputError(f"missing input {listing(lacking)}{did_you_mean(lacking[0], given)}")
    return values


def check_config(node: Node, config: Mapping[str, Any]) -> None:
    if isinstance(node.flow, (Step, Subgraph)):
        for _, source in node.flow.inputs or ():
            if isinstance(source, Config) and source.default is REQUIRED and source.key not in config:
                raise InputError(
                    f"{node.path!r} needs the setting {source.key!r}{did_you_mean(source.key, config)}"
                )
    for kid in node.kids:
        check_config(kid, config)
