"""A report as text: a timeline that a person understands in ten seconds."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.core.report.report import Report, StepReport

_LONGEST = 60
"""Steps shown; of longer runs the ones that took most."""

_MATTERS = 0.05
"""The share of a run's time from which a line is said about it."""


def render(report: Report, width: int = 80) -> str:
    """The timeline, one bar a step (``█`` on the critical path, ``▒`` off it, ``×`` failed), and the figures."""
    lines = [f"{report.name or 'pipeline'}: {report.outcome} in {seconds(report.wall)}"]
    shown = list(report.steps)
    left_out = 0
    if len(shown) > _LONGEST:
        keep = {id(s) for s in sorted(shown, key=lambda s: -s.work)[:_LONGEST]}
        left_out = len(shown) - _LONGEST
        shown = [s for s in shown if id(s) in keep]
    if shown:
        label = min(max(len(s.path) for s in shown), max(20, width // 3))
        bar = max(10, width - label - 12)
        lines += [_line(report, step, label, bar) for step in shown]
        if left_out:
            lines.append(f"  and {left_out} shorter steps")
    about = "about " if report._held else ""  # noqa: SLF001  (two halves of one thing)
    if report.cached:
        return "\n".join([*lines, *(f"  {sentence}" for sentence in report._bounds())])  # noqa: SLF001
    lines += [
        "",
        f"  one after another {about}{seconds(report.work)}, critical path {seconds(report.critical_seconds)}, this run {seconds(report.wall)}",
        f"  speed-up {report.speedup:.2f} of {report.speedup_possible:.2f} possible",
    ]
    again = max(report.steps, key=lambda s: s.retried, default=None)
    if again is not None and again.retried > _MATTERS * report.wall:
        lines.append(
            f"  {again.path}: {seconds(again.retried)} for failed attempts and the pauses between them"
        )
    for sentence in [*map(str, report.races), *report._bounds()]:  # noqa: SLF001
        lines += wrap(
            sentence, max(width, 40), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
    return "\n".join(lines)


def _line(report: Report, step: StepReport, label: int, bar: int) -> str:
    wall = report.wall or 1.0
    first = min(bar - 1, int(step.start / wall * bar))
    last = max(first + 1, min(bar, round(step.end / wall * bar)))
    mark = "█" if step.path in report.critical_path else "▒"
    if step.outcome != "succeeded":
        mark = "×" if step.outcome == "failed" else "·"
    name = step.path if len(step.path) <= label else "…" + step.path[-(label - 1) :]
    extra = f" ({step.attempts} attempts)" if step.attempts > 1 else ""
    extra += " (cached)" if step.cached else ""
    return f"  {name:<{label}} {' ' * first}{mark * (last - first)}{' ' * (bar - last)} {seconds(step.work):>7}{extra}"


def seconds(value: float) -> str:
    """A duration with a fitting unit."""
    if value >= 100:
        return f"{value:.0f} s"
    if value >= 1:
        return f"{value:.2f} s"
    if value >= 1e-3:
        return f"{value * 1e3:.0f} ms" if value >= 1e-2 else f"{value * 1e3:.1f} ms"
    return f"{value * 1e6:.0f} µs"
