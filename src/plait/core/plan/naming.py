"""Paths: each step's name in its list, the same in every process.

A named block, a named branch and an embedded pipeline are lists of their own and add a level to the path;
unnamed blocks and branches are transparent.

    if_else, switch     <choice>/condition, <choice>/<branch key>/<step>, and <choice>/<branch key> for one step without a name
    while_do            <loop>/condition and <loop>/<step>; while it runs, <loop>#<turn>/<step>
    try_catch           body and handler are members of the list around it; with a name, of one below it
    error_handler=      <path>/error_handler; that of a block without a name is a member of the list around it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plait.core.control import Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.step import Step

CONDITION = "condition"
"""The name of a condition in the level that its choice or loop opens."""
HANDLER = "error_handler"
"""The name of what an ``error_handler`` does."""


class Names:
    """The names of one list of steps, handed out in the order in which the planner walks."""

    __slots__ = ("_next", "clashes", "names", "path")

    def __init__(self, parts: tuple[Flow, ...], path: str) -> None:
        self.path = path
        self.clashes: list[str] = []
        self.names = self._assign(list(members(parts)))
        self._next = iter(self.names)

    @classmethod
    def of(cls, items: list[tuple[str | None, str, str | None]], path: str) -> Names:
        """The names of members that are known already."""
        made = cls((), path)
        made.names = made._assign(items)
        made._next = iter(made.names)
        return made

    def take(self) -> str:
        """The path of the next member."""
        name = next(self._next)
        return f"{self.path}/{name}" if self.path else name

    def _assign(self, items: list[tuple[str | None, str, str | None]]) -> list[str]:
        taken: set[str] = set()
        for explicit, _, _ in items:
            if explicit is not None:
                if explicit in taken:
                    self.clashes.append(explicit)
                taken.add(explicit)
        out: list[str] = []
        for explicit, default, output in items:
            name = explicit
            if name is None:
                name = default
                if name in taken and output is not None:
                    name = f"{default}:{output}"
                if name in taken:
                    self.clashes.append(name)
                    name = f"{name}#{len(out)}"  # only so that the other checks can go on
                taken.add(name)
            out.append(name)
        return out


def members(parts: tuple[Flow, ...]) -> Iterator[tuple[str | None, str, str | None]]:
    """The members of a list: (chosen name, default name, first output key), transparent blocks opened."""
    for part in parts:
        if isinstance(part, Step):
            yield part.name, part.component.name, _first_key(part)
        elif isinstance(part, Subgraph):
            yield part.name, default_subgraph_name(part.definition), None
        elif isinstance(part, Chain):
            yield from members(part.parts)
        elif isinstance(part, (Choice, Loop)):
            yield part.name, part.condition.label, _first_key(part.condition)
        elif isinstance(part, MapReduce):
            yield part.name, part.each.label, part.outputs[0][0] if part.outputs else None
        elif isinstance(part, Goto):
            yield part.name, part.name, _first_key(part.target)
        elif part.name is not None:
            yield part.name, part.name, None
        elif isinstance(part, Try):
            yield from try_members(part)
        else:
            yield from members(part.parts) if isinstance(part, Dataflow) else branch_members(part)
            if part.error_handler is not None:
                yield None, HANDLER, None


def _first_key(step: Step[..., Any]) -> str | None:
    return step.outputs[0][0] if step.outputs else None


def branch_members(block: Parallel) -> Iterator[tuple[str | None, str, str | None]]:
    """The members that a parallel block adds to the list it opens or belongs to."""
    for name, branch in block.branches:
        if name is not None and not is_single(branch, name):
            yield name, name, None
        else:
            yield from (
                (name or chosen, default, output) for chosen, default, output in members(branch.parts)
            )


def branch_names(choice: Choice) -> Iterator[tuple[str | None, str, str | None]]:
    """The members of the level that a choice opens: its condition, then a branch each, in listed order."""
    yield CONDITION, CONDITION, None
    for key, _ in choice.branches:
        yield key, key, None


def loop_members(loop: Loop) -> Iterator[tuple[str | None, str, str | None]]:
    """The members of the level that a loop opens: its body, then its condition."""
    yield from members(loop.body.parts)
    yield CONDITION, CONDITION, None


def try_members(block: Try) -> Iterator[tuple[str | None, str, str | None]]:
    """The members that a ``try_catch`` adds to the list it opens or belongs to: its body, then its handler."""
    yield from members(block.body.parts)
    if block.handler is not None:
        yield from members(block.handler.parts)


def is_single(branch: Chain, name: str | None) -> bool:
    """A named branch of one unnamed step gives its name to the step instead of adding a level."""
    return (
        name is not None
        and len(branch.parts) == 1
        and isinstance(branch.parts[0], Step)
        and branch.parts[0].name is None
    )


def default_subgraph_name(definition: Definition) -> str:
    """The name of an embedded pipeline that has none of its own."""
    return definition.name or "pipeline"
