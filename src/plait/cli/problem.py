"""What the command line says when it cannot go on: one screen that names the place and the cure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

_CONTROL: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)
}


class Exit(IntEnum):
    """The exit codes of the ``plait`` program."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CHECK = 3
    SOME_FAILED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class Problem(Exception):
    """Something that the operator can put right; shown without a traceback."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


def clean(text: str) -> str:
    """Make text safe for a terminal: control characters of a file name or an error become visible."""
    return text.translate(_CONTROL)


def shorten(text: str, limit: int = 300) -> str:
    """Cut a long text."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def one_line(text: str, limit: int = 300) -> str:
    """Text for one line of a list or a log."""
    return shorten(clean(" ".join(text.split())), limit)
