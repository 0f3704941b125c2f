"""The figures of a run as data, and the page `RESULTS.md` made from one or several runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.table import Case, as_markdown, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = """# Results

Written by `python -m benchmarks`; the README beside this page says how it measures. A cell is the median value and, in
brackets, the median of its ratios to what counts as 1.00, taken round by round. Ratios are what to look at: the machine is
shared, so absolute times differ from run to run. Targets are for the column `plait`.
"""


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmarks on one interpreter."""

    machine: dict[str, str]
    versions: dict[str, str]
    command: list[str]
    cases: list[Case]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "command": self.command,
            "cases": [case.to_json() for case in self.cases],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Results:
        """The run that `to_json` wrote."""
        return cls(
            data["machine"],
            data["versions"],
            data["command"],
            [Case.from_json(case) for case in data["cases"]],
        )


def page(runs: Sequence[Results]) -> str:
    """`RESULTS.md`."""
    parts = [HEAD]
    for run in runs:
        about = run.machine
        parts.append(f"## {about['python']}, {about['date']}\n")
        parts.append(f"{about['processor']}, {about['cores']} cores, {about['memory']}, {about['system']}.\n")
        parts.append(f"    {' '.join(run.command)}\n")
        versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
        parts.append(f"Contenders: {versions}.\n")
        parts.append(f"```text\n{summary(run.cases)}\n```\n")
        parts.append(as_markdown(run.cases))
    return "\n".join(parts).rstrip() + "\n"
