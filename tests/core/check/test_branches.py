"""Rules about what stands beside each other: E110, E202, E203."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

import pytest

from plait import Pipeline
from plait.core.flow import dataflow, parallel, subgraph
from plait.core.inputs import Optional
from plait.core.step import step


def sentiment(text): ...
def find_topics(text): ...
def summarize(topics): ...
def title(summary): ...
def careful(text): ...
def use(a, b): ...


TOPICS = step(find_topics, ["text"], "topics")
MOOD = step(sentiment, ["text"], "mood")
SUMMARY = step(summarize, ["topics"], "summary")
TITLE = step(title, ["summary"], "title")


class State(TypedDict, total=False):
    text: str
    mood: float
    topics: list[str]
    summary: str


class Request(TypedDict):
    text: str


# E202


def test_two_branches_write_one_key(found):
    [one] = found([parallel([MOOD, step(careful, ["text"], "mood")], name="analyses")])
    assert str(one) == (
        "E202: 'analyses/sentiment' and 'analyses/careful' both write 'mood' at the same time (in parallel 'analyses')\n"
        "      give them keys of their own, such as 'sentiment_mood' and 'careful_mood', or declare how 'mood' merges:"
        "  mood: Annotated[list[...], operator.add]"
    )
    assert (one.paths, one.key) == (("analyses/sentiment", "analyses/careful"), "mood")


def test_three_writers_are_one_conflict(found):
    [one] = found([parallel([MOOD, step(careful, ["text"], "mood"), step(find_topics, ["text"], "mood")])])
    assert (
        one.message
        == "'sentiment', 'careful' and 'find_topics' all write 'mood' at the same time (in one parallel block)"
    )


def test_writers_deep_in_branches_conflict(found, pipeline):
    inner = pipeline([step(careful, ["text"], "mood")], name="inner")
    [one] = found([parallel({"left": [TOPICS, MOOD], "right": inner})], code="E")
    assert one.paths == ("left/sentiment", "right/inner/careful")


class Merged(TypedDict, total=False):
    text: str
    mood: Annotated[list[float], operator.add]


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ([parallel([MOOD, step(careful, ["text"], "careful_mood")])], {}),
        ([parallel([MOOD, step(careful, ["text"], "mood")])], {"state_type": Merged}),
        ([parallel([MOOD, step(careful, ["text"], "mood")], need=1)], {}),
        (
            [
                dataflow(
                    [MOOD, step(use, {"a": "mood", "b": "mood"}, "used"), step(careful, ["text"], "mood")]
                )
            ],
            {},
        ),
        ([parallel([[MOOD, step(use, {"a": "mood", "b": "mood"}, "mood")], TOPICS])], {}),
    ],
)
def test_writers_that_do_not_conflict(found, steps, options):
    assert found(steps, **options) == []


# E203


def test_a_branch_reads_what_a_sibling_writes(found):
    [one] = found([parallel([MOOD, TOPICS, SUMMARY], name="analyses")])
    assert str(one) == (
        "E203: 'analyses/summarize' reads 'topics' while 'analyses/find_topics' writes it (both in parallel 'analyses')\n"
        "      move 'summarize' after the block:  parallel([sentiment, find_topics], name='analyses') | summarize"
    )
    assert (one.paths, one.key) == (("analyses/summarize", "analyses/find_topics"), "topics")


@pytest.mark.parametrize(
    ("block", "corrected"),
    [
        (parallel([TOPICS, SUMMARY]), "move 'summarize' after the block:  find_topics | summarize"),
        (
            parallel([MOOD, TOPICS, [SUMMARY, TITLE]]),
            "move 'summarize' and what follows it after the block:  parallel([sentiment, find_topics]) | summarize | title",
        ),
        (
            parallel([[MOOD, SUMMARY], TOPICS]),
            "move 'summarize' after the block:  parallel([sentiment, find_topics]) | summarize",
        ),
        (
            parallel({"a": MOOD, "b": TOPICS, "c": SUMMARY}),
            "move 'c' after the block:  parallel({'a': a, 'b': b}) | c",
        ),
        (
            parallel([TOPICS, SUMMARY, TITLE]),
            "move 'summarize' and 'title' after the block:  find_topics | summarize | title",
        ),
        (
            parallel([MOOD, TOPICS, SUMMARY, step(use, {"a": "topics", "b": "mood"}, "used")]),
            "move 'summarize' and 'use' after the block:  parallel([sentiment, find_topics]) | parallel([summarize, use])",
        ),
    ],
)
def test_the_corrected_pipeline(found, block, corrected):
    diagnostics = found([block], code="E")
    assert {d.code for d in diagnostics} == {"E203"}
    assert {d.hint for d in diagnostics} == {corrected}


def test_two_branches_that_need_each_other_cannot_be_moved(found):
    hen, egg = (
        step(lambda egg: 0, ["egg"], "hen", name="lay"),
        step(lambda hen: 0, ["hen"], "egg", name="hatch"),
    )
    diagnostics = found([parallel([hen, egg])])
    assert [d.code for d in diagnostics] == ["E203", "E203"]
    assert {d.hint for d in diagnostics} == {
        "they need each other's results: put 'lay' and 'hatch' into one list, in the order that is meant, or let one of them read another key"
    }


def test_one_cause_is_told_once_however_the_keys_are_declared(found):
    block = parallel([MOOD, TOPICS, SUMMARY])
    for options in (
        {},
        {"state_type": State},
        {"input_type": Request},
        {"state_type": State, "input_type": Request},
    ):
        assert [d.code for d in found([block], **options)] == ["E203"], options


def test_an_older_value_is_no_excuse(found):
    [one] = found([TOPICS, parallel([step(careful, ["text"], "topics"), SUMMARY])])
    assert str(one) == (
        "E203: 'summarize' reads 'topics' while 'careful' writes it (both in one parallel block); it would get the value from before the block\n"
        "      move 'summarize' after the block:  careful | summarize\n"
        "      or, if the older value is meant, let 'careful' write another key"
    )


def test_a_reader_in_an_embedded_pipeline(found, pipeline):
    inner = pipeline([step(summarize, {"topics": "found"}, "summary")], name="inner")
    [one] = found([parallel([MOOD, TOPICS, subgraph(inner, {"found": "topics"})])])
    assert (
        one.message
        == "'inner/summarize' reads 'topics' while 'find_topics' writes it (both in one parallel block)"
    )
    assert one.hint == "move 'inner' after the block:  parallel([sentiment, find_topics]) | inner"


def test_equal_names_in_an_embedded_pipeline_are_other_keys(found, pipeline):
    # Inside, 'found' is what is called 'topics' outside; that a sibling inside writes a 'topics' of its own is no matter.
    inner = pipeline(
        [parallel([step(summarize, {"topics": "found"}, "summary"), step(careful, ["text"], "topics")])],
        name="inner",
    )
    assert found([TOPICS, subgraph(inner, {"found": "topics", "text": "text"}, {"summary": "summary"})]) == []


@pytest.mark.parametrize(
    "steps",
    [
        [parallel([MOOD, TOPICS]), SUMMARY],
        [parallel([MOOD, [TOPICS, SUMMARY]])],
        [TOPICS, parallel([MOOD, SUMMARY])],
        [dataflow([MOOD, TOPICS, SUMMARY])],
        [parallel([dataflow([TOPICS, SUMMARY]), MOOD])],
    ],
)
def test_branches_that_keep_to_themselves(found, steps):
    assert found(steps) == []


def test_a_branch_may_read_a_merged_key_while_a_sibling_adds_to_it(found):
    class Both(Merged, total=False):
        other: float

    assert (
        found([parallel([MOOD, step(careful, {"text": Optional("mood")}, "other")])], state_type=Both) == []
    )


def test_a_wider_block_is_looked_at_too(found):
    [one] = found([parallel([parallel([MOOD, SUMMARY], name="inner"), TOPICS], name="outer")])
    assert (
        one.message
        == "'outer/inner/summarize' reads 'topics' while 'outer/find_topics' writes it (both in parallel 'outer')"
    )
    assert one.hint.startswith("move 'inner' after the block:")


# E110


def test_two_steps_with_one_name(found):
    [one] = found(
        [step(sentiment, ["text"], "a", name="look"), step(careful, ["text"], "b", name="look")], code="E"
    )
    assert (
        str(one)
        == "E110: two steps are named 'look'\n      give one of them another name:  step(..., name='…')"
    )
    [one] = found(
        [
            parallel(
                [step(sentiment, ["text"], "a", name="look"), step(careful, ["text"], "b", name="look")],
                name="both",
            )
        ]
    )
    assert one.message == "two steps in 'both' are named 'look'"


def test_names_that_do_not_clash(found):
    a, b = step(sentiment, ["text"], "a"), step(sentiment, ["text"], "b")
    assert found([parallel([a, b])]) == []  # the second is sentiment:b
    assert (
        found(
            [
                parallel(
                    {
                        "left": [a, step(careful, {"text": "a"}, "c")],
                        "right": [b, step(careful, {"text": "b"}, "d")],
                    }
                )
            ]
        )
        == []
    )


def test_two_branches_with_one_name(found):
    block = {"left": [step(sentiment, ["text"], "a"), step(careful, ["text"], "b")]}
    other = {"left": [step(sentiment, ["text"], "c"), step(careful, ["text"], "d")]}
    [one] = found([parallel(block), parallel(other)], code="E")
    assert (
        str(one)
        == "E110: two branches are named 'left'\n      name the blocks that they are in:  parallel({...}, name='…')"
    )


def test_the_keys_that_are_suggested_are_keys_also_where_a_name_has_a_colon():
    def topics(text: str) -> list[str]:
        return [text]

    block = parallel(
        [step(topics, ["text"], "b"), [step(topics, ["text"], "a"), step(topics, ["text"], "b")]]
    )
    hints = [finding.hint for finding in Pipeline([block]).check() if finding.code == "E202"]
    assert len(hints) == 1
    assert "_b'" in hints[0]
    assert ":" not in hints[0].partition(", or declare")[0]
