"""What a person has to look at after the imports have been rewritten: the place, why, and what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from plait.cli.migration.names import Names
from plait.cli.migration.source import Source


@dataclass(frozen=True, order=True)
class Finding:
    """Something that runs otherwise than before, or does not run.

    Attributes:
        line: where it stands.
        kind: what it is, in one word for programs.
        reason: what was so, and what is so now.
        cure: what to do.
    """

    line: int
    kind: str
    reason: str
    cure: str


class File:
    """A file with what its names stand for; what the questions are asked of."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names = Names(source.tree)
        self.nodes = list(ast.walk(source.tree))
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]
        self.steps = [(kind, call) for call in self.calls if (kind := self.names.kind(call)) is not None]

    def of_kind(self, *kinds: str) -> Iterator[tuple[str, ast.Call]]:
        """The steps of these kinds."""
        return ((kind, call) for kind, call in self.steps if kind in kinds)

    def methods(self, *names: str) -> Iterator[ast.Call]:
        """Calls of methods with these names, of whatever object."""
        return (
            call for call in self.calls if isinstance(call.func, ast.Attribute) and call.func.attr in names
        )


def advise(source: Source) -> list[Finding]:
    """Everything in a file that needs a person, in the order of its lines, each once."""
    from plait.cli.migration import about_steps, about_use

    file = File(source)
    found: set[Finding] = set()
    for question in (*about_steps.QUESTIONS, *about_use.QUESTIONS):
        answers: Iterable[Finding] = question(file)
        found.update(answers)
    return sorted(found)
