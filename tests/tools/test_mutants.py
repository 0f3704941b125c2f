"""The planted defects fit the sources as they are, and the tool that plants them tells the noticed from the survivors."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
ENGINE = {
    "core/plan/bind.py",
    "core/plan/conflicts.py",
    "core/plan/lower.py",
    "core/plan/place.py",
    "core/plan/scope.py",
    "core/schedule/ending.py",
    "core/schedule/ledger.py",
    "core/schedule/scheduler.py",
    "run/admit.py",
    "run/call.py",
    "run/drive.py",
    "run/failing.py",
    "run/finish.py",
    "run/values.py",
}

sys.path.insert(0, str(TOOLS))
mutants: Any = importlib.import_module("mutants")
sys.path.remove(str(TOOLS))
PLANTED = mutants.PLANTED


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_defect_fits_the_sources(planted: Any) -> None:
    assert mutants.stale(planted) is None
    text = (mutants.SOURCES / "plait" / planted.file).read_text("utf-8")
    broken = text.replace(planted.old, planted.new)
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(text))


def test_every_part_of_the_engine_has_one() -> None:
    assert {planted.file for planted in PLANTED} == ENGINE
    assert len({planted.name for planted in PLANTED}) == len(PLANTED) >= 20


def test_a_stale_one_is_named() -> None:
    gone = PLANTED[0]._replace(old="a line that nobody wrote")
    assert mutants.stale(gone) == f"{gone.name!r}: its text stands 0 times in {gone.file}"
    assert "no nowhere.py" in mutants.stale(gone._replace(file="nowhere.py"))
    assert "times in" in mutants.stale(gone._replace(old="self."))


def test_nothing_is_planted_while_one_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = PLANTED[0]._replace(name="gone", old="a line that nobody wrote")
    monkeypatch.setattr(mutants, "PLANTED", (gone,))
    with pytest.raises(mutants.Trouble, match="'gone': its text stands 0 times"):
        mutants.main(["--python", sys.executable])


A_TEST = """
import pytest
from plait import InvalidPipeline, Pipeline, parallel, step

def test_two_writers_are_refused():
    pipeline = Pipeline([parallel([step(abs, {"x": "n"}, "m", name="a"), step(abs, {"x": "n"}, "m", name="b")])])
    assert "E202" in {finding.code for finding in pipeline.check()}
"""


@pytest.mark.slow
def test_the_noticed_and_the_survivors_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "test_writers.py"
    file.write_text(A_TEST)
    chosen = [p for p in PLANTED if p.name in {"two writers of one key go unnoticed", "one attempt too many"}]
    monkeypatch.setattr(mutants, "TESTS", (str(file),))
    monkeypatch.setattr(mutants, "PLANTED", tuple(chosen))
    written = tmp_path / "table.md"
    assert mutants.main(["--python", sys.executable, "--write", str(written)]) == 1
    text = capsys.readouterr().out
    assert "1 of 2 defects were noticed; not: one attempt too many" in text
    rows = written.read_text().splitlines()[2:]
    assert "**nobody**" in next(row for row in rows if "one attempt too many" in row)
    assert "test_two_writers_are_refused" in next(row for row in rows if "two writers" in row)


def test_tests_that_fail_without_a_defect_are_trouble(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "test_broken.py"
    file.write_text("def test_it():\n    assert False\n")
    monkeypatch.setattr(mutants, "TESTS", (str(file),))
    with pytest.raises(mutants.Trouble, match=r"must pass before .*test_broken\.py::test_it"):
        mutants.main(["--python", sys.executable, "-k", "quorum"])
