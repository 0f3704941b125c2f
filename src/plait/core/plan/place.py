"""Where the walk of the binder stands, and what a region's branches hand out."""

from __future__ import annotations

from typing import Any

from plait.core.plan.bound import Frame, Node, Presence, Region, Version
from plait.core.plan.naming import Names
from plait.core.plan.scope import Env

Nodes = tuple[Node, ...]


class At:
    """Where the walk stands: frame, branch, view of the state, what to wait for, what is listed before."""

    __slots__ = (
        "before",
        "branch",
        "caps",
        "cause",
        "data",
        "env",
        "exits",
        "frame",
        "listed",
        "names",
        "path",
        "sealed",
    )

    def __init__(
        self,
        frame: Frame,
        env: Env,
        names: Names,
        path: str,
        *,
        branch: int = 0,
        before: Nodes = (),
        caps: tuple[int, ...] = (),
        data: bool = False,
        listed: list[Node] | None = None,
        exits: list[Version] | None = None,
        sealed: bool = False,
        cause: Version | None = None,
    ) -> None:
        self.exits: list[Version] = [] if exits is None else exits
        """Versions of this frame that tell whether somebody before has ended the pipeline."""
        self.sealed = sealed
        """Whether a block here has a frame of its own, because somebody handles its failure."""
        self.cause = cause
        """In a handler: the version that is the exception."""
        self.frame, self.env, self.names, self.path = frame, env, names, path
        self.branch, self.before, self.caps, self.data = branch, before, caps, data
        self.listed: list[Node] = [] if listed is None else listed

    def with_(self, **changes: Any) -> At:
        """The same place with some things changed; the list of what came before is shared unless it is given."""
        now = {
            "branch": self.branch,
            "before": self.before,
            "caps": self.caps,
            "data": self.data,
            "listed": self.listed,
            "exits": self.exits,
            "sealed": self.sealed,
            "cause": self.cause,
        }
        frame, env = changes.pop("frame", self.frame), changes.pop("env", self.env)
        names, path = changes.pop("names", self.names), changes.pop("path", self.path)
        return At(frame, env, names, path, **{**now, **changes})


def branch_of(version: Version, region: Region) -> int:
    """The branch of a region that makes a version."""
    maker = version.maker
    return maker.branch if maker is not None and maker.frame is region.inner else 0


def presence_of(region: Region, candidates: list[tuple[int, Version, Frame]]) -> Presence:
    """Whether a value that a region hands out is surely there: what may fail or lose may leave nothing."""
    sure = all(version.presence == "always" for _, version, _ in candidates)
    if region.need is not None:
        sure = (
            sure
            and region.on_error != "collect"
            and len({b for b, _, _ in candidates}) == region.inner.branches
        )
    elif region.on_error == "collect":
        sure = False
    return "always" if sure else "maybe"


def at_end_of(candidates: list[tuple[int, Version, Frame]]) -> Presence:
    """The same for the case that the pipeline has been ended in it."""
    return "maybe" if any(version.at_end == "maybe" for _, version, _ in candidates) else "always"
