"""Read ``--input``: a JSON object, a JSON file, JSON Lines, a folder of files, or standard input.

Everything is read through once before anything runs, so that a bad line is found with nothing half-done.
JSON Lines of a file are not kept: they are read a second time, one by one, while the runs ask for them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from plait.cli.problem import Problem, clean, one_line
from plait.core.names import did_you_mean, listing

LINES: Final = (".jsonl", ".ndjson")
_WIDTH: Final = 76


class Item(NamedTuple):
    """The inputs of one run and where they came from.

    Attributes:
        label: what to call it in messages, such as ``items.jsonl:4``; empty for an object of the command line.
        inputs: the inputs.
        file: for an input that is a file of a folder, its path in that folder.
    """

    label: str
    inputs: dict[str, Any]
    file: str | None = None


class Source(NamedTuple):
    """All the inputs of a command: of one run, or of many."""

    many: bool
    total: int
    items: Iterable[Item]


def read_input(
    text: str | None, *, key: Callable[[], str], glob: str = "*", stdin: IO[bytes] | None = None
) -> Source:
    """Read what ``--input`` names.

    Args:
        text: the option's value; None means a run without inputs.
        key: tells which input gets the path of a file; only asked when files are the inputs.
        glob: which files of a folder.
        stdin: where ``-`` reads from.

    Raises:
        Problem: there is no such file, nothing matches, or the JSON cannot be read.
    """
    if text is None:
        return Source(many=False, total=1, items=[Item("", {})])
    try:
        return _read(text, key, glob, stdin)
    except OSError as error:
        raise Problem(f"--input {one_line(text, 60)}: {error.strerror or error}") from error


def _read(text: str, key: Callable[[], str], glob: str, stdin: IO[bytes] | None) -> Source:
    if text == "-":
        return _read_stdin((stdin or io.BytesIO()).read())
    if text.lstrip()[:1] in ("{", "["):
        return _document(text, "--input")
    path = Path(text)
    if path.is_dir():
        return _folder(path, glob, key())
    if not path.exists():
        raise Problem(_nothing_there(text, path))
    if path.suffix in LINES:
        return _lines_of_file(path)
    if path.suffix == ".json":
        return _document(_decode(path.read_bytes(), str(path)), str(path))
    return Source(many=False, total=1, items=[Item(path.name, {key(): str(path)}, path.name)])


def input_key(required: Sequence[str], optional: Sequence[str], chosen: str | None) -> str:
    """Which input gets the path of a file: the chosen one, or the only required one."""
    known = (*required, *optional)
    if chosen is not None:
        if known and chosen not in known:
            raise Problem(
                f"--input-key {chosen}: the pipeline has no such input{did_you_mean(chosen, known)}; its inputs are {listing(known)}"
            )
        return chosen
    if len(required) == 1:
        return required[0]
    if not known:
        raise Problem("the pipeline has no inputs, so it can't be given files")
    if not required and len(optional) == 1:
        return optional[0]
    raise Problem(
        f"which input gets the path of each file? Say --input-key KEY; the inputs are {listing(required or known)}"
    )


def _read_stdin(data: bytes) -> Source:
    where = "standard input"
    text = _decode(data, where)
    if not text.strip():
        raise Problem("standard input is empty; --input - wants a JSON object or JSON Lines")
    first = next(line for line in text.splitlines() if line.strip())
    try:  # a whole object on the first line and more after it: JSON Lines
        json.loads(first)
    except ValueError:
        return _document(text, where)
    lines = text.split("\n")
    if sum(1 for line in lines if line.strip()) == 1:
        return _document(text, where)
    return _checked_lines(where, lambda: iter(lines))


def _folder(path: Path, glob: str, key: str) -> Source:
    if ".." in Path(glob).parts:
        raise Problem(f"--glob {glob!r} leaves the folder: name the outer folder as --input")
    try:
        found = sorted(
            (p.relative_to(path).as_posix(), p)
            for p in path.glob(glob)
            if p.is_file() and not p.name.startswith(".")
        )
    except (ValueError, NotImplementedError) as error:
        raise Problem(f"--glob {glob!r} is not a pattern: {error}") from error
    if not found:
        raise Problem(
            f"no file in the folder {str(path)!r} matches {glob!r}"
            if glob != "*"
            else f"the folder {str(path)!r} holds no files"
        )
    return Source(many=True, total=len(found), items=(Item(name, {key: str(p)}, name) for name, p in found))


def _lines_of_file(path: Path) -> Source:
    def lines() -> Iterator[str]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _decode(line, str(path), first_line=number)

    return _checked_lines(str(path), lines)


def _checked_lines(where: str, lines: Callable[[], Iterator[str]]) -> Source:
    def items() -> Iterator[Item]:
        for number, line in enumerate(lines(), 1):
            if line.strip():
                yield Item(
                    f"{where}:{number}",
                    _object(_parse(line.rstrip("\r\n"), where, number), f"{where}:{number}"),
                )

    total = sum(1 for _ in items())
    if not total:
        raise Problem(f"{where} holds no inputs: JSON Lines want one object a line")
    return Source(many=True, total=total, items=items())


def _document(text: str, where: str) -> Source:
    value = _parse(text, where)
    if isinstance(value, list):
        items = [
            Item(f"{where}[{index}]", _object(item, f"{where}[{index}]")) for index, item in enumerate(value)
        ]
        if not items:
            raise Problem(f"{where} is an empty list: there is nothing to run")
        return Source(many=True, total=len(items), items=items)
    return Source(
        many=False, total=1, items=[Item("" if where == "--input" else where, _object(value, where))]
    )


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    kinds: Mapping[type, str] = {
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    raise Problem(
        f'{where}: expected an object with the inputs, such as {{"text": "…"}}, got {kinds[type(value)]}'
    )


def _parse(text: str, where: str, line: int | None = None) -> Any:
    try:
        return json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        lines = error.doc.splitlines() or [""]
        shown = lines[min(error.lineno, len(lines)) - 1]
        place = f"{where}, line {line or error.lineno}, column {error.colno}"
        raise Problem(f"{place}: not JSON: {error.msg}\n{_pointer(shown, error.colno)}") from error
    except (ValueError, RecursionError) as error:
        message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(f"{where}{f', line {line}' if line else ''}: {message}") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} comes twice in one object, so one of its values would be lost")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _pointer(line: str, column: int) -> str:
    """The line, cut to the terminal's width around the place, and a caret under it."""
    start = max(0, column - 1 - _WIDTH // 2)
    part = line[start : start + _WIDTH]
    before = clean(part[: column - 1 - start].replace("\t", " "))
    return f"    {before}{clean(part[column - 1 - start :].replace(chr(9), ' '))}\n    {' ' * len(before)}^"


def _decode(data: bytes, where: str, first_line: int = 1) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        raise Problem(f"{where}, line {line}: not UTF-8 text (byte 0x{data[error.start]:02x})") from error


def _nothing_there(text: str, path: Path) -> str:
    try:
        near = did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        return f"there is no file or folder {text!r}: the folder {str(path.parent)!r} does not exist"
    hint = near or (
        '; JSON starts with { as in --input \'{"text": "…"}\'' if ":" in text or "=" in text else ""
    )
    return f"there is no file or folder {text!r}{hint}"
