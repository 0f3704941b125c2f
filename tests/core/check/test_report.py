"""Checking as a whole: order, text, refusal, and what is loaded when."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import plait.core.check as package
from plait.core.check import RULES, Diagnostic, explain_rule, raise_for, report
from plait.core.flow import parallel
from plait.core.step import step
from plait.errors import DefinitionError, InvalidPipeline


def sentiment(text: str) -> float: ...
def find_topics(text: str) -> list[str]: ...
def summarize(topics: list[str]) -> str: ...
def save(report: str) -> int: ...


WRONG = [
    parallel(
        [
            step(sentiment, {"txt": "text"}, "mood"),
            step(find_topics, ["text"], "topics"),
            step(summarize, ["topics"], "summary"),
        ],
        name="analyses",
    ),
    step(save, {"report": "summary"}),
]


def test_all_diagnostics_come_together_by_listed_position(found):
    assert [(d.code, d.paths[0]) for d in found(WRONG)] == [
        ("E102", "analyses/sentiment"),
        ("E203", "analyses/summarize"),
        ("W207", "save"),
    ]
    assert found(WRONG) == found(WRONG)


def test_the_report_fits_one_screen_and_names_the_cure(found):
    assert report(found(WRONG), "analysis") == (
        "pipeline 'analysis': 2 errors and 1 hint\n"
        "E102: the input map of 'analyses/sentiment' gives 'txt', which 'sentiment' does not take; did you mean 'text'?\n"
        "      it takes 'text'\n"
        "E203: 'analyses/summarize' reads 'topics' while 'analyses/find_topics' writes it (both in parallel 'analyses')\n"
        "      move 'summarize' after the block:  parallel([sentiment, find_topics], name='analyses') | summarize\n"
        "W207: 'save' returns int but has no output_state; add output_state='save'\n"
        "explained by:  plait rule E102"
    )
    assert report([], None) == "pipeline: no findings"


def test_one_correction_for_several_diagnostics_is_printed_once():
    first = Diagnostic("E203", ("a",), "one", "do this")
    assert report([first, first._replace(paths=("b",), message="two")], None).count("do this") == 1


def test_a_long_report_keeps_the_errors_and_counts_the_rest():
    hints = [Diagnostic("W205", (f"s{i}",), f"hint {i}") for i in range(30)]
    text = report([*hints, Diagnostic("E101", ("last",), "the error")], None)
    assert "the error" in text
    assert "and 19 more" in text
    assert len(text.splitlines()) < 24


def test_errors_refuse_and_hints_do_not(found):
    hint, error = Diagnostic("W205", ("a",), "hint"), Diagnostic("E101", ("a",), "error")
    raise_for([], "p")
    raise_for([hint], "p")
    with pytest.raises(InvalidPipeline, match=r"pipeline 'p': 1 error and 1 hint") as caught:
        raise_for([hint, error], "p")
    assert caught.value.diagnostics == (hint, error)
    assert isinstance(caught.value, ValueError)


def test_a_diagnostic_is_data():
    one = Diagnostic("E101", ("a", "b"), "wrong", "right", "key")
    assert one.is_error
    assert one.to_dict() == {
        "code": "E101",
        "paths": ["a", "b"],
        "message": "wrong",
        "hint": "right",
        "key": "key",
    }


def test_every_rule_has_a_file_and_a_page_and_every_file_a_rule():
    folder = Path(package.__file__).parent
    modules = {p.stem for p in folder.glob("*.py")} - {"__init__", "diagnostic", "facts", "rule"}
    assert {rule.name.replace(" ", "_") for rule in RULES.values()} == modules
    for code, rule in RULES.items():
        assert rule.code == code
        assert re.match(rf"# {code}: ", rule.page)
        assert [line for line in rule.page.splitlines() if line.startswith("## ")] == [
            "## What it does",
            "## Why is this bad?",
            "## Example",
            "## Use instead",
        ]


def test_a_page_by_code():
    assert explain_rule(" e202 ") == RULES["E202"].page
    with pytest.raises(DefinitionError, match=r"^there is no rule 'E20'; did you mean 'E20\d'\?$"):
        explain_rule("E20")
    with pytest.raises(DefinitionError, match=r"^there is no rule 'nonsense'; the rules are E101, E102, "):
        explain_rule("nonsense")


def test_rules_are_loaded_when_a_pipeline_is_checked_and_not_before():
    program = (
        "import sys, plait, plait.core.check\n"
        "loaded = [m for m in sys.modules if m.startswith('plait.core.check.') and not m.endswith('.diagnostic')]\n"
        "assert not loaded, loaded\n"
        "assert len(plait.core.check.RULES) > 10 and not [m for m in sys.modules if m.startswith('plait.core.check.w')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
