"""The convention of ``ainvoke``, imitated: what Plait knows of it is how it looks, so these tests always run."""

from __future__ import annotations

import asyncio
import re
import types

import pytest

from plait import Pipeline, step
from plait.core.component import Component
from plait.testing.reference import run_reference


class Runs:
    def __init__(self, **attributes):
        self.given = []
        self.__dict__.update(attributes)

    async def ainvoke(self, given, config=None, **kwargs):
        await asyncio.sleep(0)
        self.given.append(given)
        return given


def test_one_input_is_the_value_itself_and_several_are_a_dict(state_of):
    runs = Runs()
    state_of([step(runs, {"anything": "text"}, "a"), step(runs, ["text", "a"], "b", name="b")], {"text": "t"})
    assert runs.given == ["t", {"text": "t", "a": "t"}]


@pytest.mark.parametrize(
    "runs",
    [
        Runs(input_variables=["question"]),
        Runs(first=Runs(input_variables=["question", "style"])),
        Runs(bound=Runs(first=Runs(input_variables=["question"]))),
        Runs(runnable=Runs(input_variables=["other"], optional_variables=["question"])),
        Runs(
            builder=types.SimpleNamespace(input_schema=type("In", (), {"__annotations__": {"question": str}}))
        ),
    ],
    ids=["template", "chain", "bound chain", "with fallbacks", "graph"],
)
def test_what_is_known_to_take_a_dict_gets_one_even_of_one_input(state_of, runs):
    runs.given.clear()
    state_of([step(runs, {"question": "q"}, "a")], {"q": "why"})
    assert runs.given == [{"question": "why"}]
    state_of([step(runs, {"input": "q"}, "a")], {"q": "why"})
    assert runs.given[1:] == ["why"]


def test_the_reference_follows_the_same_convention():
    runs = Runs(input_variables=["question"])
    steps = [
        step(runs, {"question": "q"}, "a"),
        step(runs, {"other": "q"}, "b", name="b"),
    ]
    found = run_reference(Pipeline(steps), {"q": "why"})
    assert found.state == {"q": "why", "a": {"question": "why"}, "b": "why"}


def test_a_runnable_without_an_input_map_gets_the_whole_state_as_a_dict(state_of):
    runs = Runs()
    state_of([step(runs, output_state="out")], {"a": 1, "b": 2})
    assert runs.given == [{"a": 1, "b": 2}]


def test_a_chain_that_leads_to_itself_is_taken_as_it_is(state_of):
    runs = Runs()
    runs.first = runs
    assert state_of([step(runs, {"question": "q"}, "a")], {"q": "why"})["a"] == "why"


class Field:
    def __init__(self, annotation, *, required=True):
        self.annotation, self.required = annotation, required

    def is_required(self):
        return self.required


class Tool(Runs):
    name = "word count"
    args = {"text": {"type": "string"}}  # noqa: RUF012  # what a model is told of it: not all

    class args_schema:
        model_fields = {"text": Field(str), "least": Field(int, required=False)}  # noqa: RUF012


class ToolOfJson(Tool):
    args = {"text": {"type": "string"}, "least": {"type": "integer", "default": 1}}  # noqa: RUF012
    args_schema = {"type": "object", "required": ["text"]}  # noqa: RUF012


class ToolOfOneText(Runs):
    """One without a schema: it takes one text, which it calls by a name of its own."""

    args_schema = None
    args = {"tool_input": {"type": "string"}}  # noqa: RUF012


def test_a_tool_without_a_schema_takes_all_that_it_names(state_of, problems):
    tool = ToolOfOneText()
    state_of([step(tool, {"tool_input": "text"}, "out")], {"text": "x"})
    assert tool.given == [{"tool_input": "x"}]
    assert "E103" in problems([step(ToolOfOneText(), {}, "out")])


@pytest.mark.parametrize("make", [Tool, ToolOfJson])
def test_a_tool_takes_its_arguments_by_name_and_always_as_a_dict(state_of, make, problems):
    tool = make()
    assert state_of([step(tool, {"text": "word"}, "out")], {"word": "x"})["out"] == {"text": "x"}
    assert state_of([step(tool, output_state="out")], {"text": "x", "least": 2, "more": 3})["out"] == {
        "text": "x",
        "least": 2,
    }
    found = Component(tool)
    assert found.name == "word_count"
    assert [(p.name, p.required) for p in found.params] == [("text", True), ("least", False)]
    assert re.search(r"E102.*'txt'.*did you mean 'text'", problems([step(tool, {"txt": "word"}, "out")]))
    assert "E103" in problems([step(tool, {"least": "word"}, "out")])
