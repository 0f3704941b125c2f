"""The page of all functions that make steps: it is made of the docstrings, and the examples in these run."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import plait
from plait import Pipeline, Step, step
from plait.core import handlers
from plait.core import step as steps
from plait.core.control import Composed

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="this is no checkout")


@pytest.fixture(scope="module")
def page(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("docs/reference/steps.py")


def test_the_page_is_what_the_docstrings_say(page: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main([]) == 0, capsys.readouterr().out


def test_every_function_that_makes_a_step_is_on_it(page: ModuleType) -> None:
    makes = [
        name
        for name in plait.__all__
        if name.islower()
        and re.search(
            r"\b(Step|Choice|Loop|MapReduce|Goto|Try|Parallel|Dataflow|Subgraph)\b",
            str(getattr(getattr(plait, name), "__annotations__", {}).get("return", "")),
        )
    ]
    assert sorted({*makes, "step"} - {"current_step"}) == sorted(
        name for names, _ in page.GROUPS.values() for name in names
    )


def test_an_argument_without_a_line_is_found(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def pause(name: str, reason: str) -> None:
        """Stop here.

        Args:
            name: the step's name.
        """

    monkeypatch.setattr(plait, "pause", pause)
    with pytest.raises(LookupError, match=r"'reason'"):
        page.entry("pause")


def test_a_docstring_is_taken_apart_as_it_is_laid_out(page: ModuleType) -> None:
    found = page.take_apart(
        """Do ``this``: first.

        Then
        that.

        Args:
            one: a
                long line.
            other: short.

        Raises:
            ValueError: never.

        >>> 1
        1
        """
    )
    assert found == (
        "Do `this`: first.",
        ["Then that."],
        {"one": "a long line.", "other": "short."},
        ">>> 1\n1",
    )


# The examples

TEXT = {"text": "strands"}


def says(word: str, output: str | None = None, key: str = "text", **options: Any) -> Step[..., Any]:
    """A step that reads a key, and says so."""
    return step(lambda value: f"{word} {value}", {"value": key}, output or word, name=word, **options)


def fails() -> str:
    raise ConnectionError


def words() -> dict[str, Any]:
    """What the names in the examples stand for."""
    return {
        **{name: getattr(plait, name) for name in plait.__all__},
        "translate": says("translate"),
        "summarize": says("summarize", key="translate"),
        "find_topics": says("find_topics"),
        "answer": says("answer"),
        "search": step(fails, output_state="search", name="search"),
        "read": says("read"),
        "ask_here": step(fails, output_state="answer", name="ask_here"),
        "ask_there": says("answer"),
        "draft": step(lambda text: f"{text}!", output_state="text", name="draft"),
        "review": step(lambda text: 5 + text.count("!"), output_state="score", name="review"),
        "route": lambda state: state["text"],
        "kind": lambda state: state["text"],
        "is_known": lambda state: True,
        "is_allowed": lambda state: state["text"] != "strands",
        "counting": Pipeline([step(len, {"obj": "text"}, "count", name="count")], name="counting"),
    }


SIDE_BY_SIDE = {
    "find_topics": "find_topics strands",
    "translate": "translate strands",
    "summarize": "summarize translate strands",
}
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "transform": ({"a": 1, "b": 2}, {"sum": 3}),
    "bundle": ({"title": "t", "topics": ["u"]}, {"summary_input": {"title": "t", "topics": ["u"]}}),
    "copy": (TEXT, {"original": "strands"}),
    "log": ({"pages": 3}, {}),
    "no_op": ({"text": "letter"}, {"answer": "answer letter"}),
    "parallel": (TEXT, SIDE_BY_SIDE),
    "race": (TEXT, {"answer": "answer strands"}),
    "dataflow": (TEXT, SIDE_BY_SIDE),
    "subgraph": ({"question": "why"}, {"asked": 3}),
    "if_else": (TEXT, {"answer": "answer strands"}),
    "switch": ({"text": "quick"}, {"answer": "answer quick"}),
    "toggle": ({"use_search": False}, {}),
    "guard": (TEXT, {}),
    "terminate": (TEXT, {}),
    "while_do": (TEXT, {"text": "strands!!!", "score": 8}),
    "goto": (TEXT, {"text": "strands!!!", "score": 8}),
    "map_reduce": ({"pages": ["a", "b"]}, {"summaries": ["a...", "b..."]}),
    "try_catch": (TEXT, {"answer": "answer strands"}),
    "interrupt": (TEXT, {"approved": True}),
    "pause": (TEXT, {}),
}
"""What the example of each function is given, and what it adds to that."""


def example_of(page: ModuleType, name: str) -> str:
    found = page.take_apart(getattr(plait, name).__doc__)
    return next(
        str(code) for text in (found.summary, *found.text) for code in re.findall(r"`(\w+\(.+?\))`", text)
    )


def test_every_function_but_step_shows_an_example(page: ModuleType) -> None:
    assert {*EXAMPLES, "step"} == {name for names, _ in page.GROUPS.values() for name in names}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_docstring_runs(page: ModuleType, name: str) -> None:
    code, known = example_of(page, name), words()
    if name == "map_reduce":
        known["summarize"] = lambda text: f"{text}..."
    flow = eval(code, known)
    assert isinstance(flow, (Step, Composed))
    around = [known["draft"], known["review"], flow] if name == "goto" else [flow]
    inputs, added = EXAMPLES[name]
    result = Pipeline(around).run(inputs)
    while result.pauses:
        result = result.resume(*[True for pause in result.pauses if pause.wants_answer])
    assert result.state == {**inputs, **added}


@pytest.mark.parametrize("module", [steps, handlers], ids=lambda module: module.__name__)
def test_the_examples_with_what_they_print_are_right(module: ModuleType) -> None:
    found = doctest.testmod(module, extraglobs={"step": step})
    assert found.attempted
    assert not found.failed
