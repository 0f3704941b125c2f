"""A definition as a tree of named nodes: the reference interpreter's own way to paths; the planner has another one, on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from plait.core.control import Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.handling import handler_step
from plait.core.step import Step
from plait.testing._reading import writes


class Node:
    """A flow at its place.

    Attributes:
        flow: what stands there.
        path: its path; inside of a loop, without the number of the turn.
        index: its number in listed order.
        name: what a ``goto`` in the same list calls it, or None.
        kids: what it consists of: for a choice the condition and its branches, for a loop the body and the condition, for
            a map what takes apart, what is called, and what puts together, for a try the body and the handler.
        handler: what its ``error_handler`` does.
    """

    __slots__ = ("flow", "handler", "index", "kids", "name", "path")

    def __init__(self, flow: Flow | Definition, path: str, index: int) -> None:
        self.flow, self.path, self.index = flow, path, index
        self.name: str | None = None
        self.kids: list[Node] = []
        self.handler: Node | None = None


class _Scope:
    """The names taken in one list; chosen names come first."""

    def __init__(self, path: str, names: Iterator[str]) -> None:
        self.path = path
        self._taken = set(names)

    def default(self, name: str, outputs: tuple[tuple[str, str | None], ...]) -> str:
        if name in self._taken and outputs:
            name = f"{name}:{outputs[0][0]}"
        self._taken.add(name)
        return name

    def at(self, name: str) -> str:
        return _join(self.path, name)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def tree(definition: Definition) -> Node:
    root = Node(definition, "", 0)
    counter = itertools.count(1)
    scope = _Scope("", _chosen(definition.body))
    root.kids = [_node(part, scope, counter) for part in definition.body]
    return root


def _chosen(parts: tuple[Flow, ...]) -> Iterator[str]:
    """The names that users chose in one scope."""
    for part in parts:
        if isinstance(part, Chain):
            yield from _chosen(part.parts)
        elif part.name is not None:
            yield part.name
        elif isinstance(part, (Dataflow, Try)):
            yield from _chosen(part.parts)
        elif isinstance(part, Parallel):
            yield from _chosen_in_branches(part)


def _chosen_in_branches(block: Parallel) -> Iterator[str]:
    for name, branch in block.branches:
        yield from _chosen((branch,)) if name is None else (name,)


def _node(flow: Flow, scope: _Scope, counter: Iterator[int]) -> Node:
    node = Node(flow, scope.path, next(counter))
    if not isinstance(flow, Chain):
        _name(node, scope)
    _fill(node, scope, counter)
    handler = getattr(flow, "error_handler", None)
    if handler is not None:
        step = handler_step(handler, flow, tuple(writes(flow)))
        name = scope.default("error_handler", ()) if node.name is None else "error_handler"
        node.handler = Node(step, _join(node.path, name), next(counter))
    return node


def _name(node: Node, scope: _Scope) -> None:
    """The name and path of a flow in its list; a block without a name has none and is no level."""
    flow = node.flow
    assert not isinstance(flow, (Chain, Definition))
    node.name = flow.name
    if flow.name is None:
        if isinstance(flow, Step):
            node.name = scope.default(flow.component.name, flow.outputs)
        elif isinstance(flow, Subgraph):
            node.name = scope.default(flow.definition.name or "pipeline", ())
        elif isinstance(flow, (Choice, Loop)):
            node.name = scope.default(flow.condition.label, flow.condition.outputs)
        elif isinstance(flow, MapReduce):
            node.name = scope.default(flow.each.label, flow.outputs)
    if node.name is not None:
        node.path = scope.at(node.name)


def _fill(node: Node, scope: _Scope, counter: Iterator[int]) -> None:
    """The nodes of what a flow consists of, in listed order."""
    flow = node.flow

    def below(*parts: Flow) -> _Scope:
        return scope if node.name is None else _Scope(node.path, _chosen(parts))

    def kid(part: Flow, path: str) -> None:
        node.kids.append(Node(part, path, next(counter)))

    if isinstance(flow, Subgraph):
        inner = below(*flow.definition.body)
        node.kids = [_node(part, inner, counter) for part in flow.definition.body]
    elif isinstance(flow, (Chain, Dataflow, Try)):
        inner = below(*flow.parts)
        node.kids = [_node(part, inner, counter) for part in flow.parts]
    elif isinstance(flow, Parallel):
        inner = scope if node.name is None else _Scope(node.path, _chosen_in_branches(flow))
        node.kids = [_branch(name, branch, inner, counter) for name, branch in flow.branches]
    elif isinstance(flow, Choice):
        kid(flow.condition, f"{node.path}/condition")
        inner = _Scope(node.path, iter(()))
        node.kids += [_branch(key, branch, inner, counter) for key, branch in flow.branches]
    elif isinstance(flow, Loop):
        node.kids = [_node(flow.body, _Scope(node.path, _chosen((flow.body,))), counter)]
        kid(flow.condition, f"{node.path}/condition")
    elif isinstance(flow, (MapReduce, Goto)):
        for part in flow.parts:
            kid(part, node.path)


def _branch(name: str | None, branch: Chain, scope: _Scope, counter: Iterator[int]) -> Node:
    if name is None:
        return _node(branch, scope, counter)
    path = scope.at(name)
    if _takes_name(branch):
        node = Node(branch, scope.path, next(counter))
        node.kids = [_node(branch.parts[0], _Alone(scope.path, name), counter)]
        return node
    return _node(branch, _Scope(path, _chosen((branch,))), counter)


class _Alone(_Scope):
    """The scope of a single step without a name, which takes that of its branch."""

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path, iter(()))
        self._name = name

    def default(self, name: str, outputs: tuple[tuple[str, str | None], ...]) -> str:  # noqa: ARG002
        return self._name


def _takes_name(branch: Chain) -> bool:
    """Whether a named branch is one step without a name, which then takes the branch's."""
    return len(branch.parts) == 1 and isinstance(branch.parts[0], Step) and branch.parts[0].name is None
