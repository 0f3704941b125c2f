"""W205: steps that wait for each other though none needs the other."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule
from plait.core.plan.bound import Leaf
from plait.core.plan.outline import Part, render, render_list

_INSTANT = ("bundle", "log")
_NAMED = 6


class Window(NamedTuple):
    """Neighbouring parts of a list, some of which could run side by side."""

    around: Part
    parts: list[Part]
    independent: bool
    """None of them needs another, so one ``parallel`` can hold them all."""
    saved: float | None
    """Seconds, as far as durations are known: at least so many."""
    total: float


@rule("W205")
def artificial_order(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds neighbouring steps of a list that run one after another, though none needs what another one makes, and
    tells what running them side by side would save when durations are known. Effects are left alone: their
    order may matter for reasons that no key shows.

    ## Why is this bad?
    A list takes the sum of its steps; side by side they take as long as the slowest.

    ## Example
    ```python
    def sentiment(text: str) -> float: ...
    def find_topics(text: str) -> list[str]: ...

    pipeline = Pipeline([step(sentiment, ["text"], "mood"), step(find_topics, ["text"], "topics")])
    ```

    ## Use instead
    ```python
    def sentiment(text: str) -> float: ...
    def find_topics(text: str) -> list[str]: ...

    pipeline = Pipeline([parallel([step(sentiment, ["text"], "mood"), step(find_topics, ["text"], "topics")])])
    ```

    `Pipeline([...], order="dataflow")` derives the order from the keys. If the order does matter, mark the step
    that must come later with `effect=True`.
    """
    for window in windows(facts):
        said = [_say(part) for part in window.parts]
        shown = _and(said if len(said) <= _NAMED else [*said[: _NAMED - 2], "…", said[-1]])
        if window.independent:
            message = f"{shown} run one after another, though none needs another's result"
            hint = f"run them side by side:  parallel({render_list(window.parts)})"
        elif window.around.kind == "pipeline" and window.parts == window.around.parts:
            message = f"{shown} run one after another, though not all of them need what is listed before"
            hint = 'let Plait derive the order:  Pipeline([...], order="dataflow")'
        else:
            message = f"{shown} run one after another, though not all of them need what is listed before"
            hint = f"let Plait derive the order:  dataflow({render_list(window.parts)})"
        saving = (
            f" (saves {_seconds(window.saved)} of {_seconds(window.total)})"
            if window.saved and window.saved >= 0.001
            else ""
        )
        yield Diagnostic("W205", tuple(_path(part) for part in window.parts), message, f"{hint}{saving}")


def windows(facts: Facts) -> Iterator[Window]:
    """Every run of neighbours with an order that no data asks for."""
    for around in facts.root.walk():
        if around.kind not in ("pipeline", "subgraph", "list") or around.by_data or len(around.parts) < 2:
            continue
        if around.kind == "list" and any(p.by_data for p in around.around()):
            continue  # a list inside dataflow is a chain on purpose
        if around.up is not None and around.up.kind == "try":
            continue  # what a handler sees depends on the order
        run: list[Part] = []
        for part in [*around.parts, None]:
            if part is not None and not _barrier(facts, part):
                run.append(part)
                continue
            yield from _split(facts, around, run)
            run = []


def _leaves(facts: Facts, part: Part) -> list[Leaf]:
    return [p.leaf for p in facts.steps[part.first : part.last] if p.leaf is not None]


def _barrier(facts: Facts, part: Part) -> bool:
    """An effect, a reader of anything, or a cap of one: nothing may be moved across or beside it."""
    caps = facts.bound.caps
    if any(inside.kind == "goto" for inside in part.walk()):
        return True
    return any(
        leaf.step.effect
        or leaf.opaque is not None
        or leaf.step.kind in ("terminate", "interrupt", "pause", "handler", "hedge")
        or any(caps[c][1] == 1 for c in leaf.caps)
        for leaf in _leaves(facts, part)
    )


def _split(facts: Facts, around: Part, run: list[Part]) -> Iterator[Window]:
    """Cut a run where everything after needs everything before; what is left between two cuts has slack."""
    needs = _needs(facts, run)
    common = [*accumulate(reversed(needs), operator.and_)][::-1]  # what all parts from here on need
    start = 0
    for end in range(1, len(run) + 1):
        before = (1 << end) - 1
        if end < len(run) and common[end] & before != before:
            continue
        found = _window(facts, around, run[start:end], [n >> start for n in needs[start:end]])
        if found is not None:
            yield found
        start = end


def _needs(facts: Facts, run: list[Part]) -> list[int]:
    """For each part a bit set of the earlier ones that it needs, directly or through others."""
    home = {leaf: i for i, part in enumerate(run) for leaf in _leaves(facts, part)}
    reads = [_outer_reads(facts, part) for part in run]
    writes = [facts.writes_within(part) for part in run]
    exclusive = [{_exclusive(leaf) for leaf in _leaves(facts, part)} - {None} for part in run]
    out: list[int] = []
    for i, part in enumerate(run):
        bits = 0
        for leaf in _leaves(facts, part):
            for maker in facts.needs[leaf]:
                at = home.get(maker, i)
                if at < i:
                    bits |= out[at] | 1 << at
        for j in range(i):
            # Beside each other these would conflict (E202, E203), or wait for one lock: the order is worth keeping.
            if writes[i] & (writes[j] | reads[j]) or exclusive[i] & exclusive[j]:
                bits |= out[j] | 1 << j
        out.append(bits)
    return out


def _outer_reads(facts: Facts, part: Part) -> set[str]:
    inside = set(_leaves(facts, part))
    return {
        r.key
        for leaf in inside
        for r in leaf.reads
        if r.version is not None and r.key is not None and not facts.makers(r.version) & inside
    }


def _exclusive(leaf: Leaf) -> str | int | None:
    if leaf.step.exclusive is None:
        return None
    return leaf.step.exclusive if isinstance(leaf.step.exclusive, str) else id(leaf.step.component.given)


def _window(facts: Facts, around: Part, parts: list[Part], needs: list[int]) -> Window | None:
    heavy = [not all(_instant(leaf) for leaf in _leaves(facts, part)) for part in parts]
    slack = any(heavy[i] and heavy[j] and not needs[i] >> j & 1 for i in range(len(parts)) for j in range(i))
    if not slack:
        return None
    independent = not any(needs)
    seconds = [_duration(facts, part) for part in parts]
    ends: list[float] = []
    for i, own in enumerate(seconds):
        ends.append(own + max((ends[j] for j in range(i) if needs[i] >> j & 1), default=0.0))
    saved = sum(seconds) - max(ends)
    if (
        facts.durations
        and saved <= 0.01 * sum(seconds)
        and all(
            path in facts.durations
            for part in parts
            for path in (p.path for p in facts.steps[part.first : part.last])
        )
    ):
        return None  # known, and not worth a word
    return Window(around, parts, independent, saved or None, _duration(facts, facts.root))


def _instant(leaf: Leaf) -> bool:
    """Runs on the loop without waiting, so nothing is gained by running it beside others."""
    return leaf.step.kind in _INSTANT or (
        leaf.step.executor == "inline" and leaf.step.component.kind == "sync"
    )


def _duration(facts: Facts, part: Part) -> float:
    """How long a part takes as it is written; unknown steps count as nothing, so this is a lower bound."""
    if part.leaf is not None:
        return facts.durations.get(part.path, 0.0)
    if part.by_data:
        return _critical(facts, part)
    inside = [_duration(facts, p) for p in part.parts]
    return max(inside, default=0.0) if part.kind == "parallel" else sum(inside)


def _critical(facts: Facts, part: Part) -> float:
    """The longest chain of steps that need each other."""
    ends: dict[Leaf, float] = {}
    for leaf in _leaves(facts, part):
        ends[leaf] = facts.durations.get(leaf.path, 0.0) + max(
            (ends.get(maker, 0.0) for maker in facts.needs[leaf]), default=0.0
        )
    return max(ends.values(), default=0.0)


def _say(part: Part) -> str:
    """A part in a sentence: its path in quotes, or an unnamed block as it is written."""
    return repr(part.path) if part.kind in ("step", "subgraph") or part.name is not None else render(part)


def _and(said: list[str]) -> str:
    return f"{', '.join(said[:-1])} and {said[-1]}"


def _path(part: Part) -> str:
    """What to call a part: its path, or for an unnamed block that of its first step."""
    if part.kind in ("step", "subgraph") or part.name is not None:
        return part.path
    first = next(p for p in part.walk() if p.leaf is not None)
    return first.path


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


__all__ = ["Window", "artificial_order", "render", "windows"]
