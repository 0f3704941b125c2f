"""What a name means at a point of the pipeline: the versions visible there.

Scope   one pipeline's keys (an embedded pipeline has its own); asks outwards for its inputs
Env     the view at one point of a scope; each branch of a block works on a copy
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plait.core.inputs import Config
from plait.core.plan.bound import Frame, Merge, Node, Version
from plait.core.schema import ABSENT, Field, Schema


class Found:
    """The answer to a look-up: a version, or a run's setting, with the default that comes with it."""

    __slots__ = ("config", "default", "version")

    def __init__(self, version: Version | None, config: Config | None = None, default: Any = ABSENT) -> None:
        self.version, self.config, self.default = version, config, default


class Deltas:
    """A key with a reducer: a base and what was written since the branch began, folded when first read."""

    __slots__ = ("base", "folded", "own", "view")

    def __init__(self, base: Version | None) -> None:
        self.base = base
        self.own: list[Version] = []
        self.view: Version | None = base
        self.folded = 0

    def branch(self) -> Deltas:
        """The view of a branch: what was folded so far is its base."""
        return Deltas(self.view)


class Scope:
    """The keys of one pipeline; ``offered`` are inputs that are there even if no step asks for them by name."""

    __slots__ = ("ask", "history", "inputs", "offered", "path", "schema", "written")

    def __init__(
        self,
        schema: Schema,
        path: str,
        ask: Callable[[str, bool], Found | None],
        offered: tuple[str, ...] = (),
    ) -> None:
        self.schema, self.path, self.ask = schema, path, ask
        self.offered = (
            *offered,
            *(
                key
                for key, field in schema.fields.items()
                if field.default is not ABSENT or field.default_factory is not None
            ),
        )
        self.inputs: dict[str, Found] = {}
        self.written: dict[str, str] = {}
        self.history: dict[str, list[Version]] = {}
        """All versions of each key, in listed order."""

    def field(self, key: str) -> Field | None:
        """The declared field of a key."""
        return self.schema.fields.get(key)


class Env:
    """The versions visible at one point, in one frame."""

    __slots__ = ("frame", "scope", "seen")

    def __init__(self, scope: Scope, frame: Frame, seen: dict[str, Version | Deltas] | None = None) -> None:
        self.scope, self.frame = scope, frame
        self.seen: dict[str, Version | Deltas] = {} if seen is None else seen

    def branch(self, frame: Frame | None = None) -> Env:
        """A copy for a branch, possibly in a frame of its own."""
        seen = {
            key: entry.branch() if isinstance(entry, Deltas) else entry for key, entry in self.seen.items()
        }
        return Env(self.scope, frame or self.frame, seen)

    def look_up(self, key: str, *, optional: bool, fold: Callable[[Field, Deltas], Version]) -> Found | None:
        """What a read of ``key`` sees here; None if nothing can ever give it."""
        entry = self.seen.get(key)
        if isinstance(entry, Deltas):
            return self._folded(key, entry, optional=optional, fold=fold)
        if entry is not None:
            return Found(self.frame.local(entry))
        found = self._input(key, optional=optional)
        if found is None or found.version is None:
            return found
        return Found(self.frame.local(found.version), found.config, found.default)

    def _input(self, key: str, *, optional: bool) -> Found | None:
        known = self.scope.inputs.get(key)
        if known is None:
            known = self.scope.ask(key, optional)
            if known is None:
                return None
            self.scope.inputs[key] = known
        elif (
            not optional
            and known.version is not None
            and known.version.origin == "input"
            and known.default is ABSENT
        ):
            self.scope.ask(key, False)
        return known

    def _folded(
        self, key: str, entry: Deltas, *, optional: bool, fold: Callable[[Field, Deltas], Version]
    ) -> Found | None:
        field = self.scope.field(key)
        assert field is not None
        if entry.base is None and not entry.own:
            return self._input(key, optional=optional)
        if entry.folded < len(entry.own):
            entry.view = fold(field, entry)
            entry.folded = len(entry.own)
        assert entry.view is not None
        return Found(self.frame.local(entry.view))

    def write(self, key: str, version: Version) -> None:
        """Make ``version`` the one that later reads see (a delta, if the key has a reducer)."""
        self.scope.history.setdefault(key, []).append(version)
        field = self.scope.field(key)
        if field is None or field.reducer is None:
            self.seen[key] = version
            return
        entry = self.seen.get(key)
        if not isinstance(entry, Deltas):
            base = self._input(key, optional=True)
            entry = Deltas(base.version if base else None)
            self.seen[key] = entry
        entry.own.append(version)


def merge_node(frame: Frame, field: Field, branch: int, entry: Deltas) -> Version:
    """Plan the fold of the deltas that have not been folded yet."""
    base = frame.local(entry.view) if entry.view is not None else None
    deltas = [frame.local(d) for d in entry.own[entry.folded :]]
    node = Merge(frame, field, branch, base, deltas)
    surely = any(v.presence == "always" for v in ([base] if base else []) + deltas) or (
        field.neutral() is not ABSENT and any(delta.comes for delta in deltas)
    )
    made = frame.version(
        field.key, node, origin="merge", presence="always" if surely else "maybe", annotation=field.annotation
    )
    node.writes.append(made)
    for version in ([base] if base else []) + deltas:
        depend(node, version, f"merges {field.key!r}")
    return made


def depend(node: Node, version: Version, reason: str) -> None:
    """Wait for whoever makes the version, if that happens in the same frame."""
    version.readers.append(node)
    maker = version.maker
    if maker is not None and maker.frame is node.frame:
        node.wait_for(maker, reason)
