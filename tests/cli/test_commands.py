"""check, plan, draw, rule, version, and what all commands have in common."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from plait import __version__
from plait.cli import main
from plait.cli.app import COMMANDS
from plait.cli.problem import fitted

Write = Callable[[str, str], Path]

PIPELINE = """
    from plait import Optional, Pipeline, parallel, step

    def extract(document: str) -> str: return document
    def mood(text: str) -> float: return 0.5
    def topics(text: str) -> list[str]: return [text]
    def report(mood: float, topics: list, tone: str = "dry") -> str: return tone

    def parts(second):
        return [step(extract, output_state="text"), parallel([
            step(mood, output_state="mood"),
            step(topics, output_state=second),
        ], name="analyses"), step(report, output_state="report")]

    pipeline = Pipeline(parts("topics"), name="analysis")
    clash = Pipeline(parts("mood"), name="clash")
"""


@pytest.fixture(autouse=True)
def here(fresh_imports: Path, write: Write) -> Path:
    write("p.py", PIPELINE)
    return fresh_imports


def test_check_without_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "p.py"]) == 0
    out = capsys.readouterr().out
    assert "'analysis'" in out
    assert "inputs: 'document'" in out


def test_check_names_the_rule_both_steps_and_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "p.py:clash"]) == 3
    out = capsys.readouterr().out
    for word in ("E202", "analyses/mood", "analyses/topics", "'mood'", "plait rule"):
        assert word in out, word


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "p.py:clash", "--json"]) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["ok"] is False
    assert record["pipeline"] == "clash"
    (conflict,) = [d for d in record["diagnostics"] if d["code"] == "E202"]
    assert conflict["key"] == "mood"
    assert conflict["paths"] == ["analyses/mood", "analyses/topics"]
    assert main(["check", "p.py", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "pipeline": "analysis",
        "ok": True,
        "inputs": ["document"],
        "optional_inputs": record["optional_inputs"],
        "diagnostics": [],
    }


def test_plan_lists_what_each_step_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "p.py"]) == 0
    out = capsys.readouterr().out
    assert "pipeline analysis: 4 steps" in out
    assert "2  analyses/mood  text → mood\n   in a thread, after extract" in out
    assert main(["plan", "p.py", "--json"]) == 0
    steps = {step["path"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert steps["report"]["reads"][:2] == ["mood", "topics"]
    assert [wait["path"] for wait in steps["report"]["waits_for"]] == ["analyses/mood", "analyses/topics"]
    assert all(wait["reasons"] for wait in steps["report"]["waits_for"])
    assert steps["extract"]["waits_for"] == []


def test_plan_explains_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "p.py", "--explain", "report"]) == 0
    out = capsys.readouterr().out
    assert "'mood'" in out
    assert "'topics'" in out
    assert main(["plan", "p.py", "--explain", "reprot"]) == 2
    assert "did you mean 'report'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_refused_pipeline_is_not_planned(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "p.py:clash"]) == 3
    captured = capsys.readouterr()
    assert not captured.out
    assert "E202" in captured.err


def test_the_steps_of_a_block_with_a_policy_wait_as_the_block_does(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        "block.py",
        """
        import operator
        from typing import Annotated, TypedDict
        from plait import Pipeline, parallel, step

        class State(TypedDict, total=False):
            text: str
            found: Annotated[list, operator.add]
            count: int

        def begin() -> str: return "t"
        def one(text: str) -> list: return [1]
        def two(text: str) -> list: return [2]
        def count(found: list) -> int: return len(found)

        pipeline = Pipeline([
            step(begin, output_state="text"),
            parallel([step(one, output_state="found"), step(two, output_state="found")], name="both", on_error="finish"),
            step(count, output_state="count"),
        ], state_type=State)
        """,
    )
    assert main(["plan", "block.py", "--json"]) == 0
    steps = {step["path"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert steps["both"]["kind"] == "block"
    assert [wait["path"] for wait in steps["both"]["waits_for"]] == ["begin"]
    assert [wait["path"] for wait in steps["count"]["waits_for"]] == ["both"], (
        "folds of reducers are not the reader's concern"
    )


def test_draw_as_json_and_by_suffix(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert main(["draw", "p.py", "--output", "p.json"]) == 0
    assert [step["path"] for step in json.loads((here / "p.json").read_text())["steps"]] == [
        "extract",
        "analyses/mood",
        "analyses/topics",
        "report",
    ]
    assert not capsys.readouterr().out
    assert main(["draw", "p.py", "--output", "p.png"]) == 2
    assert "'.png'" in capsys.readouterr().err
    assert main(["draw", "p.py", "-f", "json", "--output", "nowhere/p"]) == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", "<svg"), (".mmd", "flowchart"), (".md", "```mermaid\nflowchart"), (".txt", "")],
)
def test_drawings(suffix: str, start: str, here: Path) -> None:
    pytest.importorskip("plait.core.draw")
    assert main(["draw", "p.py", "-o", f"p{suffix}"]) == 0
    text = (here / f"p{suffix}").read_text(encoding="utf-8")
    assert text.startswith(start)
    assert "mood" in text
    assert text.endswith("\n")


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "e202"]) == 0
    assert "# E202" in capsys.readouterr().out
    assert main(["rule", "E202", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["code"] == "E202"
    assert main(["rule", "E999"]) == 2
    assert "'E999'" in capsys.readouterr().err


def test_all_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from plait.core.check import RULES

    assert main(["rule"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RULES)
    assert main(["rule", "--json"]) == 0
    assert [rule["code"] for rule in json.loads(capsys.readouterr().out)] == list(RULES)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"plait {__version__}\n"
    assert main(["version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plait"] == __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_begins_with_its_line_in_the_list(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert COMMANDS[name] in text
    assert "\\b" not in text


def test_a_command_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc"]) == 2
    assert "did you mean 'check'" in capsys.readouterr().err
    assert main(["check"]) == 2
    assert "TARGET" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([])
    captured = capsys.readouterr()
    assert "Commands:" in captured.out + captured.err
    assert code in (0, 2), "click 8.2 made it an error of usage"


def test_the_reference_page_is_current() -> None:
    from plait.cli.reference import reference

    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "python -m plait.cli.reference > docs/reference/cli.md"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_lines_break_between_words_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((60, 24)))
    text = f"pipeline: 1 error\nE202: {'both write it ' * 8}\n      give them keys of their own, {'such as ' * 8}x"
    shown = fitted(text, Terminal(), 6).splitlines()
    assert all(len(line) <= 60 for line in shown)
    assert " ".join(" ".join(shown).split()) == " ".join(text.split())
    assert shown[0] == "pipeline: 1 error"
    assert shown[2].startswith(" " * 6)
    assert shown[2][6] != " "
    assert shown[-1].startswith(" " * 8)
    assert fitted(text, io.StringIO(), 6) == text
