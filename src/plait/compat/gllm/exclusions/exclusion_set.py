"""A set of dotted paths."""

from __future__ import annotations

from collections.abc import Iterable


class ExclusionSet:
    """The paths that are left out.

    Args:
        excluded_paths: ``step``, ``block``, ``block.branch``, ``block.branch.step``, ``condition.true``,
            ``subgraph.step``; branches in a list have numbers: ``block.0``.
    """

    __slots__ = ("excluded_paths",)

    def __init__(self, excluded_paths: Iterable[str] = ()) -> None:
        self.excluded_paths = set(excluded_paths)

    @classmethod
    def from_list(cls, paths: list[str]) -> ExclusionSet:
        """Make it of a list."""
        return cls(paths)

    def is_excluded(self, path: str) -> bool:
        """Whether this path is left out by name."""
        return path in self.excluded_paths

    def get_child_exclusions(self, parent_path: str) -> ExclusionSet:
        """What is left out below a path."""
        start = f"{parent_path}."
        return ExclusionSet(p.removeprefix(start) for p in self.excluded_paths if p.startswith(start))
