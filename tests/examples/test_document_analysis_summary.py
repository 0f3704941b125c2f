"""What the terminal shows of a run of the example."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.demo

REJECTED = [
    SimpleNamespace(
        cause="empty", message="scan.pdf: its pages are pictures: run text recognition (OCR) first"
    )
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def summary(example: Callable[[str], ModuleType]) -> Any:
    return example("summary")


def folder(summary: Any) -> Any:
    return summary.Folder(
        seconds=13.8,
        work=11.4,
        longest=2.35,
        possible_in_one=1.15,
        cores=2,
        at_a_time=2,
        loading=2.0,
        heaviest="analyses/entity_extractor",
        heaviest_share=0.86,
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_on_a_terminal_no_word_is_torn_and_nothing_is_lost(
    width: int, summary: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def shown(stream: io.StringIO) -> str:
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 24)))
        summary.show_counts(27, REJECTED, tmp_path)
        summary.show_folder(folder(summary))
        summary.show_comparison(folder(summary), 14.0, same=True)
        return stream.getvalue()

    whole, terminal = shown(io.StringIO()), shown(Terminal())
    assert terminal.split() == whole.split()
    assert all(len(line) <= width for line in terminal.splitlines() if not line.startswith("reports in")), (
        terminal
    )
    assert any(len(line) > 120 for line in whole.splitlines()), "where nobody reads along, a line stays whole"


def test_what_is_too_long_for_a_row_goes_on_below_its_beginning(
    summary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((80, 24)))
    summary.show_folder(folder(summary))
    lines = out.getvalue().splitlines()
    row = next(number for number, line in enumerate(lines) if "sum of all steps" in line)
    assert lines[row].index("of CPU time") == len(lines[row + 1]) - len(lines[row + 1].lstrip())
