"""The plan in sentences."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest

from plait.core.flow import Definition, as_parts, dataflow, parallel, subgraph
from plait.core.inputs import Config, Optional, Val
from plait.core.plan.bind import bind
from plait.core.plan.explain import explain
from plait.core.policy import Retry
from plait.core.schema import read_schema
from plait.core.step import step
from plait.errors import DefinitionError


def extract(document: str) -> str: ...
def sentiment(text: str) -> float: ...
def find_topics(text: str, tone: str = "plain") -> list[str]: ...
def report(mood: float, topics: list[str]) -> str: ...
def save(report: str) -> None: ...
def anything(**state: Any) -> str: ...


EXTRACT = step(extract, ["document"], "text")
MOOD = step(sentiment, ["text"], "mood")
TOPICS = step(find_topics, ["text"], "topics")
REPORT = step(report, ["mood", "topics"], "report")
SAVE = step(save, ["report"])


class Plain:
    def __init__(self, steps, order="listed", state_type=None, max_concurrency=None):
        self.__plait_definition__ = Definition(
            as_parts(steps, "Pipeline"),
            order=order,
            schema=read_schema(state_type),
            schema_in=read_schema(None),
            name="inner",
            max_concurrency=max_concurrency,
        )


def said(steps, name, **options):
    return explain(bind(Plain(steps, **options).__plait_definition__), name).splitlines()


def test_a_step_after_a_block_waits_for_what_it_reads():
    assert said([EXTRACT, parallel([MOOD, TOPICS], name="analyses"), REPORT], "report") == [
        "report waits for analyses/sentiment: reads 'mood'",
        "report waits for analyses/find_topics: reads 'topics'",
        "report reads 'mood' from analyses/sentiment",
        "report reads 'topics' from analyses/find_topics",
        "report writes 'report', which is in the final state",
    ]


def test_the_first_step_waits_for_nothing():
    assert said([EXTRACT, MOOD], "extract") == [
        "extract waits for nothing: it starts at once",
        "extract reads 'document' from the input 'document'",
        "extract writes 'text', which sentiment reads and is in the final state",
    ]


def test_an_order_that_no_data_needs_is_said_to_be_one():
    assert said([EXTRACT, MOOD, TOPICS], "find_topics")[:2] == [
        "find_topics waits for sentiment: declared order; no data needed: W205",
        "find_topics reads 'text' from extract",
    ]


def test_a_promised_barrier_is_no_artificial_order():
    used = step(sentiment, {"text": "mood"}, "used", name="use")
    assert said([EXTRACT, parallel([MOOD, TOPICS]), used], "use")[:2] == [
        "use waits for sentiment: reads 'mood'",
        "use waits for find_topics: declared order; no data needed",
    ]


def test_effects_say_why_they_wait():
    assert (
        said([EXTRACT, MOOD, step(save, {"report": "text"})], "save")[0]
        == "save waits for sentiment: declared order; it is an effect"
    )
    assert (
        said([EXTRACT, step(save, {"report": "text"}), MOOD], "sentiment")[0]
        == "sentiment waits for save: declared order; save is an effect"
    )
    lines = said([EXTRACT, MOOD, step(save, {"report": "text"})], "save", order="dataflow")
    assert lines[:2] == [
        "save waits for extract: reads 'text'",
        "save waits for sentiment: an effect waits for all that is listed before it",
    ]
    assert lines[-2:] == [
        "save writes nothing: its result is discarded",
        "save is an effect: it starts only when everything listed before it has succeeded",
    ]


def test_dataflow_waits_for_data_only():
    assert (
        said([EXTRACT, MOOD, TOPICS, REPORT], "find_topics", order="dataflow")[0]
        == "find_topics waits for extract: reads 'text'"
    )


def test_every_way_to_give_an_argument():
    odd = step(report, {"mood": Val(0.5), "topics": Config("topics", ["none"])}, "report")
    assert said([odd], "report")[1:3] == [
        "report takes 'mood' as it is given: 0.5",
        "report takes 'topics' from the run's setting 'topics', or ['none']",
    ]
    lines = said(
        [EXTRACT, step(report, {"mood": Optional("mood", 0.0), "topics": "text"}, "report")], "report"
    )
    assert lines[1:3] == [
        "report reads 'mood' from the input 'mood'; 0.0 if it is missing",
        "report reads 'text' as 'topics' from extract",
    ]
    assert "find_topics reads 'tone' from the input 'tone'; left out if it is missing" in said(
        [step(find_topics, None, "topics")], "find_topics"
    )
    assert (
        said([EXTRACT, step(anything, None, "out")], "anything")[1]
        == "anything reads the whole state: 'document' and 'text'"
    )


def test_a_step_in_a_block_with_a_policy_waits_as_the_block_does():
    lines = said(
        [EXTRACT, parallel([MOOD, TOPICS], name="analyses", on_error="collect")], "analyses/sentiment"
    )
    assert lines[:2] == [
        "analyses/sentiment is inside analyses, which waits for extract: declared order",
        "analyses/sentiment reads 'text' from extract",
    ]


def test_a_value_out_of_a_block_names_the_step_that_made_it():
    lines = said(
        [
            parallel([MOOD, TOPICS], name="analyses", need=1),
            step(report, {"mood": Optional("mood"), "topics": Optional("topics")}, "report"),
        ],
        "report",
    )
    assert "report reads 'mood' from analyses/sentiment; None if it is missing" in lines


def test_a_value_out_of_an_embedded_pipeline_names_the_step_inside():
    lines = said(
        [subgraph(Plain([MOOD]), ["text"], {"feeling": "mood"}), step(save, {"report": "feeling"})], "save"
    )
    assert lines[0] == "save waits for inner/sentiment: reads 'feeling'"
    assert lines[1] == "save reads 'feeling' as 'report' from inner/sentiment"


def test_a_merged_value_names_all_who_add_to_it():
    class State(TypedDict, total=False):
        text: str
        topics: Annotated[list[str], operator.add]

    more = step(find_topics, ["text"], "topics", name="more")
    lines = said([parallel([TOPICS, more]), step(save, {"report": "topics"})], "save", state_type=State)
    assert (
        lines[0]
        == "save waits for find_topics and more (what they write to 'topics' is merged): reads 'topics'"
    )
    assert lines[1] == "save reads 'topics' as 'report' from find_topics and more"


def test_what_a_step_holds():
    one = step(
        sentiment,
        ["text"],
        "mood",
        resources={"gpu": 2},
        exclusive="model",
        timeout=3,
        retry=Retry(attempts=4),
    )
    assert said([parallel([one], name="block", max_concurrency=3)], "sentiment")[-5:] == [
        "block/sentiment holds 2 of 'gpu' while it runs",
        "block/sentiment runs one at a time in the process, shared by the steps exclusive='model'",
        "block/sentiment is one of at most 3 running in block (max_concurrency)",
        "block/sentiment may take 3 s per attempt",
        "block/sentiment is tried up to 4 times",
    ]


def test_a_block_is_explained_step_by_step():
    lines = said([EXTRACT, dataflow([MOOD, TOPICS], name="analyses")], "analyses")
    assert [line for line in lines if "waits" in line] == [
        "analyses/sentiment waits for extract: reads 'text'",
        "analyses/find_topics waits for extract: reads 'text'",
    ]


def test_names_that_do_not_point_at_one_step():
    steps = [
        parallel(
            {
                "left": [EXTRACT, MOOD],
                "right": [step(find_topics, ["text"], "topics"), step(sentiment, {"text": "topics"}, "x")],
            }
        )
    ]
    with pytest.raises(DefinitionError, match=r"^there is no step 'sentimen'; did you mean 'sentiment'\?$"):
        said(steps, "sentimen")
    with pytest.raises(
        DefinitionError,
        match=r"^'sentiment' is the name of 'left/sentiment' and 'right/sentiment'; give the path$",
    ):
        said(steps, "sentiment")
    with pytest.raises(DefinitionError, match=r"^there is no step 'xyz'; the steps are 'left/extract', "):
        said(steps, "xyz")
    with pytest.raises(DefinitionError, match=r"^there is no step ''"):
        said(steps, "")
