"""Binding a list with jumps: ``goto`` is lowered to a loop over the segments between jumps and their targets.

    [draft, review, goto("again", ...), publish]

        turn 1      from 0: draft, review, again      from 1: publish, unless again has jumped back
        turn 2      the same, from the target on

A jump forward stays in its turn: the segments before its target are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plait.core.condition import Condition
from plait.core.control import END, Goto
from plait.core.flow import Flow
from plait.core.names import did_you_mean, listing
from plait.core.plan.bound import Leaf, Presence, Region, Version
from plait.core.plan.place import At, Nodes
from plait.core.plan.regions import Regions, label_of
from plait.core.plan.writes import keys_surely_written, keys_written, may_end
from plait.errors import ConditionError


class Jumps(Regions):
    """The part of the binder for lists with jumps."""

    def _jumps(self, parts: tuple[Flow, ...], at: At) -> Nodes:
        """A list with jumps: a loop over its segments, of which each turn does those from its target on."""
        named = {name: i for i, part in enumerate(parts) if (name := label_of(part)) is not None}
        targets: set[int] = set()
        for part in parts:
            if isinstance(part, Goto) and part.fixed is not None:
                if part.fixed in named:
                    targets.add(named[part.fixed])
                elif part.fixed != END:
                    self._find(
                        "E111",
                        f"{at.path}/{part.name}" if at.path else part.name,
                        target=part.fixed,
                        known=tuple(named),
                    )
            elif isinstance(part, Goto):
                targets.update(named.values())
        gotos = [i for i, part in enumerate(parts) if isinstance(part, Goto)]
        first = min([*targets, *gotos])
        starts = sorted(
            {first, *(t for t in targets if t >= first), *(i + 1 for i in gotos if i + 1 < len(parts))}
        )
        before = self._parts_listed(parts[:first], at) if first else at.before
        at = at.with_(before=before)
        at = at.with_(before=self._settle(at))
        segments = [parts[s:e] for s, e in zip(starts, [*starts[1:], len(parts)], strict=True)]
        entry = {
            name: max(j for j, s in enumerate(starts) if s <= i) for name, i in named.items() if i in targets
        }
        region = Region(at.frame, f"{at.path}/jumps" if at.path else "jumps", at.branch, kind="jumps")
        region.cases = entry
        flags: list[tuple[Version, int]] = []
        sure = _surely_written(segments, entry)

        def walk(inside: At) -> Nodes:
            pc = inside.frame.version("~start", None, origin="item")
            region.items.append(("start", pc))
            jumped: list[tuple[Version, int]] = []
            before: Nodes = ()
            for number, segment in enumerate(segments):
                suppose(inside, sure[number])
                before = self._segment(number, segment, pc, jumped, entry, inside.with_(before=before))
            flags.extend(jumped)
            suppose(inside, sure[-2])
            return before

        def suppose(inside: At, written: set[str]) -> None:
            """Let what follows count on these keys, and on no other."""
            for key, seen in inside.env.seen.items():
                if key not in carried:
                    continue
                presence: Presence = "always" if key in written or at_start(key) else "maybe"
                if isinstance(seen, Version):
                    seen.presence = presence
                    continue
                for delta in seen.own:
                    delta.comes = key in written
                if seen.view is not None and seen.view.origin == "merge":
                    seen.view.presence = presence

        def at_start(key: str) -> bool:
            old = self._older(key, at)
            return old is not None and old.presence == "always"

        carried = tuple({key: None for part in parts[first:] for key in keys_written(part)})
        before_it = {key for key in carried if at_start(key)}
        self._open_bodies(region, at, [walk], certain=True, carried=carried, sealed=at.sealed)
        exits, region.flags = region.flags, []
        for flag, origin in flags:
            region.flags.append(self._hidden_out(region, "~jump", flag))
            region.origins.append(origin)
        region.flags += exits
        ended = at.frame.version("~ended", region, origin="block", presence="maybe")
        region.writes.append(ended)
        region.decider = ended  # which the shell sets when a jump went to END
        if any(isinstance(part, Goto) and may_end(part) for part in parts):
            at.exits.append(ended)
            for export in region.exports:
                if export.outer.key in carried:
                    surely = export.outer.key in sure[-1] or export.outer.key in before_it
                    export.outer.at_end = "always" if surely else "maybe"
        return (region,)

    def _segment(
        self,
        number: int,
        segment: tuple[Flow, ...],
        start: Version,
        jumped: list[tuple[Version, int]],
        entry: dict[str, int],
        at: At,
    ) -> Nodes:
        known = tuple(entry)
        at = at.with_(before=self._settle(at))
        region = Region(
            at.frame, f"{at.path}/from {number}" if at.path else f"from {number}", at.branch, kind="gate"
        )
        region.number, region.decider = number, start
        region.cases = entry
        region.flags = [*(version for version, _ in jumped), *at.exits]
        region.origins = [origin for _, origin in jumped]
        inner: list[Version] = []

        def walk(inside: At) -> Nodes:
            plain = segment[:-1] if isinstance(segment[-1], Goto) else segment
            mark = len(inside.exits)
            before = self._parts_listed(plain, inside) if plain else ()
            last = segment[-1]
            if isinstance(last, Goto):
                there = inside.with_(before=before)

                def ask(where: At) -> tuple[Leaf, Version]:
                    return self._target(last, known, where)

                node, version = self._unless_ended(there, ask) if len(inside.exits) > mark else ask(there)
                inner.append(version)
                return (node,)
            return before

        self._open_bodies(region, at, [walk], certain=False, sealed=at.sealed)
        jumped += [(self._hidden_out(region, "~jump", version), number) for version in inner]
        return (region,)

    def _target(self, flow: Goto, known: tuple[str, ...], at: At) -> tuple[Leaf, Version]:
        path = at.names.take()
        component = flow.target.component
        assert isinstance(component, Condition)
        checked = component.again(component.given)
        checked.verdict = _Member(component.verdict, f"goto {flow.name!r}", known, allow_end=flow.allow_end)
        outputs = flow.target.outputs[0][0] if flow.target.outputs else None
        step = flow.target.replace(output_state=outputs)
        step.component = checked
        return self._decider(step, path, at)


def _surely_written(segments: Sequence[tuple[Flow, ...]], entry: dict[str, int]) -> list[set[str]]:
    """The keys that are surely written before each segment of a list with jumps, after all of them, and (last) at its END.

    The usual forward must-analysis over the graph of segments (Kildall, 1973).
    """
    end = len(segments)
    into: list[set[int]] = [set() for _ in range(end + 2)]
    for number, segment in enumerate(segments):
        last = segment[-1]
        if not isinstance(last, Goto):
            into[number + 1].add(number)
        elif last.fixed is None:
            for target in (*entry.values(), *([end + 1] if last.allow_end else [])):
                into[target].add(number)
        else:
            into[entry.get(last.fixed, end + 1)].add(number)
    own = [set[str]().union(*(keys_surely_written(part) for part in segment)) for segment in segments]
    everything = set[str]().union(*own)
    sure = [set[str](), *(set(everything) for _ in range(end + 1))]
    changed = True
    while changed:
        changed = False
        for number in range(1, end + 2):
            found = [sure[before] | own[before] for before in into[number]]
            now = set.intersection(*found) if found else set(everything)  # nothing leads there
            if now != sure[number]:
                sure[number], changed = now, True
    return sure


class _Member:
    """The verdict of a ``goto`` in its list."""

    __slots__ = ("allow_end", "known", "verdict", "where")

    def __init__(self, verdict: Any, where: str, known: tuple[str, ...], *, allow_end: bool) -> None:
        self.verdict, self.where, self.known, self.allow_end = verdict, where, known, allow_end

    def __call__(self, answer: Any) -> str:
        name: str = self.verdict(answer)
        if name in self.known or (name == END and self.allow_end):
            return name
        raise ConditionError(
            f"{self.where}: {name!r} is no step of its list; it has {listing(self.known)}"
            f"{'' if self.allow_end else ', and END is not allowed'}{did_you_mean(name, self.known)}"
        )
