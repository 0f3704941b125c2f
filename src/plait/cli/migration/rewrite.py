"""Put the new name of the package where the old one stands, and leave everything else as it is."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from plait.cli.migration import NEW, OLD
from plait.cli.migration.source import Source

_OLD = OLD.encode()
_FROM = re.compile(rb"from(?:[ \t\f]|\\\r?\n)+(?=" + _OLD + rb"\b)")
Edits = dict[int, tuple[int, str]]
"""Where in the text, how many bytes there, and what stands there afterwards."""


@dataclass(frozen=True)
class Rewritten:
    """What becomes of a file.

    Attributes:
        text: its new text; the old one where there is nothing to do.
        imports: how many imports were changed.
        unsure: lines where the name stands in a way that could not be placed in the text.
    """

    text: str
    imports: int
    unsure: tuple[int, ...]


def rewrite(source: Source) -> Rewritten:
    """The file with ``plait.compat.gllm`` for ``gllm_pipeline`` in every import and in what uses the imported name."""
    edits: Edits = {}
    count = 0
    bound: list[ast.alias] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_ours(node.module):
            match = _FROM.match(source.data, source.offset(node.lineno, node.col_offset))
            count += 1
            if match:
                edits[match.end()] = (len(OLD), NEW)
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if _is_ours(alias.name)]
            count += bool(ours)
            bound += [alias for alias in ours if alias.asname is None]
            edits |= {source.offset(one.lineno, one.col_offset): (len(OLD), NEW) for one in ours}
    if bound:
        # `import gllm_pipeline.steps` binds the first word, so the code says it as well.
        if _is_rebound(source.tree):
            edits |= _kept(source, bound)
        else:
            edits |= {place: (len(OLD), NEW) for place in _uses(source)}
    text = _applied(source.data, edits)
    return Rewritten(text, count, tuple(_left(text, uses=bool(bound) and not _is_rebound(source.tree))))


def diff(source: Source, text: str) -> str:
    """What changes, as a unified diff."""
    name = source.path.as_posix()
    before, after = (name, name) if name.startswith("/") else (f"a/{name}", f"b/{name}")
    lines = difflib.unified_diff(_lines(source.text), _lines(text), before, after)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _is_ours(module: str | None) -> bool:
    return module is not None and module.split(".")[0] == OLD


def _is_rebound(tree: ast.Module) -> bool:
    """Whether the file gives the name of the package to something else, such as None where it is missing."""
    return any(
        (isinstance(node, ast.Name) and node.id == OLD and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == OLD)
        or (isinstance(node, ast.Global | ast.Nonlocal) and OLD in node.names)
        for node in ast.walk(tree)
    )


def _kept(source: Source, bound: list[ast.alias]) -> Edits:
    """Edits after which the old name is still there, for what the file does with it."""
    edits: Edits = {}
    for alias in bound:
        end = source.offset(alias.end_lineno or alias.lineno, alias.end_col_offset or 0)
        edits[end] = (0, f" as {OLD}" if alias.name == OLD else f", {NEW} as {OLD}")
    return edits


def _uses(source: Source) -> Iterator[int]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == OLD:
            place = source.offset(node.lineno, node.col_offset)
            # Within f-strings Python 3.11 gives no true columns; `_left` finds what stays.
            if source.data.startswith(_OLD, place):
                yield place


def _applied(data: bytes, edits: Edits) -> str:
    for place in sorted(edits, reverse=True):
        length, text = edits[place]
        data = data[:place] + text.encode() + data[place + length :]
    return data.decode("utf-8", "surrogatepass")


def _left(text: str, *, uses: bool) -> Iterator[int]:
    """Lines of the new text where the old name still means the package."""
    for node in ast.walk(ast.parse(text)):
        if (
            (isinstance(node, ast.ImportFrom) and node.level == 0 and _is_ours(node.module))
            or (isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names))
            or (uses and isinstance(node, ast.Name) and node.id == OLD)
        ):
            yield node.lineno


def _lines(text: str) -> list[str]:
    # Not `splitlines`: a form feed or a separator inside a string ends no line of a program.
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)
