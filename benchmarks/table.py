"""Cases with their targets, and how they are printed: as text while measuring, as Markdown, as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.measure import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["holds", "short", "not measured"]


@dataclass(frozen=True, slots=True)
class Target:
    """What Plait must reach, as a ratio to the baseline."""

    limit: float
    sense: Literal["at most", "at least"] = "at most"

    def verdict(self, ratio: float | None) -> Verdict:
        """Whether *ratio* reaches it."""
        if ratio is None:
            return "not measured"
        return (
            "holds" if (ratio <= self.limit if self.sense == "at most" else ratio >= self.limit) else "short"
        )

    def __str__(self) -> str:
        return f"{'≤' if self.sense == 'at most' else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: a title, the unit of its values, what counts as 1.00, and a cell per contender."""

    workload: str
    title: str
    unit: str
    baseline: str
    outcomes: dict[str, Outcome]
    target: Target | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict | None:
        """Plait's verdict; None where no target is set."""
        if self.target is None:
            return None
        cell = self.outcomes.get("plait")
        return self.target.verdict(cell.ratio if cell else None)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Case:
        """The case that `to_json` wrote."""
        return cls(
            data["workload"],
            data["title"],
            data["unit"],
            data["baseline"],
            {name: Outcome(**cell) for name, cell in data["outcomes"].items()},
            Target(**data["target"]) if data["target"] else None,
            data["notes"],
        )


def figure(value: float | None) -> str:
    """Three significant digits, with thousands separated."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.0995 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def times(value: float | None) -> str:
    """A ratio; near one the third decimal matters."""
    if value is None:
        return ""
    return f"{value:.3f} x" if 0.9 <= value < 1.2 else f"{figure(value)} x"


def as_text(case: Case) -> str:
    """A block of lines, one per contender."""
    lines = [f"{case.workload:4} {case.title} [{case.unit}; 1.00 = {case.baseline}]"]
    for name, cell in case.outcomes.items():
        line = f"       {name:16}"
        if cell.trouble is not None:
            line += cell.trouble
        else:
            line += f"{figure(cell.value):>12}  {times(cell.ratio):>10}"
            if cell.low is not None and cell.high is not None:
                line += f"  ({figure(cell.low)}-{figure(cell.high)})"
        if name == "plait" and case.target is not None:
            line += f"   target {case.target}: {case.verdict}"
        lines.append(line.rstrip())
    lines.extend(f"       {note}" for note in case.notes)
    return "\n".join(lines)


def summary(cases: Iterable[Case]) -> str:
    """One line per target."""
    lines = []
    for case in cases:
        if case.target is None:
            continue
        cell = case.outcomes.get("plait")
        measured = (
            times(cell.ratio)
            if cell and cell.ratio is not None
            else (cell.trouble if cell else "left out") or ""
        )
        lines.append(
            f"{case.workload:4} {case.title:78.78} {measured:>14}  {case.target!s:>8}  {case.verdict}"
        )
    return "\n".join(lines)


def as_markdown(cases: Sequence[Case]) -> str:
    """A table per workload: a row per case, a column per contender."""
    parts: list[str] = []
    for workload in dict.fromkeys(case.workload for case in cases):
        mine = [case for case in cases if case.workload == workload]
        peers = list(dict.fromkeys(name for case in mine for name in case.outcomes))
        parts.append(f"### {workload}\n")
        parts.append("| case (unit; what is 1.00) | target | " + " | ".join(peers) + " | |")
        parts.append("| --- | --- | " + " | ".join("---" for _ in peers) + " | --- |")
        notes: list[str] = []
        for case in mine:
            cells = []
            for name in peers:
                cell = case.outcomes.get(name)
                if cell is None:
                    cells.append("")
                elif cell.trouble is not None:
                    cells.append(cell.trouble.replace("|", "/"))
                else:
                    cells.append(f"{figure(cell.value)} ({times(cell.ratio)})")
            target = str(case.target) if case.target else ""
            verdict = {"holds": "holds", "short": "**short**"}.get(case.verdict or "", case.verdict or "")
            parts.append(
                f"| {case.title} ({case.unit}; {case.baseline}) | {target} | "
                + " | ".join(cells)
                + f" | {verdict} |"
            )
            notes.extend(note for note in case.notes if note not in notes)
        parts.append("")
        parts.extend(f"{note}\n" for note in notes)
    return "\n".join(parts)
