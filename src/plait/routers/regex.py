"""``RegexRouter``: the route one of whose patterns is found in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from plait.errors import DefinitionError
from plait.routers.base import Router, best, choice_of, routes_of


class RegexRouter(Router):
    r"""Chooses the route whose pattern is found in a text: ``RegexRouter({"order": r"\bA-\d{6}\b"}, "other")``.

    Patterns are those of the module ``re``, searched anywhere in the text. A pattern with nested repetition can take
    very long for a text that was made for it, and nothing can stop it; write those for unknown texts with care.

    Args:
        routes: for each route a pattern, or several.
        default_route: what is returned when no pattern is found; without one that is a ``RouteError``.
        case_sensitive: whether capitals matter. Patterns that were compiled already keep their own flags.
        strategy: ``"first"``: the first listed route that has a pattern which is found; ``"most"``: the route with
            the most patterns found, of equal ones the first listed.
    """

    def __init__(
        self,
        routes: Mapping[str, str | re.Pattern[str] | Iterable[str | re.Pattern[str]]],
        default_route: str | None = None,
        *,
        case_sensitive: bool = False,
        strategy: Literal["most", "first"] = "first",
    ) -> None:
        name = type(self).__name__
        given = routes_of(name, routes, "its patterns")
        super().__init__(given, default_route)
        choice_of(name, "strategy", strategy, ("most", "first"))
        self.strategy = strategy
        flags = re.NOFLAG if case_sensitive else re.IGNORECASE
        self._patterns = {route: _compiled(name, route, given[route], flags) for route in self.valid_routes}

    def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route whose patterns are found in the text."""
        allowed, text = self._allowed(route_filter), self._text(source)
        if self.strategy == "first":
            found = next((route for route in allowed if any(self._found(route, text))), None)
        else:
            found = best({route: sum(self._found(route, text)) for route in allowed})
        return self._settled(found, allowed)

    def explain(self, source: str) -> dict[str, int]:
        """For each route how many of its patterns are found in the text."""
        text = self._text(source)
        return {route: sum(self._found(route, text)) for route in self.valid_routes}

    def _found(self, route: str, text: str) -> Iterable[bool]:
        return (pattern.search(text) is not None for pattern in self._patterns[route])


def _compiled(router: str, route: str, given: Any, flags: re.RegexFlag) -> tuple[re.Pattern[str], ...]:
    patterns = [given] if isinstance(given, (str, re.Pattern)) else given
    if not isinstance(patterns, Iterable) or isinstance(patterns, bytes):
        raise DefinitionError(
            f"{router}: route {route!r} has {given!r}, which is no pattern and no list of them"
        )
    found: list[re.Pattern[str]] = []
    for pattern in patterns:
        if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
            found.append(pattern)
            continue
        if not isinstance(pattern, str) or not pattern:
            raise DefinitionError(
                f"{router}: route {route!r} has {pattern!r} among its patterns; they are texts, not empty"
            )
        try:
            found.append(re.compile(pattern, flags))
        except (re.error, OverflowError, RecursionError) as error:
            raise DefinitionError(
                f"{router}: route {route!r} has the pattern {pattern!r}: {error}"
            ) from error
    if not found:
        raise DefinitionError(
            f"{router}: route {route!r} has no patterns; give it one, or leave the route out"
        )
    return tuple(found)
