"""Rules about which keys there are: E101, E104, W204, W206."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest

from plait.core.check.unknown_key import distance, nearly_equal
from plait.core.flow import dataflow, parallel, subgraph
from plait.core.inputs import Optional, Val
from plait.core.kinds import log
from plait.core.step import step


class State(TypedDict, total=False):
    text: str
    topics: list[str]
    report: str


class Request(TypedDict):
    text: str


def extract(document): ...
def find_topics(text): ...
def sentiment(text): ...
def write_report(topics): ...
def refine(draft): ...


def texts(diagnostics):
    return [str(d) for d in diagnostics]


# E101


def test_a_misspelt_key_is_no_field_of_the_state_type(found):
    [one] = found(
        [step(find_topics, ["text"], "topics"), step(write_report, {"topics": "topcis"}, "report")],
        state_type=State,
    )
    assert str(one) == (
        "E101: 'write_report' reads 'topcis', which is not a field of State; did you mean 'topics'?\n"
        "      correct the name, or add the field:  topcis: ..."
    )
    assert (one.paths, one.key) == (("write_report",), "topcis")


def test_a_written_key_must_be_a_field_too_and_its_readers_are_not_told_again(found):
    steps = [step(find_topics, ["text"], "topcs"), step(write_report, {"topics": "topcs"}, "report")]
    assert texts(found(steps, state_type=State)) == [
        "E101: 'find_topics' writes 'topcs', which is not a field of State; did you mean 'topics'?\n      correct the name, or add the field:  topcs: ..."
    ]


def test_every_reader_of_one_unknown_key_is_in_one_diagnostic(found):
    steps = [step(sentiment, {"text": "txt"}, "report"), step(find_topics, {"text": "txt"}, "topics")]
    [one] = found(steps, state_type=State, code="E")
    assert (
        one.message
        == "'sentiment' and 'find_topics' read 'txt', which is not a field of State; did you mean 'text'?"
    )
    assert one.paths == ("sentiment", "find_topics")


def test_an_input_that_is_named_nearly_like_a_written_key_is_a_misspelling(found):
    [one] = found([step(find_topics, ["text"], "topics"), step(write_report, {"topics": "topcis"}, "report")])
    assert str(one) == (
        "E101: 'write_report' reads 'topcis', which nothing writes; did you mean 'topics', which 'find_topics' writes?\n"
        "      if 'topcis' is an input of its own, declare it: input_type with a field 'topcis'"
    )
    assert one.paths == ("write_report", "find_topics")


def test_a_declared_input_may_be_named_nearly_like_a_written_key(found):
    class Given(TypedDict):
        text: str
        topcis: list[str]

    steps = [step(find_topics, ["text"], "topics"), step(write_report, {"topics": "topcis"}, "report")]
    assert found(steps, input_type=Given, code="E") == []


def test_an_optional_read_is_no_required_input(found):
    steps = [
        step(find_topics, ["text"], "topics"),
        step(write_report, {"topics": Optional("topcis")}, "report"),
    ]
    assert found(steps, code="E") == []


def test_a_misspelling_inside_an_embedded_pipeline_is_found(found, pipeline):
    inner = pipeline(
        [step(find_topics, ["text"], "topics"), step(write_report, {"topics": "topcis"}, "report")],
        name="inner",
    )
    [one] = found([inner], code="E")
    assert (
        one.message
        == "'inner/write_report' reads 'topcis', which nothing writes; did you mean 'topics', which 'inner/find_topics' writes?"
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("topics", "topcis", True),  # two letters swapped
        ("topics", "topic", True),
        ("topics", "tropics", True),
        ("topics", "topicz", True),
        ("topics", "tpoisc", False),  # two slips in six letters
        ("named_entities", "name_entites", True),  # two slips in fourteen
        ("named_entities", "names_entits", False),
        ("page1", "page2", False),
        ("text", "text2", False),
        ("ka", "kb", False),
        ("topics", "topics", False),
        ("text", "texts", True),
    ],
)
def test_what_counts_as_nearly_equal(one, other, expected):
    assert nearly_equal(one, other) is nearly_equal(other, one) is expected


def test_the_distance_of_names():
    assert [distance("topics", other) for other in ("topics", "topcis", "topic", "stopics", "report")] == [
        0,
        1,
        1,
        1,
        5,
    ]
    assert distance("", "abc") == 3


def test_an_embedded_pipeline_gives_only_what_it_writes(found, pipeline):
    inner = pipeline([step(find_topics, ["text"], "topics")], name="inner")
    [one] = found([subgraph(inner, ["text"], {"found": "topcis"})])
    assert (
        str(one)
        == "E101: 'inner' takes 'found' from 'topcis', a key that its pipeline never writes; did you mean 'topics'?\n      it writes 'topics'"
    )
    assert found([subgraph(inner, ["text"], {"found": "topics", "same": "text"})]) == []


def test_an_output_of_an_embedded_pipeline_must_be_a_field(found, pipeline):
    inner = pipeline([step(find_topics, ["text"], "topics")], name="inner")
    [one] = found([subgraph(inner, ["text"], {"topcs": "topics"})], state_type=State)
    assert one.message == "'inner' writes 'topcs', which is not a field of State; did you mean 'topics'?"


# E104


def test_a_key_of_a_collecting_block_may_be_missing(found):
    block = parallel(
        [step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "mood")],
        on_error="collect",
        name="analyses",
    )
    [one] = found([block, step(write_report, ["topics"], "report")])
    assert str(one) == (
        "E104: 'write_report' reads 'topics', which may be missing: 'analyses/find_topics' may fail in 'analyses' (on_error='collect')\n"
        "      give the parameter a default, or read it with a default:  Optional('topics', ...)"
    )


def test_a_key_of_a_branch_that_may_lose_may_be_missing(found):
    block = parallel(
        [step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "mood")], need=1, name="analyses"
    )
    [one] = found([block, step(write_report, ["topics"], "report")])
    assert (
        one.message
        == "'write_report' reads 'topics', which may be missing: 'analyses/find_topics' may be cancelled or fail in 'analyses' (need=1 of 2)"
    )


def with_default(topics=()): ...


@pytest.mark.parametrize(
    "reader",
    [
        step(write_report, {"topics": Optional("topics", [])}, "report"),
        step(with_default, ["topics"], "report"),
        log("{topics}"),
    ],
)
def test_a_default_is_enough_where_a_key_may_be_missing(found, reader):
    block = parallel(
        [step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "mood")], on_error="collect"
    )
    assert found([block, reader]) == []


def test_a_key_that_all_alternatives_write_is_there(found):
    block = parallel([step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "topics")], need=1)
    assert found([block, step(write_report, ["topics"], "report")]) == []


def test_a_key_that_is_no_input_is_not_there_before_it_is_written(found):
    steps = [step(write_report, ["topics"], "report"), step(find_topics, ["text"], "topics")]
    [one] = found(steps, state_type=State, input_type=Request)
    assert str(one) == (
        "E104: 'write_report' reads 'topics', which is not there yet: only 'find_topics' writes it, later, and Request (the input type) does not have it\n"
        "      list 'find_topics' first"
    )
    assert found(list(reversed(steps)), state_type=State, input_type=Request) == []


def test_a_field_that_nothing_gives_is_not_there(found):
    [one] = found([step(write_report, ["topics"], "report")], state_type=State, input_type=Request)
    assert (
        one.message
        == "'write_report' reads 'topics', which is not there yet: nothing writes it, and Request (the input type) does not have it"
    )


# W204


def test_a_key_read_before_the_step_that_writes_it(found):
    [one] = found(
        [
            step(sentiment, ["text"], "mood"),
            step(find_topics, ["text"], "topics"),
            step(extract, ["document"], "text"),
        ],
        code="W204",
    )
    assert str(one) == (
        "W204: 'sentiment' and 'find_topics' read 'text' before 'extract' writes it, so 'text' must be given as an input\n"
        "      list 'extract' first, or declare the input: input_type with a field 'text'"
    )


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ([step(extract, ["document"], "text"), step(sentiment, ["text"], "mood")], {}),
        ([step(refine, ["draft"], "draft")], {}),  # it rewrites what it reads
        ([step(refine, ["draft"], "draft"), step(sentiment, {"text": "draft"}, "mood")], {}),
        (
            [step(sentiment, ["text"], "mood"), step(extract, {"document": Val("x")}, "text")],
            {"input_type": Request},
        ),
        ([step(sentiment, {"text": Optional("text")}, "mood"), step(extract, ["document"], "text")], {}),
    ],
)
def test_a_key_that_is_meant_to_be_given_first(found, steps, options):
    assert found(steps, code="W204", **options) == []


def test_a_field_with_a_default_may_be_read_before_it_is_written(found):
    @dataclass
    class Draft:
        draft: str = ""
        mood: float = 0.0

    steps = [step(sentiment, {"text": "draft"}, "mood"), step(refine, {"draft": Val("x")}, "draft")]
    assert found(steps, state_type=Draft, code="W204") == []


def test_the_listed_order_counts_in_dataflow_too(found):
    assert (
        len(
            found(
                [dataflow([step(sentiment, ["text"], "mood"), step(extract, ["document"], "text")])],
                code="W204",
            )
        )
        == 1
    )


# W206


def test_a_value_that_is_overwritten_before_anybody_reads_it(found):
    [one] = found([step(sentiment, ["text"], "mood"), step(find_topics, ["text"], "mood", name="again")])
    assert (
        str(one)
        == "W206: 'again' overwrites 'mood' before anybody reads what 'sentiment' wrote\n      give one of them another key, or leave 'sentiment' out"
    )


def test_values_that_somebody_reads_or_that_stay(found, pipeline):
    first, again = step(sentiment, ["text"], "mood"), step(find_topics, ["text"], "mood", name="again")
    assert found([first, step(write_report, {"topics": "mood"}, "report"), again], code="W206") == []
    assert found([first, log("{mood}"), again], code="W206") == []
    assert found([parallel([first, again], need=1)], code="W206") == []
    assert (
        found([first, pipeline([step(write_report, {"topics": "mood"}, "report")]), again], code="W206") == []
    )
    assert (
        found(
            [first, parallel([step(write_report, {"topics": "mood"}, "report")], on_error="collect"), again],
            code="W206",
        )
        == []
    )


def test_a_delta_is_not_overwritten(found):
    class Counting(TypedDict, total=False):
        text: str
        mood: Annotated[list[str], lambda a, b: a + b]

    assert (
        found(
            [step(sentiment, ["text"], "mood"), step(find_topics, ["text"], "mood", name="again")],
            state_type=Counting,
        )
        == []
    )
