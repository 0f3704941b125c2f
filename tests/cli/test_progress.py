"""What is shown of a run while it goes on."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Mapping

import pytest

from plait.events import (
    AttemptDiscarded,
    LoopBlocked,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from plait.observers.progress import Progress, fit, has_color, is_live, seconds, style

RUN = "r1"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Ascii(Terminal):
    encoding = "ascii"


def screen(written: str) -> list[str]:
    """What stays on a terminal: lines, carriage returns, cursor up and erase below."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+", written):
        if token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif token.endswith("A") and token.startswith("\x1b"):
            row = max(0, row - int(token[2:-1] or 1))
        elif token == "\x1b[J":
            lines = [*lines[:row], lines[row][:column]]
        elif token.startswith("\x1b"):
            assert token.endswith("m"), token
        else:
            lines[row] = lines[row][:column] + token + lines[row][column + len(token) :]
            column += len(token)
    return [line for line in lines if line]


def shown(stream: io.StringIO, environ: Mapping[str, str] | None = None, **more: object) -> Progress:
    """Without its thread: what is painted is decided by the test."""
    return Progress(stream, environ=environ or {"NO_COLOR": "1"}, **more)


def test_where_a_line_can_be_drawn_again() -> None:
    assert is_live(Terminal(), {})
    assert not is_live(io.StringIO(), {})
    assert not is_live(Terminal(), {"TERM": "dumb"})
    assert not is_live(object(), {})


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours(stream: io.StringIO, environ: dict[str, str], expected: bool) -> None:
    assert has_color(stream, environ) is expected
    assert ("\x1b[31m" in style("x", "red", color=expected)) is expected


@pytest.mark.parametrize(
    ("stream", "environ", "mode", "expected"),
    [
        (Terminal(), {}, "auto", "live"),
        (Terminal(), {"TERM": "dumb"}, "auto", "plain"),
        (io.StringIO(), {}, "auto", "plain"),
        (io.StringIO(), {"CI": "true"}, "auto", "none"),
        (Terminal(), {"CI": "true"}, "auto", "none"),
        (Terminal(), {"CI": "true"}, "plain", "plain"),
        (Terminal(), {}, "plain", "plain"),
        (Terminal(), {}, "none", "none"),
    ],
)
def test_how_it_is_shown(stream: io.StringIO, environ: dict[str, str], mode: str, expected: str) -> None:
    progress = Progress(stream, mode=mode, environ=environ)
    assert progress.shows is (expected != "none")
    progress.on_event(StepStarted(RUN, 0.0, "extract", 1))
    if expected == "live":
        progress._paint()
        assert "\x1b[" in stream.getvalue() or "extract" in stream.getvalue()
    progress.on_event(StepFinished(RUN, 0.5, "extract", 1, 0.5))
    progress.close()
    text = stream.getvalue()
    assert ("extract: finished in 500 ms" in text) is (expected == "plain")
    assert ("✓" in text) is (expected == "live")
    assert bool(text) is (expected != "none")


def test_plain_lines_tell_every_step_and_every_attempt() -> None:
    out = io.StringIO()
    with Progress(out, environ={}) as progress:
        progress.on_event(RunStarted(RUN, 0.0))
        progress.on_event(StepStarted(RUN, 0.0, "a", 1))
        progress.on_event(StepFailed(RUN, 1.0, "a", 1, ConnectionError("refused\nagain"), True))
        progress.on_event(StepFailed(RUN, 2.0, "a", 2, ConnectionError(), False))
        progress.on_event(RunFinished(RUN, 2.0, "failed"))
    assert out.getvalue().splitlines() == [
        "a: attempt 1 failed, trying again: ConnectionError: refused again",
        "a: failed: ConnectionError",
    ]


def test_the_live_view_lists_what_finished_and_shows_what_runs() -> None:
    out = Terminal()
    progress = shown(out)
    for path in ("a", "b", "c"):
        progress.on_event(StepStarted(RUN, 0.0, path, 1))
    progress._paint()
    progress.on_event(StepFinished(RUN, 0.1, "a", 1, 0.1))
    progress.on_event(StepFailed(RUN, 0.1, "b", 1, ValueError("bad"), False))
    progress._paint()
    lines = screen(out.getvalue())
    assert lines[0] == "  ✓ a  100 ms"
    assert lines[1] == "  ✗ b  failed: ValueError: bad"
    assert lines[2].endswith("1 step finished, 1 running, < 1 ms") or "1 step finished, 1 running" in lines[2]
    assert lines[3].startswith("    c  ")
    assert len(lines) == 4
    progress.on_event(RunFinished(RUN, 0.2, "failed"))
    progress.close()
    assert screen(out.getvalue()) == lines[:2], "nothing of the live view stays"


def test_many_items_are_counted() -> None:
    out = Terminal()
    progress = shown(out, items=4)
    for number in range(3):
        progress.on_event(StepStarted(f"r{number}", 0.0, "analyses/topics", 1))
    progress.on_event(StepFailed("r0", 0.1, "analyses/topics", 1, ValueError(), True))
    progress.item_done(ok=True)
    progress.item_done(ok=False)
    progress._paint()
    first, second = screen(out.getvalue())
    assert "██████████░░░░░░░░░░ 2 of 4 items, 1 failed, 1 retried" in first
    assert second == "    running: analyses/topics 2"
    progress.close()
    assert screen(out.getvalue()) == []


def test_an_item_that_waits_for_one_before_it_counts_as_done() -> None:
    out = Terminal()
    progress = shown(out, items=4)
    for number, outcome in enumerate(["succeeded", "failed", "succeeded"]):
        progress.on_event(RunFinished(f"r{number}", 1.0, outcome))
    progress._paint()
    assert "3 of 4 items, 1 failed" in screen(out.getvalue())[0]
    progress.close()


def test_what_is_printed_meanwhile_does_not_mix_with_the_live_view() -> None:
    out = Terminal()
    progress = shown(out, items=2)
    progress._paint()
    out.write("^C")  # as the terminal echoes it
    progress.print("stopping")
    progress._paint()
    progress.close()
    assert screen(out.getvalue()) == ["stopping"]
    other = io.StringIO()
    progress.print("a result", other)
    assert other.getvalue() == "a result\n"


def test_many_steps_are_counted_and_not_listed() -> None:
    out = io.StringIO()
    with Progress(out, environ={}) as progress:
        for number in range(1000):
            progress.on_event(StepFinished(RUN, 0.0, f"s{number}", 1, 0.0))
        progress.on_event(StepFailed(RUN, 0.0, "last", 1, ValueError("seen all the same"), False))
    lines = out.getvalue().splitlines()
    assert len(lines) == 202
    assert "counted, not listed" in lines[200]
    assert "seen all the same" in lines[201]


def test_a_blocked_loop_is_told_once_a_step() -> None:
    out = io.StringIO()
    with Progress(out, environ={}) as progress:
        for _ in range(3):
            progress.on_event(LoopBlocked(RUN, 1.0, "deaf", 1.2, "stack", "make it a def"))
    assert out.getvalue().splitlines() == ["deaf: blocks the event loop since 1.2 s: make it a def"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    out = Terminal()
    progress = shown(out)
    progress.on_event(StepFailed(RUN, 0.0, "a\x1b[2J", 1, ValueError("\x1b]0;title\x07"), False))
    progress.close()
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def test_characters_that_the_terminal_lacks_become_escapes() -> None:
    out = Ascii()
    progress = shown(out)
    progress.on_event(StepFinished(RUN, 0.0, "分析", 1, 0.5))
    progress._paint()
    progress.print("café \udce9")
    progress.close()
    assert out.getvalue().isascii()
    assert "  + \\u5206\\u6790  500 ms" in out.getvalue()
    assert "caf\\xe9 \\udce9" in out.getvalue()


def test_a_terminal_that_went_away_does_not_disturb_the_run() -> None:
    class Gone(Terminal):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    progress = Progress(Gone(), environ={})
    with progress:
        for _ in range(100):
            progress.on_event(StepFinished(RUN, 0.0, "a", 1, 0.0))
        assert progress._thread is not None
        progress._thread.join(timeout=10)
        assert not progress._thread.is_alive()
    assert not progress.shows


def test_a_terminal_that_takes_no_output_does_not_hold_up_the_steps() -> None:
    stuck, go = threading.Event(), threading.Event()

    class Stuck(Terminal):
        def write(self, text: str) -> int:
            stuck.set()
            assert go.wait(30)
            return super().write(text)

    with Progress(Stuck(), environ={}) as progress:
        assert stuck.wait(30)
        for number in range(1000):  # the painter is inside write() all the while
            progress.on_event(StepStarted(RUN, 0.0, f"s{number}", 1))
            progress.on_event(StepFinished(RUN, 0.0, f"s{number}", 1, 0.0))
        assert not go.is_set()
        go.set()


def test_a_cancelled_attempt_runs_no_more() -> None:
    out = Terminal()
    progress = shown(out)
    progress.on_event(StepStarted(RUN, 0.0, "slow_branch", 1))
    progress.on_event(AttemptDiscarded(RUN, 0.5, "slow_branch", 1))
    progress._paint()
    assert "0 running" in screen(out.getvalue())[0]
    progress.close()


def test_a_small_terminal_is_not_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    progress = shown(out)
    monkeypatch.setattr(progress, "_size", lambda: (40, 6))
    for number in range(50):
        progress.on_event(StepStarted(RUN, 0.0, f"step_{number}_" + "x" * 60, 1))
    progress._paint()
    lines = screen(out.getvalue())
    assert len(lines) < 6
    assert all(len(line) < 40 for line in lines)
    assert lines[-1] == "    and 48 more"
    progress.close()


def test_of_many_items_a_line_comes_now_and_then() -> None:
    out = io.StringIO()
    progress = shown(out, items=3)
    progress._tell_at = 0.0
    progress.item_done(ok=True)
    progress._paint()
    progress._paint()
    assert out.getvalue().startswith("1 of 3 items")
    assert len(out.getvalue().splitlines()) == 1, "not before some seconds have passed"
    progress._tell_at = 0.0
    progress._paint()
    assert len(out.getvalue().splitlines()) == 1, "and not without news"


def test_its_thread_ends_with_it() -> None:
    before = threading.active_count()
    with Progress(Terminal(), environ={}) as progress:
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    progress.close()


def test_text_is_cut_to_columns_not_characters() -> None:
    assert fit("abcdef", 6) == "abcdef"
    assert fit("abcdefg", 6) == "abcde…"
    assert fit("分析分析", 6) == "分析…"
    assert fit("e\u0301e\u0301e\u0301", 3) == "e\u0301e\u0301e\u0301"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "< 1 ms"),
        (0.004, "4 ms"),
        (0.5, "500 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations_as_a_person_says_them(value: float, expected: str) -> None:
    assert seconds(value) == expected
