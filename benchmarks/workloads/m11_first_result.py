"""M11: from nothing to the first result of a three-step pipeline, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Outcome, outcome
from benchmarks.peers import NotOffered, Peer
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M11"
TITLE = "Import and first result"
TARGET = Target(1.3)
EXPECTED = "3"


MEMORY = """
import resource, sys
try:
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except OSError:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(kib)
"""
"""Appended for the one run that asks for memory: what the parent sees of it includes the parent's own size."""


@dataclass(slots=True)
class Child:
    """A contender's program on disk and what its runs took."""

    peer: Peer
    program: Path
    trouble: str | None = None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)

    def prepare(self) -> None:
        """Write the program, check its answer, compile what it imports, and learn its memory."""
        if self.peer.version() is None:
            self.trouble = "not installed"
            return
        try:
            source = self.peer.program()
        except NotOffered as reason:
            self.trouble = f"not offered: {reason}"
            return
        self.program.write_text(source + MEMORY)
        printed, _, _ = self._start()
        if self.trouble is None:
            if len(printed) < 2 or printed[-2] != EXPECTED:
                self.trouble = f"failed: printed {printed[:3]}"
            else:
                self.resident.append(int(printed[-1]) / 1024)
                self.program.write_text(source)

    def run(self) -> None:
        """One process, from its start to its end."""
        _, wall, cpu = self._start()
        if self.trouble is None:
            self.wall.append(wall)
            self.cpu.append(cpu)

    def _environment(self) -> dict[str, str]:
        """Byte code is written once and read afterwards, as for an installed package, whatever the shell says."""
        variables = {**os.environ, **self.peer.environment}
        if variables.pop("PYTHONDONTWRITEBYTECODE", None):
            variables["PYTHONPYCACHEPREFIX"] = str(self.program.parent / "bytecode")
        return variables

    def _start(self) -> tuple[list[str], float, float]:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            began = time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, str(self.program)],
                stdout=out,
                stderr=err,
                env=self._environment(),
            )
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            if child.returncode:
                last = err.read().decode().strip().splitlines()[-1:] or ["no message"]
                self.trouble = f"failed: {last[0][:80]}"
            return out.read().decode().split(), wall, usage.ru_utime + usage.ru_stime


def cases(session: Session) -> Iterator[Case]:
    """CPU time first, as a shared machine disturbs it least; then the wall, then the memory."""
    rounds = 5 if session.quick else 21
    with tempfile.TemporaryDirectory() as folder:
        children = [Child(peer, Path(folder) / f"{peer.name}_program.py") for peer in session.peers]
        for child in children:
            child.prepare()
        for _ in range(rounds):
            for child in children:
                if child.trouble is None and not (child.wall and sum(child.wall) > session.effort.budget):
                    child.run()
    for unit, what, target, scale in (
        ("ms CPU", "cpu", TARGET, 1e3),
        ("ms wall", "wall", None, 1e3),
        ("MiB resident", "resident", None, 1.0),
    ):
        base: list[float] = next(
            (getattr(child, what) for child in children if child.peer.name == "hand"), []
        )
        cells: dict[str, Outcome] = {}
        for child in children:
            values: list[float] = getattr(child, what)
            cells[child.peer.name] = (
                outcome([value * scale for value in values], [value * scale for value in base])
                if values
                else Outcome(trouble=child.trouble or "not measured")
            )
        yield Case(
            KEY, "import and first result of 3 steps, in a child process", unit, "bare asyncio", cells, target
        )
