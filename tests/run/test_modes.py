"""Stream modes: the whole state, what each step wrote, what components emit, its text, or several of these at once."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, TypedDict

import pytest

from plait import (
    DefinitionError,
    Pipeline,
    Retry,
    StepContext,
    dataflow,
    events,
    log,
    parallel,
    step,
    subgraph,
)
from plait.testing.virtual import run_virtual


def streamed(pipeline, inputs=None, *, mode, **options):
    """The items of a run, and its result (None if it failed)."""

    async def main():
        seen = []
        async with pipeline.astream(inputs or {}, mode=mode, **options) as stream:
            try:
                async for item in stream:
                    seen.append(item)
            except OSError:
                assert stream.result is None
            return seen, stream.result

    return run_virtual(main())


def const(value, after=0.0):
    async def made(**_):
        await asyncio.sleep(after)
        return value

    return made


async def speaks(n: int, context: StepContext) -> str:
    for k in range(n):
        await context.emit(f"t{k}")
    await context.emit({"progress": 1.0})
    return "said"


def chain():
    return Pipeline(
        [step(speaks, output_state="text"), step(len, {"obj": "text"}, "length", executor="inline")]
    )


# The modes


def test_events_are_the_default():
    plain, _ = streamed(chain(), {"n": 1}, mode="events")
    with chain().stream({"n": 1}) as stream:
        default = list(stream)
    assert [type(e) for e in plain] == [type(e) for e in default]
    assert all(isinstance(e, events.Event) for e in plain)


def test_values_are_the_whole_state_after_each_change():
    seen, result = streamed(chain(), {"n": 1}, mode="values")
    assert seen == [{"n": 1}, {"n": 1, "text": "said"}, {"n": 1, "text": "said", "length": 4}]
    assert seen[-1] == result.state


def test_values_are_given_by_reference_in_a_dict_of_the_readers_own():
    made = [1]
    pipeline = Pipeline([step(const(made), {}, "x", name="a"), step(const(2), {}, "y", name="b")])

    async def main():
        seen = []
        async with pipeline.astream({}, mode="values") as stream:
            async for state in stream:
                seen.append(dict(state))
                assert state.get("x") in (None, made)
                assert "x" not in state or state["x"] is made
                state.clear()
            return seen, stream.result.state

    assert run_virtual(main()) == ([{}, {"x": made}, {"x": made, "y": 2}], {"x": made, "y": 2})


def test_updates_are_what_each_finished_step_wrote():
    pipeline = Pipeline(
        [
            step(const({"a": 1, "b": 2}), {}, ["a", "b"], name="two"),
            parallel(
                [step(const(3, after=2), {}, "c", name="slow"), step(const(4), {}, "d", name="quick")],
                name="block",
            ),
            step(const(None), {}, name="effect"),
        ]
    )
    seen, _ = streamed(pipeline, mode="updates")
    assert seen == [
        {"two": {"a": 1, "b": 2}},
        {"block/quick": {"d": 4}},
        {"block/slow": {"c": 3}},
        {"effect": {}},
    ]


def test_custom_is_what_components_emit():
    seen, _ = streamed(chain(), {"n": 2}, mode="custom")
    assert all(isinstance(e, events.Emitted) for e in seen)
    assert [(e.path, e.value) for e in seen] == [
        ("speaks", "t0"),
        ("speaks", "t1"),
        ("speaks", {"progress": 1.0}),
    ]


def test_tokens_are_the_text_of_it():
    class Response:
        type, value = "response", "an event's text"

    class Status:
        type, value = "status", "not an answer"

    class Picture:
        type, value = "response", b"png"

    async def others(context: StepContext):
        for value in (Response(), Status(), Picture(), b"bytes", 5, None, ""):
            await context.emit(value)

    seen, result = streamed(
        Pipeline([step(speaks, output_state="text"), step(others), log("end of {text}")]),
        {"n": 2},
        mode="tokens",
    )
    assert seen == ["t0", "t1", "an event's text", "", "end of said"]
    assert result.state["text"] == "said"


def test_several_modes_name_the_mode_of_each_item():
    seen, _ = streamed(chain(), {"n": 1}, mode=["values", "tokens", "updates"])
    assert seen == [
        ("values", {"n": 1}),
        ("tokens", "t0"),
        ("values", {"n": 1, "text": "said"}),
        ("updates", {"speaks": {"text": "said"}}),
        ("values", {"n": 1, "text": "said", "length": 4}),
        ("updates", {"len": {"length": 4}}),
    ]


def test_a_list_of_one_mode_names_it_too():
    seen, _ = streamed(chain(), {"n": 1}, mode=("tokens",))
    assert seen == [("tokens", "t0")]


def test_an_event_comes_before_what_its_step_wrote_and_the_last_event_is_the_last_item():
    seen, result = streamed(chain(), {"n": 0}, mode=["updates", "events"])
    kinds = [item if mode == "updates" else type(item).__name__ for mode, item in seen]
    assert kinds == [
        "RunStarted",
        "StepStarted",
        "Emitted",
        "StepFinished",
        {"speaks": {"text": "said"}},
        "StepStarted",
        "StepFinished",
        {"len": {"length": 4}},
        "RunFinished",
    ]
    assert result.state["length"] == 4


def test_from_plain_code_too():
    with chain().stream({"n": 3}, mode="tokens") as stream:
        assert list(stream) == ["t0", "t1", "t2"]
    assert stream.result.state["length"] == 4
    with chain().stream({"n": 0}, mode="values") as stream:
        assert [sorted(state) for state in stream] == [["n"], ["n", "text"], ["length", "n", "text"]]


def test_only_what_the_reader_sees_counts_against_the_capacity():
    """The events of many steps don't hold up a component that emits for a reader of tokens."""
    emitted = []

    async def many(context: StepContext):
        for n in range(6):
            await context.emit(n)
            emitted.append(n)

    async def main():
        async with Pipeline([step(many)]).astream({}, mode="tokens", capacity=1) as stream:
            await asyncio.sleep(1)
            assert emitted == [*range(6)]
            return [item async for item in stream]

    assert run_virtual(main()) == []


# What the state is


class Notes(TypedDict, total=False):
    notes: Annotated[list[str], operator.add]
    k: str


def test_a_key_with_a_reducer_changes_when_it_is_merged():
    pipeline = Pipeline(
        parallel(
            [step(const(["a"], after=2), {}, "notes", name="a"), step(const(["b"]), {}, "notes", name="b")]
        ),
        state_type=Notes,
    )
    seen, result = streamed(pipeline, {"notes": ["0"]}, mode=["values", "updates"])
    assert seen == [
        ("values", {"notes": ["0"]}),
        ("updates", {"b": {"notes": ["b"]}}),
        ("updates", {"a": {"notes": ["a"]}}),
        ("values", {"notes": ["0", "a", "b"]}),
    ]
    assert result.state == {"notes": ["0", "a", "b"]}


def test_in_data_flow_a_step_listed_later_counts_whenever_it_ends():
    pipeline = Pipeline(
        [step(const("first", after=5), {}, "k", name="one"), step(const("last"), {}, "k", name="two")],
        order="dataflow",
    )
    seen, result = streamed(pipeline, mode=["updates", "values"])
    assert seen == [
        ("values", {}),
        ("updates", {"two": {"k": "last"}}),
        ("values", {"k": "last"}),
        ("updates", {"one": {"k": "first"}}),
    ]
    assert result.state == {"k": "last"}


def test_an_embedded_pipeline_shows_what_it_hands_out_under_its_name_outside():
    child = Pipeline([step(const(1), {}, "private", name="p"), step(const(2), {}, "answer", name="q")])
    pipeline = Pipeline(
        [
            subgraph(child, {}, {"found": "answer"}, name="child"),
            step(lambda found: found + 1, output_state="more", executor="inline"),
        ]
    )
    seen, _ = streamed(pipeline, mode=["updates", "values"])
    assert seen == [
        ("values", {}),
        ("updates", {"child/p": {"private": 1}}),
        ("updates", {"child/q": {"answer": 2}}),
        ("values", {"found": 2}),
        ("updates", {"lambda": {"more": 3}}),
        ("values", {"found": 2, "more": 3}),
    ]


def test_so_does_one_with_a_policy_of_its_own():
    child = Pipeline([step(const(1), {}, "private", name="p"), step(const(2), {}, "answer", name="q")])
    pipeline = Pipeline(
        [
            subgraph(child, {}, {"found": "answer"}, name="child", retry=Retry(2)),
            step(const(3), {}, "more", name="more"),
        ]
    )
    seen, _ = streamed(pipeline, mode="values")
    assert seen == [{}, {"found": 2}, {"found": 2, "more": 3}]


def test_inputs_that_no_step_reads_are_part_of_the_state():
    seen, result = streamed(Pipeline([step(const(1), {}, "x", name="a")]), {"other": 0}, mode="values")
    assert seen == [{"other": 0}, {"other": 0, "x": 1}]
    assert result.state == seen[-1]


def test_the_last_state_is_that_of_the_result_whatever_a_failed_branch_had_written():
    async def fails():
        await asyncio.sleep(1)
        raise OSError("no")

    pipeline = Pipeline(
        [
            parallel(
                [
                    [step(const(1), {}, "lost", name="a"), step(fails, {}, "x")],
                    step(const(2), {}, "kept", name="b"),
                ],
                on_error="collect",
            ),
            step(const(3), {}, "end", name="c"),
        ]
    )
    seen, result = streamed(pipeline, {"i": 0}, mode="values")
    assert seen[-2] == {"i": 0, "lost": 1, "kept": 2, "end": 3}  # it was there, and then it was void
    assert seen[-1] == result.state == {"i": 0, "kept": 2, "end": 3}


# Attempts


def test_custom_takes_back_what_a_failed_attempt_emitted():
    async def work(context: StepContext):
        if context.attempt > 1:
            await context.emit(f"try {context.attempt}")
        if context.attempt < 3:
            raise OSError("again")

    seen, _ = streamed(Pipeline([step(work, retry=Retry(3, backoff=0))]), mode="custom")
    assert [(type(e).__name__, e.attempt) for e in seen] == [
        ("Emitted", 2),
        ("AttemptDiscarded", 2),  # and none for the first, which had said nothing
        ("Emitted", 3),
    ]


def test_tokens_of_a_failed_attempt_have_been_seen():
    async def work(context: StepContext):
        await context.emit(f"try {context.attempt}")
        if context.attempt == 1:
            raise OSError("again")

    seen, _ = streamed(Pipeline([step(work, retry=Retry(2, backoff=0))]), mode="tokens")
    assert seen == ["try 1", "try 2"]


def test_a_step_that_fails_writes_nothing():
    async def fails():
        raise OSError("no")

    pipeline = Pipeline([step(const(1), {}, "x", name="a"), step(fails, {}, "y")])
    seen, result = streamed(pipeline, mode=["updates", "values"])
    assert seen == [("values", {}), ("updates", {"a": {"x": 1}}), ("values", {"x": 1})]
    assert result is None


def test_a_block_that_is_tried_again_shows_its_steps_again():
    tries = []

    async def once():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("once")
        return 2

    pipeline = Pipeline(
        [dataflow([[step(const(1), {}, "x", name="a"), step(once, {}, "y")]], retry=Retry(2, backoff=0))]
    )
    seen, result = streamed(pipeline, mode="updates")
    assert seen == [{"a": {"x": 1}}, {"a": {"x": 1}}, {"once": {"y": 2}}]
    assert result.state == {"x": 1, "y": 2}


# What is refused


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("value", r"stream: mode is 'value'; it is one of 'events', 'values'.*did you mean 'values'\?"),
        (["tokens", "update"], r"stream: mode is 'update'; .*did you mean 'updates'\?"),
        ([], r"stream: mode is \[\]; it is one of .* or a list of them"),
        (None, "stream: mode is None; it is one of"),
        ({"tokens"}, "stream: mode is {'tokens'}; it is one of"),
        (["tokens", 5], "stream: mode is 5; it is one of"),
        (["tokens", "tokens"], "name each once"),
    ],
)
def test_a_mode_that_there_is_not_is_refused_before_anything_runs(mode, message):
    called = []
    pipeline = Pipeline([step(lambda: called.append(1), [])])
    for verb in (pipeline.stream, pipeline.astream):
        with pytest.raises(DefinitionError, match=message):
            verb({}, mode=mode)
    assert called == []
