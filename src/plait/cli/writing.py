"""Write ``--output``: JSON Lines, one JSON file, or one JSON file an item in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from plait.cli.encode import dumps
from plait.cli.problem import Problem
from plait.cli.reading import LINES


class Writer(Protocol):
    """Takes the finished items, in order."""

    def write(self, item: dict[str, Any], file: str | None, /) -> None:
        """Take an item and, if it came from a folder, the path of its file there."""

    def close(self) -> None:
        """Nothing more will come."""


def open_writer(text: str | None, *, many: bool) -> Writer:
    """Prepare the output before anything runs, so that a place that can't be written to is found at once.

    Raises:
        Problem: the place can't be written to, or doesn't suit the number of items.
    """
    if text is None:
        return _Nowhere()
    path = Path(text)
    if path.suffix in LINES:
        return _Lines(path)
    if path.suffix == ".json":
        if many:
            raise Problem(
                f"--output {text}: one .json file holds one result; for many, name a .jsonl file or a folder"
            )
        return _OneFile(path)
    return _Folder(path)


class _Nowhere:
    def write(self, item: dict[str, Any], _: str | None, /) -> None:
        """Nothing was asked for."""

    def close(self) -> None:
        """Nothing was opened."""


class _Lines:
    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, item: dict[str, Any], _: str | None, /) -> None:
        self._file.write(
            encoded(dumps(item)) + b"\n"
        )  # unbuffered: what has finished survives an interruption

    def close(self) -> None:
        self._file.close()


class _OneFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise _unwritable(
                path,
                IsADirectoryError("it is a folder")
                if path.is_dir()
                else OSError(f"the folder {str(path.parent)!r} can't be written to"),
            )

    def write(self, item: dict[str, Any], _: str | None, /) -> None:
        _replace(self._path, item)

    def close(self) -> None:
        """Every write is complete in itself."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        if not os.access(path, os.W_OK):
            raise _unwritable(path, OSError("it can't be written to"))

    def write(self, item: dict[str, Any], file: str | None, /) -> None:
        # After its input file where there is one, with that file's whole name: a.pdf and a.txt are two results.
        target = self._path / (f"{file}.json" if file else f"{item['index']:06d}.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, item)

    def close(self) -> None:
        """Every write is complete in itself."""


def encoded(text: str) -> bytes:
    r"""UTF-8; half characters, such as those of undecodable file names, become JSON's own ``\udc80``."""
    return text.encode("utf-8", "backslashreplace")


def _replace(path: Path, item: dict[str, Any]) -> None:
    """Write the whole file or none of it: a reader never sees half a result."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(encoded(dumps(item, indent=2)) + b"\n")
    part.replace(path)


def _unwritable(path: Path, error: OSError) -> Problem:
    return Problem(f"--output {path!s}: {error.strerror or error}")
