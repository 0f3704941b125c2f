"""The checks: every rule that a pipeline must hold, or had better, before anything runs.

The rule modules are loaded when a check or a page is asked for, never by ``import plait``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from plait.core.check.diagnostic import Diagnostic
from plait.core.names import did_you_mean
from plait.errors import DefinitionError, InvalidPipeline

if TYPE_CHECKING:
    from plait.core.check.rule import Rule
    from plait.core.plan.bound import Bound

_MODULES: Final = {
    "E101": "unknown_key",
    "E102": "unknown_parameter",
    "E103": "missing_parameter",
    "E104": "possibly_missing",
    "E105": "type_mismatch",
    "E106": "wrong_outputs",
    "E110": "duplicate_name",
    "E111": "unknown_target",
    "E202": "write_conflict",
    "E203": "sibling_read",
    "E301": "unknown_resource",
    "W204": "read_before_write",
    "W205": "artificial_order",
    "W206": "overwritten_unread",
    "W207": "unused_result",
    "W208": "opaque_reader",
}
_FROM_BINDING: Final = {"E104": ("E101", "E104"), "E110": ("E110",), "E111": ("E111",), "E202": ("E202",)}
"""Rules that only tell what binding noticed, and under which codes it did."""
_ALL: Final = f"; the rules are {', '.join(_MODULES)}"
_SHOWN: Final = 12


class _Rules(Mapping[str, "Rule"]):
    """All rules by code; each module is imported when its rule is first asked for."""

    def __getitem__(self, code: str) -> Rule:
        name = _MODULES[code]
        found: Rule = getattr(import_module(f"{__name__}.{name}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)

    def __repr__(self) -> str:
        return f"<rules {', '.join(_MODULES)}>"


RULES: Final[Mapping[str, Rule]] = _Rules()


def check(
    bound: Bound,
    *,
    durations: Mapping[str, float] | None = None,
    limits: Mapping[str, Any] | None = None,
    refusing: bool = False,
) -> list[Diagnostic]:
    """Hold a bound pipeline against every rule.

    Args:
        bound: the pipeline after binding.
        durations: known seconds per step path, to say what an artificial order costs.
        limits: the capacity of each declared resource; without it, resources are not checked.
        refusing: look for advice only if there is an error: a run that nothing refuses needs none.

    Returns:
        All diagnostics, by listed position and code: the same list for the same pipeline.
    """
    from plait.core.check.facts import Facts

    facts = Facts(bound, durations, limits)
    if refusing and not any(
        one for code in _MODULES if _may_refuse(code, bound, limits) for one in RULES[code](facts)
    ):
        return []
    found = dict.fromkeys(diagnostic for one in RULES.values() for diagnostic in one(facts))
    # A step with an error in what it reads looks independent of the others; its order is no matter until that is mended.
    wrong = {path for d in found if d.is_error for path in d.paths}
    found = {d: None for d in found if d.code != "W205" or not wrong.intersection(d.paths)}
    return sorted(
        found, key=lambda d: (facts.position(d.paths[0]) if d.paths else -1, d.code, d.paths, d.message)
    )


def _may_refuse(code: str, bound: Bound, limits: Mapping[str, Any] | None) -> bool:
    """Whether a rule can find an error here, as far as that can be told without loading it."""
    if code in _FROM_BINDING:
        return any(finding.code in _FROM_BINDING[code] for finding in bound.findings)
    if code == "E203":
        return any(block.kind == "parallel" for block in bound.blocks)
    if code == "E301":
        return limits is not None and any(leaf.step.resources for leaf in bound.leaves())
    return code.startswith("E")


def explain_rule(code: str) -> str:
    """The page of a rule: what it does, why, an example, and what to write instead.

    Raises:
        DefinitionError: for a code that no rule has.
    """
    known = code.strip().upper()
    if known not in _MODULES:
        raise DefinitionError(f"there is no rule {code!r}{did_you_mean(known, _MODULES) or _ALL}")
    return RULES[known].page


def report(diagnostics: Sequence[Diagnostic], pipeline_name: str | None) -> str:
    """All diagnostics on one screen, with what to do about each."""
    name = f"pipeline {pipeline_name!r}" if pipeline_name else "pipeline"
    errors = [d for d in diagnostics if d.is_error]
    if not diagnostics:
        return f"{name}: no findings"
    counts = [_count(len(errors), "error")] if errors else []
    if len(errors) < len(diagnostics):
        counts.append(_count(len(diagnostics) - len(errors), "hint"))
    # Too many for a screen: what refuses the pipeline comes first, then as much advice as fits.
    keep = set((errors + [d for d in diagnostics if not d.is_error])[:_SHOWN])
    lines, hints = [f"{name}: {' and '.join(counts)}"], set[str]()
    for diagnostic in (d for d in diagnostics if d in keep):
        repeated = bool(diagnostic.hint) and diagnostic.hint in hints
        hints.add(diagnostic.hint)
        lines.append(str(diagnostic._replace(hint="(as above)") if repeated else diagnostic))
    if len(diagnostics) > len(keep):
        lines.append(f"and {len(diagnostics) - len(keep)} more")
    lines.append(f"explained by:  plait rule {min(d.code for d in keep)}")
    return "\n".join(lines)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def raise_for(diagnostics: Sequence[Diagnostic], name: str | None) -> None:
    """Refuse a pipeline that has errors; hints alone don't refuse it.

    Raises:
        InvalidPipeline: with every diagnostic, in ``diagnostics`` and in its text.
    """
    if any(d.is_error for d in diagnostics):
        raise InvalidPipeline(report(diagnostics, name), diagnostics)


__all__ = ["RULES", "Diagnostic", "check", "explain_rule", "raise_for", "report"]
