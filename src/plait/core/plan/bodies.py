"""Regions with bodies: frames of which some are opened, once, several times or not at all.

A region reads the versions that were there before it and makes new ones, so what surrounds it need not know what it
decides.

    a key that a body may write    the older version is its seed: what it is if no body writes it
    a key in a loop                the seed and what a turn writes have one slot: the next turn reads it there
    a key in a ``try``             what the steps before the failing one wrote goes there, for the handler
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from plait.core.flow import Flow
from plait.core.plan.bound import Export, Frame, Leaf, Merge, Node, Presence, Region, Version
from plait.core.plan.conflicts import leaves_of, rewritten_in
from plait.core.plan.naming import Names
from plait.core.plan.place import At, Nodes
from plait.core.plan.reads import Reads
from plait.core.plan.scope import Deltas, Env, depend
from plait.core.step import Step

Walk: TypeAlias = "Callable[[At], Nodes]"


class Bodies(Reads):
    """The part of the binder that walks the bodies of a region and publishes what they write."""

    if TYPE_CHECKING:

        def _leaf(self, step: Step[..., Any], path: str, at: At, reading: At | None = None) -> Leaf: ...
        def _stop_after(self, leaf: Leaf, at: At) -> Nodes: ...
        def _region(self, region: Region, at: At, walk: Walk, *, in_branches: bool = False) -> Nodes: ...
        def _walk_plain(self, flow: Flow, at: At) -> Nodes: ...
        def _walk(self, flow: Flow, at: At) -> Nodes: ...
        def _parts_listed(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _parts_by_data(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _settle(self, at: At) -> Nodes: ...
        def _names(self, parts: tuple[Flow, ...], path: str) -> Names: ...
        def _cap(self, path: str, limit: int | None, caps: tuple[int, ...]) -> tuple[int, ...]: ...
        def _fold_pending(self, at: At) -> None: ...
        def _after_readers(self, node: Node, version: Version) -> None: ...
        def _gate_region(self, region: Region, listed: list[Node]) -> None: ...

    def _open_bodies(
        self,
        region: Region,
        at: At,
        walks: Sequence[Walk],
        *,
        certain: bool,
        carried: tuple[str, ...] = (),
        kept: tuple[str, ...] = (),
        sealed: bool = False,
        ending: tuple[bool, ...] = (),
    ) -> None:
        """Walk the bodies of a region, each in its frame, and publish what they write.

        Args:
            region: the region.
            at: where it stands.
            walks: what walks each body.
            certain: one of the bodies surely runs.
            carried: keys of which a turn reads what the turn before it wrote.
            kept: keys of which a handler reads what was written before the failure.
            sealed: blocks in it have frames of their own, and what is written before a failure gets out.
            ending: for each body, whether it ends the pipeline in any case.
        """
        for other in at.before:
            region.wait_for(other, "declared order")
        entries = {key: self._entry(region, key, at) for key in (*carried, *kept)}
        view = at.env.branch()
        sums: dict[str, Version] = {}
        if carried:
            sums = self._sums(region, carried, at)
        ends: list[Env] = []
        starts: list[dict[str, Version | Deltas]] = []
        flags: list[tuple[Frame, Version]] = []
        partial: dict[str, list[Version]] = {}
        deltas: dict[str, dict[Frame, list[tuple[Version, bool]]]] = {}
        for number, (body, walk) in enumerate(zip(region.bodies, walks, strict=True)):
            env = view.branch(body)
            if region.kind == "try" and number == 1:
                self._hand_over(region, env, partial, at)
            if carried or number == 1:
                env.seen.update({key: entry for key, entry in entries.items() if entry is not None})
            for key, total in sums.items():
                entry = env.seen.get(key)
                if not isinstance(entry, Deltas):
                    entry = env.seen[key] = _deltas(env, key)
                entry.own.append(total)
            start = dict(env.seen)
            counts = {key: len(entry.own) for key, entry in start.items() if isinstance(entry, Deltas)}
            there = at.with_(
                frame=body, env=env, before=(), branch=0, listed=[], exits=[], sealed=sealed and number == 0
            )
            walk(there)
            self._fold_pending(there)
            flags += [(body, flag) for flag in there.exits]
            ends.append(env)
            starts.append(start)
            made = self._deltas_out(region, env, counts, body, at, sums, sealed=sealed and number == 0)
            for key, outer, comes in made:
                deltas.setdefault(key, {}).setdefault(body, []).append((outer, comes))
            if sealed and number == 0:
                partial = _written_in_order(body, env)
        for found in deltas.values():
            surely_come = (certain or region.kind == "rest") and all(
                any(comes for _, comes in found.get(body, ())) for body in region.bodies
            )
            for outer in (outer for made in found.values() for outer, _ in made):
                outer.comes = surely_come
        for key, entry in entries.items():  # an input may have become required since
            old = self._older(key, at) if entry is not None else None
            if entry is not None and old is not None and old.presence == "always":
                entry.presence = "always"
        surely = {body for body, ends_it in zip(region.bodies, ending, strict=False) if ends_it}
        possibly = {body for body, _ in flags}
        self._publish_bodies(
            region, at, starts, ends, entries, partial, certain=certain, ending=surely, may_end=possibly
        )
        for body, flag in flags:
            outer = at.frame.version("~exit", region, origin="block", presence="maybe")
            region.exports.append(Export(outer, [(0, flag, body)]))
            at.exits.append(outer)
            if region.kind in ("loop", "jumps"):
                region.flags.append(outer)
        self._tie(region, at)

    def _entry(self, region: Region, key: str, at: At) -> Version | None:
        """The version that a body reads of a key that an earlier body, or turn, may have written."""
        field = at.env.scope.field(key)
        if field is not None and field.reducer is not None:
            return None
        old = self._older(key, at)
        presence = old.presence if old is not None else "maybe"
        made = region.frame.version(
            key, region, origin="block", presence=presence, annotation=old.annotation if old else Any
        )
        region.seeds.append((old, made))
        if region.kind in ("loop", "jumps"):  # what the first turn reads is what was there before
            made.seed = old
        return made

    def _sums(self, region: Region, carried: tuple[str, ...], at: At) -> dict[str, Version]:
        """For each key with a reducer: where the deltas of all turns are collected."""
        out: dict[str, Version] = {}
        for key in carried:
            field = at.env.scope.field(key)
            if field is not None and field.reducer is not None:
                out[key] = region.frame.version(
                    key, region, origin="block", presence="maybe", annotation=field.annotation
                )
                out[key].comes = False  # in the first turn there is none
                region.sums.append(out[key])
        return out

    def _hand_over(self, region: Region, env: Env, partial: dict[str, list[Version]], at: At) -> None:
        """Let the handler see the deltas that were written before the failure."""
        for export in region.exports:
            key = export.outer.key
            field = at.env.scope.field(key)
            if field is not None and field.reducer is not None:
                env.write(key, export.outer)
        for key, versions in partial.items():
            entry = next((outer for old, outer in region.seeds if outer.key == key), None)
            if entry is not None:
                region.partial.append((entry, versions))
                if all(version.presence == "always" for version in versions):
                    entry.otherwise = next(old for old, outer in region.seeds if outer is entry)

    def _deltas_out(
        self,
        region: Region,
        env: Env,
        counts: dict[str, int],
        body: Frame,
        at: At,
        sums: dict[str, Version],
        *,
        sealed: bool,
    ) -> Iterator[tuple[str, Version, bool]]:
        """Hand out what was written to keys with a reducer: each delta by itself, or all of a loop's together."""
        for key, entry in env.seen.items():
            if not isinstance(entry, Deltas):
                continue
            fresh = entry.own[counts.get(key, 0) :]
            total = sums.get(key)
            for delta in fresh:
                if total is not None:
                    region.exports.append(Export(total, [(0, delta, body)], appends=True))
                    if sealed:
                        region.partial.append((total, [delta]))
                    continue
                outer = region.frame.version(
                    key, region, origin="block", presence="maybe", annotation=delta.annotation
                )
                outer.comes = delta.comes and not sealed  # a handler can't count on it
                yield key, outer, delta.comes
                region.writes.append(outer)
                region.exports.append(Export(outer, [(0, delta, body)]))
                if sealed:
                    region.partial.append((outer, [delta]))
                at.env.write(key, outer)
            if total is not None and fresh:
                total.comes = any(delta.comes for delta in fresh)
                region.writes.append(total)
                at.env.write(key, total)

    def _publish_bodies(
        self,
        region: Region,
        at: At,
        starts: list[dict[str, Version | Deltas]],
        ends: list[Env],
        entries: dict[str, Version | None],
        partial: dict[str, list[Version]],
        *,
        certain: bool,
        ending: set[Frame],
        may_end: set[Frame],
    ) -> None:
        """Make new versions of the keys that some body writes."""
        changed: dict[str, None] = {}
        for start, env in zip(starts, ends, strict=True):
            changed.update(
                (key, None)
                for key, entry in env.seen.items()
                if not isinstance(entry, Deltas) and entry is not start.get(key)
            )
        for key in changed:
            old = self._older(key, at)
            before: Presence = old.presence if old is not None else "maybe"
            candidates: list[tuple[int, Version, Frame]] = []
            going_on: set[Presence] = set() if certain else {before}
            at_end: set[Presence] = {before} if region.kind == "rest" else set()
            if region.kind == "rest":  # where it was not done, the pipeline has ended
                going_on.discard(before)
            written: set[str] = set()
            for env, body in zip(ends, region.bodies, strict=True):
                entry = env.seen.get(key)
                here, ended = before, before
                if isinstance(entry, Version) and (
                    entry.frame is body or (entry is entries.get(key) and body is not region.inner)
                ):
                    first = entries.get(key)
                    if first is not None and first is not entry and body is not region.inner:
                        candidates.append((0, first, body))  # a handler may leave a key out
                    candidates.append((0, entry, body))
                    here, ended = entry.presence, entry.at_end
                    unwritten = entry is first or _is_older(entry, body, (old, first))
                    written.add("always" if unwritten else entry.presence)
                if body in ending:  # it ends the pipeline in any case
                    at_end |= {here, ended}
                    continue
                going_on.add(here)
                if body in may_end:
                    at_end.add(ended)
            sure = "maybe" not in going_on
            annotations = {id(v.annotation): v.annotation for _, v, _ in candidates}
            outer = region.frame.version(
                key,
                region,
                origin="block",
                presence="always" if sure else "maybe",
                annotation=next(iter(annotations.values())) if len(annotations) == 1 else Any,
            )
            outer.at_end = "maybe" if "maybe" in at_end else "always"
            if written == {"always"} and (
                not sure or region.kind == "gate"
            ):  # a later segment may be less sure
                outer.otherwise = old
            region.writes.append(outer)
            region.exports.append(Export(outer, candidates))
            entry_version = entries.get(key)
            if region.kind in ("loop", "jumps") and entry_version is not None:
                region.exports.append(Export(entry_version, candidates))
            if old is not None and region.kind not in ("loop", "jumps"):
                region.seeds.append((old, outer))
            if region.kind in ("rest", "gate", "jumps") and key in partial:
                region.partial.append((outer, partial[key]))
            at.env.write(key, outer)

    def _tie(self, region: Region, at: At) -> None:
        """Make the region wait for what it looks at and what is read in it."""
        replaced: set[Version] = set()
        if at.data:
            replaced = set().union(*(rewritten_in(body) for body in region.bodies))
        imported = {outer: inner for body in region.bodies for outer, inner in body.imports.items()}
        for outer, inner in imported.items():
            local = at.frame.local(outer)
            if local.maker is region:
                continue
            if inner in replaced:
                self._after_readers(region, local)
            if at.data or isinstance(local.maker, Merge):
                depend(region, local, f"reads {outer.key!r} inside")
            else:
                local.readers.append(region)
        for version in region.asked():
            if version.maker is region:
                continue
            depend(region, version, f"looks at {version.key!r}" if version.key[0] != "~" else "it decides")
        if at.data and any(leaf.step.effect for leaf in leaves_of((region,))):
            self._gate_region(region, at.listed)
        at.listed.append(region)


def _is_older(version: Version, body: Frame, older: Sequence[Version | None]) -> bool:
    """Whether a version of a body, where nothing in the body writes it, is what was there before the region."""
    if version.otherwise is None:
        return False
    while version.otherwise is not None:
        version = version.otherwise
    return any(outer is not None and body.imports.get(outer) is version for outer in older)


def _deltas(env: Env, key: str) -> Deltas:
    base = env._input(key, optional=True)  # noqa: SLF001  (its own module's half)
    return Deltas(base.version if base is not None else None)


def _written_in_order(body: Frame, env: Env) -> dict[str, list[Version]]:
    """The versions of each key that the parts of a body make, in listed order."""
    out: dict[str, list[Version]] = {}
    for node in body.nodes:
        for version in node.writes:
            if version.key[0] != "~" and not isinstance(node, Merge):
                field = env.scope.field(version.key)
                if field is None or field.reducer is None:
                    out.setdefault(version.key, []).append(version)
    return out
