"""The rule about orders that no data asks for: W205."""

from __future__ import annotations

import pytest

from plait.core.flow import dataflow, parallel
from plait.core.kinds import bundle, log
from plait.core.step import step


def extract(document): ...
def sentiment(text): ...
def find_topics(text): ...
def entities(text): ...
def language(text): ...
def report(mood, topics, names, tongue): ...
def summarize(topics): ...
def after(mood): ...
def anything(**state): ...


EXTRACT = step(extract, ["document"], "text")
MOOD = step(sentiment, ["text"], "mood")
TOPICS = step(find_topics, ["text"], "topics")
NAMES = step(entities, ["text"], "names")
TONGUE = step(language, ["text"], "tongue")
REPORT = step(report, None, "report")
SUMMARY = step(summarize, ["topics"], "summary")
DURATIONS = {
    "extract": 0.5,
    "sentiment": 1.0,
    "find_topics": 1.5,
    "entities": 2.0,
    "language": 0.5,
    "report": 1.0,
}


def test_the_analyses_of_a_document_need_no_order(found):
    [one] = found([EXTRACT, MOOD, TOPICS, NAMES, TONGUE, REPORT], durations=DURATIONS)
    assert str(one) == (
        "W205: 'sentiment', 'find_topics', 'entities' and 'language' run one after another, though none needs another's result\n"
        "      run them side by side:  parallel([sentiment, find_topics, entities, language]) (saves 3.0 s of 6.5 s)"
    )
    assert one.paths == ("sentiment", "find_topics", "entities", "language")


def test_without_durations_no_saving_is_promised(found):
    [one] = found([EXTRACT, MOOD, TOPICS])
    assert one.hint == "run them side by side:  parallel([sentiment, find_topics])"


def test_where_some_need_each_other_the_order_is_left_to_plait(found):
    [one] = found(
        [MOOD, TOPICS, SUMMARY, NAMES],
        durations={"sentiment": 2.0, "find_topics": 1.0, "summarize": 1.0, "entities": 0.001},
    )
    assert str(one) == (
        "W205: 'sentiment', 'find_topics', 'summarize' and 'entities' run one after another, though not all of them need what is listed before\n"
        '      let Plait derive the order:  Pipeline([...], order="dataflow") (saves 2.0 s of 4.0 s)'
    )
    [one] = found([EXTRACT, MOOD, TOPICS, SUMMARY])
    assert one.hint == "let Plait derive the order:  dataflow([sentiment, find_topics, summarize])"


def test_each_stretch_of_a_list_is_one_hint(found):
    meet = step(lambda mood, topics: 0, ["mood", "topics"], "text", name="meet")
    diagnostics = found([EXTRACT, MOOD, TOPICS, meet, NAMES, TONGUE])
    assert [d.paths for d in diagnostics] == [("sentiment", "find_topics"), ("entities", "language")]


def test_branches_and_embedded_pipelines_are_lists_too(found, pipeline):
    assert [d.paths for d in found([parallel([[MOOD, TOPICS], NAMES])])] == [("sentiment", "find_topics")]
    assert [d.paths for d in found([pipeline([MOOD, TOPICS], name="inner")])] == [
        ("inner/sentiment", "inner/find_topics")
    ]


def test_a_block_can_stand_beside_a_step(found):
    [one] = found([parallel([MOOD, TOPICS]), NAMES])
    assert (
        one.message
        == "parallel([sentiment, find_topics]) and 'entities' run one after another, though none needs another's result"
    )


@pytest.mark.parametrize(
    "steps",
    [
        [EXTRACT, MOOD],
        [TOPICS, SUMMARY],
        [EXTRACT, TOPICS, SUMMARY],
        [EXTRACT, parallel([MOOD, TOPICS, NAMES, TONGUE]), REPORT],
        [MOOD, step(find_topics, ["text"], "topics", effect=True)],
        [step(sentiment, ["text"], "mood", effect=True), TOPICS],
        [MOOD, log("between"), TOPICS],
        [MOOD, step(anything, None, "report")],
        [MOOD, bundle(["text"], "both")],
        [dataflow([MOOD, TOPICS])],
        [dataflow([[MOOD, TOPICS], NAMES])],
        [MOOD, step(find_topics, ["text"], "text")],  # it overwrites what the other reads
        [
            step(sentiment, ["text"], "mood", exclusive="gpu"),
            step(find_topics, ["text"], "topics", exclusive="gpu"),
        ],
    ],
)
def test_orders_that_are_needed_or_meant(found, steps):
    assert found(steps, code="W205") == []


def test_an_order_in_dataflow_is_not_listed(found):
    assert found([MOOD, TOPICS], order="dataflow") == []


def test_a_cap_of_one_leaves_nothing_to_gain(found):
    assert found([MOOD, TOPICS], max_concurrency=1) == []
    assert len(found([MOOD, TOPICS], max_concurrency=2)) == 1


def test_a_saving_that_is_known_to_be_nothing_is_not_worth_a_word(found):
    assert found([MOOD, TOPICS], durations={"sentiment": 1.0, "find_topics": 0.0001}) == []
    assert len(found([MOOD, TOPICS], durations={"sentiment": 1.0})) == 1


def test_a_step_with_an_error_in_what_it_reads_has_no_order_yet(found):
    assert [d.code for d in found([TOPICS, step(summarize, {"topics": "topcis"}, "summary")])] == ["E101"]


def test_data_that_goes_through_a_third_step_is_data(found):
    assert found([TOPICS, SUMMARY, step(lambda summary: 0, ["summary"], "title", name="title")]) == []


def test_a_long_list_is_shortened(found):
    many = [step(sentiment, ["text"], f"mood_{i}", name=f"s{i}") for i in range(40)]
    [one] = found(many)
    assert (
        one.message
        == "'s0', 's1', 's2', 's3', … and 's39' run one after another, though none needs another's result"
    )
    assert one.hint == "run them side by side:  parallel([s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, …, s39])"
    assert len(one.paths) == 40
