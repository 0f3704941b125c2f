"""``RuleBasedRouter``: the route whose rules a text meets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from plait.compat.gllm.exceptions import PipelineValueError
from plait.core.names import did_you_mean
from plait.routers.base import Router


class RouterSplitRule:
    """How a text is taken apart before keywords are compared.

    Args:
        splitter: texts between the parts.
        beg_index: the first part that counts; None: the first.
        end_index: the part before which it ends; None: the end.
    """

    def __init__(
        self, splitter: Sequence[str], beg_index: int | None = None, end_index: int | None = None
    ) -> None:
        self.splitter, self.beg_index, self.end_index = list(splitter), beg_index, end_index


class RouterRule:
    """Keywords, of which a text has to hold one.

    Args:
        keywords: the keywords.
        allow_substring: a keyword may stand anywhere; False: it is the whole text, or a whole part of it.
        case_sensitive: whether ``Plus`` is another word than ``plus``.
        alphanumeric_only: nothing but letters, digits and spaces counts.
        split_rule: how the text is taken apart, one after the other.
    """

    def __init__(
        self,
        keywords: Iterable[str],
        allow_substring: bool = True,
        case_sensitive: bool = True,
        alphanumeric_only: bool = True,
        split_rule: Sequence[RouterSplitRule] | None = None,
    ) -> None:
        self.keywords, self.allow_substring = list(keywords), allow_substring
        self.case_sensitive, self.alphanumeric_only = case_sensitive, alphanumeric_only
        self.split_rule = None if split_rule is None else list(split_rule)

    def holds(self, text: str) -> bool:
        """Whether a text meets the rule."""
        parts = [text]
        for rule in self.split_rule or ():
            pattern = "|".join(map(re.escape, rule.splitter))
            cut = [re.split(pattern, part) if pattern else [part] for part in parts]
            parts = [piece for pieces in cut for piece in pieces[rule.beg_index : rule.end_index]]
        seen = [self._plain(part) for part in parts]
        wanted = [self._plain(keyword) for keyword in self.keywords]
        if self.allow_substring:
            return any(keyword in part for part in seen for keyword in wanted if keyword)
        whole = self._plain(text)
        return any(keyword == whole or keyword in seen for keyword in wanted)

    def _plain(self, text: str) -> str:
        if self.alphanumeric_only:
            text = "".join(c for c in text if c.isalnum() or c.isspace())
        return text if self.case_sensitive else text.casefold()


class RouterRuleset:
    """Rules, all of which (or one of which) a text has to meet.

    Args:
        rules: the rules.
        match_all: whether all of them have to be met.
    """

    def __init__(self, rules: Iterable[RouterRule], match_all: bool = True) -> None:
        self.rules, self.match_all = list(rules), match_all

    def holds(self, text: str) -> bool:
        """Whether a text meets the rules."""
        met = (rule.holds(text) for rule in self.rules)
        return bool(self.rules) and (all(met) if self.match_all else any(met))


class RuleBasedRouter(Router):
    """Chooses the first route whose rules a text meets, or the default.

    Args:
        ruleset_map: the rules of each route.
        default_route: the route for all other texts.
        valid_routes: all routes there are.
    """

    def __init__(
        self, ruleset_map: Mapping[str, RouterRuleset], default_route: str, valid_routes: Iterable[str]
    ) -> None:
        known = sorted(valid_routes)
        for route in (*ruleset_map, default_route):
            if route not in known:
                raise PipelineValueError(
                    f"RuleBasedRouter: {route!r} is not among the valid routes{did_you_mean(route, known)}"
                )
        self.ruleset_map = dict(ruleset_map)
        super().__init__([*self.ruleset_map, *(r for r in known if r not in self.ruleset_map)], default_route)

    def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route."""
        allowed, text = self._allowed(route_filter), self._text(source)
        found = next((r for r in allowed if r in self.ruleset_map and self.ruleset_map[r].holds(text)), None)
        return self._settled(found, allowed)
