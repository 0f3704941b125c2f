"""A Python file as it is on the disk and as Python reads it."""

from __future__ import annotations

import ast
import re
import shutil
import tokenize
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from plait.cli.problem import Problem

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True)
class Source:
    """The text of a file, with its tree.

    Attributes:
        path: where it is.
        text: what it holds, with its own line ends.
        encoding: how it is stored; that of its first lines, if they name one.
        tree: what Python reads in it.
    """

    path: Path
    text: str
    encoding: str
    tree: ast.Module

    @cached_property
    def data(self) -> bytes:
        """The text in UTF-8: the tree counts columns in it, whatever the file is stored in."""
        return self.text.encode("utf-8", "surrogatepass")

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE.finditer(self.data))]

    def offset(self, line: int, column: int) -> int:
        """Where in `data` a node begins that the tree has at this line and column."""
        return self._starts[line - 1] + column


def read(path: Path) -> Source:
    """Read a Python file.

    Raises:
        Problem: it is not there, is no Python file, or Python can't read it; with the line where that is known.
    """
    if path.is_dir():
        raise Problem(f"'{path}' is a folder: name the Python files in it")
    if path.suffix not in {".py", ".pyi"}:
        raise Problem(f"'{path}' is not a Python file")
    try:
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        text = data.decode(encoding)
        return Source(path, text, encoding, ast.parse(text, filename=str(path)))
    except OSError as error:
        raise Problem(f"'{path}' cannot be read: {error.strerror or error}") from error
    except SyntaxError as error:
        # `detect_encoding` raises this for an encoding that is not known, and then there is no line.
        where = f"{path}:{error.lineno}" if error.lineno else f"{path}:1"
        raise Problem(f"{where}: {error.msg}; put it right first") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise Problem(f"{path}:{line}: this is not text in {error.encoding}") from error
    except ValueError as error:  # a zero byte, on Python 3.11
        raise Problem(f"{path}:1: {error}") from error


def write(source: Source, text: str) -> None:
    """Put the new text in the place of the old one, whole or not at all."""
    target = source.path.resolve()
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(text.encode(source.encoding))
        shutil.copymode(target, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Problem(f"'{source.path}' cannot be written: {error.strerror or error}") from error
