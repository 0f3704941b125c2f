"""What a definition says without being run: paths, keys written, keys needed, the initial state.

The reference interpreter's own reading of a definition; the planner has another one, on purpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from plait.core.component import Component
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.inputs import REQUIRED, Config, Optional
from plait.core.names import did_you_mean, listing
from plait.core.schema import ABSENT, Schema
from plait.core.step import Step
from plait.errors import InputError


class Node:
    """A flow at its place: with its path and its number in listed order."""

    __slots__ = ("flow", "index", "kids", "path")

    def __init__(self, flow: Flow | Definition, path: str, index: int) -> None:
        self.flow, self.path, self.index = flow, path, index
        self.kids: list[Node] = []


def must_have(component: Component, argument: str) -> bool:
    param = component.param(argument)
    return param is None or param.required


class _Scope:
    """The names taken in one list; chosen names come first."""

    def __init__(self, names: Iterator[str]) -> None:
        self._taken = set(names)

    def default(self, name: str, outputs: tuple[str, ...]) -> str:
        if name in self._taken and outputs:
            name = f"{name}:{outputs[0]}"
        self._taken.add(name)
        return name


def tree(definition: Definition) -> Node:
    root = Node(definition, "", 0)
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
            yield from _chosen_in_branches(part)


def _chosen_in_branches(block: Parallel) -> Iterator[str]:
    for name, branch in block.branches:
        yield from _chosen((branch,)) if name is None else (name,)


def _node(flow: Flow, prefix: str, scope: _Scope, counter: Iterator[int]) -> Node:
    def at(name: str) -> str:
        return f"{prefix}/{name}" if prefix else name

    node = Node(flow, prefix, next(counter))
    if isinstance(flow, Step):
        node.path = at(flow.name or scope.default(flow.component.name, tuple(key for key, _ in flow.outputs)))
    elif isinstance(flow, Subgraph):
        node.path = at(flow.name or scope.default(flow.definition.name or "pipeline", ()))
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
            node.path, scope = at(flow.name), _Scope(_chosen_in_branches(flow))
        for name, branch in flow.branches:
            path = node.path if name is None else f"{node.path}/{name}".lstrip("/")
            kid = _node(branch, path, scope if name is None else _Scope(_chosen((branch,))), counter)
            if name is not None and _takes_name(branch):
                kid.kids[0].path = path
            node.kids.append(kid)
    return node


def _takes_name(branch: Chain) -> bool:
    """Whether a named branch is one step without a name, which then takes the branch's."""
    return len(branch.parts) == 1 and isinstance(branch.parts[0], Step) and branch.parts[0].name is None


def writes(flow: Flow | Definition) -> dict[str, None]:
    """The keys that a flow may write, in listed order."""
    if isinstance(flow, Step):
        return dict.fromkeys(key for key, _ in flow.outputs)
    if isinstance(flow, Subgraph):
        return dict.fromkeys(ours for ours, _ in taken(flow))
    return {key: None for part in _parts(flow) for key in writes(part)}


def _parts(flow: Chain | Dataflow | Parallel | Definition) -> tuple[Flow, ...]:
    if isinstance(flow, Parallel):
        return tuple(branch for _, branch in flow.branches)
    return flow.body if isinstance(flow, Definition) else flow.parts


def taken(flow: Subgraph) -> tuple[tuple[str, str], ...]:
    """Which of a pipeline's keys we take: ``((our key, its key), ...)``."""
    return flow.outputs if flow.outputs is not None else tuple((key, key) for key in writes(flow.definition))


def reads(definition: Definition) -> dict[str, bool]:
    """The keys read before any listed write: the pipeline's inputs, and whether it can't do without."""
    out: dict[str, bool] = {}

    def read(key: str, required: bool, written: set[str]) -> None:
        if key not in written:
            out[key] = out.get(key, False) or required

    def visit(flow: Flow, written: set[str]) -> None:
        if isinstance(flow, Step):
            component = flow.component
            sources = (
                flow.inputs if flow.inputs is not None else tuple((p.name, p.name) for p in component.params)
            )
            for argument, source in sources:
                if isinstance(source, (str, Optional)):
                    key = source if isinstance(source, str) else source.key
                    read(key, isinstance(source, str) and must_have(component, argument), written)
            for key, _ in flow.outputs:  # a reducer starts from what is there
                field = definition.schema.fields.get(key)
                if field is not None and field.reducer is not None:
                    read(key, False, written)
        elif isinstance(flow, Subgraph):
            wanted = reads(flow.definition)
            for theirs, source in (
                flow.inputs if flow.inputs is not None else tuple((key, key) for key in wanted)
            ):
                if isinstance(source, (str, Optional)):
                    read(
                        source if isinstance(source, str) else source.key,
                        isinstance(source, str) and wanted.get(theirs, False),
                        written,
                    )
        elif isinstance(flow, Parallel):
            for _, branch in flow.branches:
                visit(branch, set(written))
        else:
            for part in flow.parts:
                visit(part, written)
        written.update(writes(flow))

    visit(Chain(definition.body), set())
    return out


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
