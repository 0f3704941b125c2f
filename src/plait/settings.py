"""What holds in this process, and where it was said.

A setting is looked for in this order, and the first that says something wins: the argument in the code; the environment
(``PLAIT_THREADS=32``); the file; the default. The file is the first ``plait.toml``, or ``pyproject.toml`` with a table
``[tool.plait]``, from the working directory upwards. All of it is read once, when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from plait.core.settings import Settings, from_environment, from_file, merged
from plait.errors import DefinitionError

__all__ = ["Settings", "settings", "sources"]

_found: tuple[Settings, dict[str, str]] | None = None


def settings() -> Settings:
    """What holds in this process for every pipeline that does not say otherwise.

    Raises:
        DefinitionError: for a file or an environment that can't be used; names the place, the value and what fits.

    >>> from plait.settings import settings
    >>> settings().threads >= 1
    True
    """
    return (_found or _read())[0]


def sources() -> Mapping[str, str]:
    """Where each setting comes from: ``default``, the name in the environment, or the file.

    Raises:
        DefinitionError: as for ``settings``.
    """
    return dict((_found or _read())[1])


def _read() -> tuple[Settings, dict[str, str]]:
    global _found  # noqa: PLW0603  (one environment, one working directory: one answer for the process)
    place, values = _file()
    file = from_file(values, place) if values else {}
    _found = merged(from_environment(os.environ.get), file, place)
    return _found


def _file() -> tuple[str, Mapping[str, Any]]:
    """The nearest file with settings, and its table."""
    try:
        folder = os.getcwd()
    except OSError:  # it was removed
        return "", {}
    while True:
        own = os.path.join(folder, "plait.toml")
        if (data := _data(own)) is not None:
            return own, _table(data, own)
        shared = os.path.join(folder, "pyproject.toml")
        if (data := _data(shared)) is not None and _may_have_a_table(data):
            tools = _table(data, shared).get("tool")
            table = tools.get("plait") if isinstance(tools, dict) else None
            place = f"{shared} [tool.plait]"
            if isinstance(table, dict):
                return place, table
            if table is not None:
                raise DefinitionError(f"{place}: it is {table!r}; it is a table of settings")
        above = os.path.dirname(folder)
        if above == folder:
            return "", {}
        folder = above


def _data(path: str) -> bytes | None:
    """What a file holds; None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not os.path.exists(path):  # a folder above that we may not look into
            return None
        raise DefinitionError(f"{path}: can't be read: {error.strerror or error}") from error


def _may_have_a_table(data: bytes) -> bool:
    """Whether to take a pyproject.toml apart: most have no table of ours, and reading TOML takes some milliseconds."""
    plain = data.translate(None, b" \t\"'")
    return b"tool.plait" in plain or b"[tool]" in plain or b"tool={" in plain


def _table(data: bytes, path: str) -> dict[str, Any]:
    import tomllib  # only where there is a file

    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: is no TOML: {error}") from error
