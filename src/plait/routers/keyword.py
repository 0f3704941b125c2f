"""``KeywordRouter``: the route whose keywords a text holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from plait.routers.base import Router, best, choice_of, routes_of, strings_of
from plait.routers.text import normalised, occurrences


class KeywordRouter(Router):
    """Chooses the route whose keywords a text holds: ``KeywordRouter({"billing": ["invoice", "refund"]}, "other")``.

    A keyword may be of several words; it does not matter how many spaces or line ends stand between them, nor in which
    of several Unicode forms a character is written.

    Args:
        routes: for each route its keywords.
        default_route: what is returned when no keyword is found; without one that is a ``RouteError``.
        case_sensitive: whether ``Invoice`` is another word than ``invoice``.
        whole_words: whether ``bill`` must not be found in ``billboard``. Where a script sets no spaces between words,
            such as Chinese, Japanese, Korean or Thai, a keyword is found in any place.
        strategy: ``"most"``: the route with the most different keywords in the text, of equal ones the first
            listed; ``"first"``: the first listed route that has one.
    """

    def __init__(
        self,
        routes: Mapping[str, Iterable[str]],
        default_route: str | None = None,
        *,
        case_sensitive: bool = False,
        whole_words: bool = True,
        strategy: Literal["most", "first"] = "most",
    ) -> None:
        name = type(self).__name__
        given = routes_of(name, routes, "its keywords")
        super().__init__(given, default_route)
        choice_of(name, "strategy", strategy, ("most", "first"))
        self.case_sensitive, self.whole_words, self.strategy = case_sensitive, whole_words, strategy
        self._keywords = {
            route: tuple(
                dict.fromkeys(
                    normalised(keyword, case_sensitive=case_sensitive)
                    for keyword in strings_of(name, route, given[route], "keywords")
                )
            )
            for route in self.valid_routes
        }

    def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route of which the text holds keywords."""
        allowed = self._allowed(route_filter)
        text = normalised(self._text(source), case_sensitive=self.case_sensitive)
        if self.strategy == "first":
            found = next((route for route in allowed if any(self._found(route, text))), None)
        else:
            found = best({route: sum(self._found(route, text)) for route in allowed})
        return self._settled(found, allowed)

    def explain(self, source: str) -> dict[str, int]:
        """For each route how many of its keywords the text holds."""
        text = normalised(self._text(source), case_sensitive=self.case_sensitive)
        return {route: sum(self._found(route, text)) for route in self.valid_routes}

    def _found(self, route: str, text: str) -> Iterable[bool]:
        return (
            any(True for _ in occurrences(keyword, text, whole=self.whole_words))
            for keyword in self._keywords[route]
        )
