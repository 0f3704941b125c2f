"""What the command line says when it cannot go on: one screen that names the place and the cure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TextIO

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


def fitted(text: str, stream: TextIO, hang: int) -> str:
    """Text whose lines fit a terminal, broken between words; as it is where the stream is none.

    Args:
        text: some lines.
        stream: where it will be printed.
        hang: how far the continuation of a line stands in, at least.
    """
    if not stream.isatty():
        return text
    from shutil import get_terminal_size
    from textwrap import wrap

    width = max(40, get_terminal_size().columns)
    lines: list[str] = []
    for line in text.split("\n"):
        leading = len(line) - len(line.lstrip())
        indent = " " * max(hang, leading + 2 if leading else 0)
        parts = wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
        lines += [line] if len(line) <= width else parts
    return "\n".join(lines)


def shorten(text: str, limit: int = 300) -> str:
    """Cut a long text."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def one_line(text: str, limit: int = 300) -> str:
    """Text for one line of a list or a log."""
    return shorten(clean(" ".join(text.split())), limit)
