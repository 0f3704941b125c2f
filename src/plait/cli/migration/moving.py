"""One file, from reading it to what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plait.cli.migration import NEW, OLD
from plait.cli.migration.advice import Finding, advise
from plait.cli.migration.names import modules
from plait.cli.migration.rewrite import diff, rewrite
from plait.cli.migration.source import Source, read, write


@dataclass(frozen=True)
class Moved:
    """A file, and what becomes of it.

    Attributes:
        source: the file as it was found.
        text: its new text.
        imports: how many imports change.
        is_moved: whether it imports ``plait.compat.gllm`` already.
        findings: what a person has to look at.
    """

    source: Source
    text: str
    imports: int
    is_moved: bool
    findings: tuple[Finding, ...]

    @property
    def is_new(self) -> bool:
        """Whether the text changes."""
        return self.text != self.source.text

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        return diff(self.source, self.text) if self.is_new else ""


def move(name: str) -> Moved:
    """Read a file and find out what has to change in it; nothing is written.

    Raises:
        Problem: the file can't be read, or is no Python.
    """
    source = read(Path(name))
    new = rewrite(source)
    is_moved = _imports(source, NEW)
    findings = [
        Finding(
            line, "by-hand", f"{OLD} stands here in a way that can't be placed in the text", f"write {NEW}"
        )
        for line in new.unsure
    ]
    if is_moved or new.imports:
        findings += advise(source)
    return Moved(source, new.text, new.imports, is_moved, tuple(sorted(findings)))


def put(moved: Moved) -> None:
    """Write a file that changes; another one is not touched.

    Raises:
        Problem: it can't be written.
    """
    if moved.is_new:
        write(moved.source, moved.text)


def _imports(source: Source, root: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for _, name in modules(source.tree))
