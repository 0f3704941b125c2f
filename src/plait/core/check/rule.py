"""What a rule is: a code, a function that finds, and a docstring that is its page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TypeAlias

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts

Finder: TypeAlias = "Callable[[Facts], Iterable[Diagnostic]]"


class Rule:
    """One rule of the checks; calling it gives its diagnostics.

    Attributes:
        code: the stable code.
        name: the rule's name, as in the title of its page.
    """

    __slots__ = ("_finder", "code", "name")

    def __init__(self, code: str, finder: Finder) -> None:
        self.code, self._finder = code, finder
        self.name = finder.__name__.replace("_", " ")

    @property
    def page(self) -> str:
        """What it does, why, and an example, in Markdown."""
        kind = (
            "error: the pipeline is refused"
            if self.code.startswith("E")
            else "advice: the pipeline runs all the same"
        )
        return f"# {self.code}: {self.name}\n\n*{kind}*\n\n{inspect.cleandoc(self._finder.__doc__ or '')}\n"

    def __call__(self, facts: Facts) -> Iterable[Diagnostic]:
        """The diagnostics of this rule."""
        return self._finder(facts)

    def __repr__(self) -> str:
        return f"<rule {self.code} {self.name}>"


def rule(code: str) -> Callable[[Finder], Rule]:
    """Make a rule of a function; its docstring is the page that ``plait rule CODE`` prints."""
    return lambda finder: Rule(code, finder)
