"""Pauses: what goes on beside them, who may answer and how often, and what time does meanwhile."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest
from tests.run.agreement import Ear, replayed

from plait import (
    Fallback,
    Keep,
    Limits,
    Optional,
    Pipeline,
    Retry,
    Val,
    current_step,
    dataflow,
    goto,
    guard,
    if_else,
    interrupt,
    map_reduce,
    parallel,
    pause,
    step,
    subgraph,
    try_catch,
    while_do,
)
from plait.errors import DeadlineExceeded, DefinitionError, PauseError, StepTimeout
from plait.testing.virtual import run_virtual

MODES = ["parallel", "serial"]


def put(key: str, value: Any = 1, takes: float = 0.0, name: str | None = None, **options: Any) -> Any:
    async def work() -> Any:
        await asyncio.sleep(takes)
        return value

    return step(work, {}, key, name=name or key, **options)


def question(key: str, **options: Any) -> Any:
    return interrupt(f"{key}?", key, name=f"ask_{key}", **options)


def ids(result: Any) -> list[str]:
    return [found.id for found in result.pauses]


def to_the_end(result: Any, *answers: Any) -> tuple[list[list[str]], Any]:
    """Answer all that is asked, one answer per pause of the run; gives what was asked each time, and the result."""
    asked = []
    left = list(answers)
    while result.status == "paused":
        asked.append(ids(result))
        answer = left.pop(0)
        result = result.resume({found.id: answer for found in result.pauses})
    replayed(result)
    return asked, result


TWO = Pipeline(
    [
        parallel(
            [
                [question("a"), step(lambda a: a + 1, ["a"], "a2", name="a2")],
                [question("b"), step(lambda b: b + 1, ["b"], "b2", name="b2")],
                [put("c"), put("d")],
            ]
        ),
        step(lambda a2, b2: a2 + b2, ["a2", "b2"], "sum", name="sum"),
    ]
)


# What goes on


@pytest.mark.parametrize("mode", MODES)
def test_what_does_not_depend_on_the_answer_goes_on_before_the_run_pauses(mode):
    result = TWO.run({}, mode=mode)
    assert result.status == "paused"
    assert ids(result) == ["ask_a", "ask_b"]
    assert [found.message for found in result.pauses] == ["a?", "b?"]
    assert result.state == {"c": 1, "d": 1}
    assert result.report.outcome == "paused"
    assert result.failures == ()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("first", ["a", "b"])
def test_several_are_answered_in_any_order_and_one_by_one(mode, first):
    second = "b" if first == "a" else "a"
    result = TWO.run({}, mode=mode)
    once = result.resume({f"ask_{first}": 10})
    assert once.status == "paused"
    assert ids(once) == [f"ask_{second}"]
    assert once.state == {"c": 1, "d": 1, first: 10, f"{first}2": 11}
    twice = once.resume({f"ask_{second}": 20})
    assert twice.status == "succeeded"
    assert twice.state["sum"] == 32
    assert twice.pauses == ()
    assert {s.path: s.outcome for s in twice.report.steps} == dict.fromkeys(
        ["ask_a", "a2", "ask_b", "b2", "c", "d", "sum"], "succeeded"
    )
    replayed(twice)


def test_pauses_are_listed_in_listed_order_not_in_that_of_opening():
    pipeline = Pipeline(
        [parallel([if_else(lambda s: True, question("a"), name="choice"), question("b"), [[question("c")]]])]
    )
    assert ids(pipeline.run({})) == ["choice/true/ask_a", "ask_b", "ask_c"]


def test_ids_are_the_same_in_every_run_and_tokens_are_not():
    one, other = TWO.run({}), TWO.run({})
    assert ids(one) == ids(other)
    tokens = [found.token for found in (*one.pauses, *other.pauses)]
    assert len(set(tokens)) == 4
    assert not any(found.token in repr(found) or found.token in repr(one) for found in one.pauses)


def test_a_pause_blocks_a_race_that_needs_it():
    asked = [parallel([[question("a")], [put("b", takes=1.0)]], need=1), put("last")]
    assert run_virtual(Pipeline(asked).arun({})).state == {"b": 1, "last": 1}  # the other branch has won
    result = Pipeline([parallel([[question("a")], [question("b")]], need=1), put("last")]).run({})
    assert ids(result) == ["ask_a", "ask_b"]
    done = result.resume({"ask_b": 2})
    assert done.status == "succeeded"
    assert done.state == {"b": 2, "last": 1}


def test_a_failure_beside_a_question_fails_the_run_without_asking():
    def bad() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        Pipeline([parallel([[question("a")], [put("b"), step(bad, {}, None, name="bad")]])]).run({})


@pytest.mark.parametrize("mode", MODES)
def test_an_effect_behind_a_question_waits_for_the_answer(mode):
    did: list[int] = []
    pipeline = Pipeline(
        [question("a"), put("b"), step(lambda: did.append(1), {}, None, name="send")], order="dataflow"
    )
    result = pipeline.run({}, mode=mode)
    assert did == []
    assert result.resume(1).state["a"] == 1
    assert did == [1]


def test_what_a_waiting_step_held_is_free():
    def ask() -> Any:
        return current_step().interrupt("?")

    one: Any = {"resources": {"gpu": 1}}
    pipeline = Pipeline(
        [parallel([step(ask, {}, "a", name="ask", **one), put("b", **one)])], limits=Limits({"gpu": 1})
    )
    result = pipeline.run({})
    assert result.state == {"b": 1}
    assert pipeline.run({}).state == {"b": 1}  # nor does the paused run hold anything
    assert result.resume(5).state == {"a": 5, "b": 1}


# Where questions may stand


class Once:
    """Fails the first time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls == 1:
            raise ConnectionError
        return 1


def ask_and_fail_once() -> Any:
    once = Once()

    def work() -> Any:
        answer = current_step().interrupt("?")
        once()
        return answer

    return work


def divide() -> float:
    return 1 / 0


def below(most: int, key: str = "n") -> Any:
    return step(lambda n: n < most, {"n": Optional(key, 0)}, name="below")


PLACES: dict[str, Any] = {
    "a choice": (
        lambda: [if_else(lambda s: True, [question("a"), put("b")], name="choice")],
        [["choice/true/ask_a"]],
        {"a": 7, "b": 1},
    ),
    "a condition": (
        lambda: [if_else(lambda s: current_step().interrupt("go?") == 7, put("b"), name="choice")],
        [["choice/condition"]],
        {"b": 1},
    ),
    "a guard": (
        lambda: [guard(lambda s: False, None, question("a"), name="guard"), put("b")],
        [["guard/failure/ask_a"]],
        {"a": 7},
    ),
    "a loop": (
        lambda: [while_do(question("n"), below(9), name="loop")],
        [["loop#1/ask_n"], ["loop#2/ask_n"], ["loop#3/ask_n"]],
        {"n": 9},
    ),
    "jumps": (
        lambda: [
            question("n"),
            goto("again", step(lambda n: "ask_n" if n < 9 else "fin", ["n"])),
            put("fin"),
        ],
        [["ask_n"], ["ask_n#2"], ["ask_n#3"]],
        {"n": 9, "fin": 1},
    ),
    "a body and its handler": (
        lambda: [try_catch([question("a"), step(divide, {}, "z")], question("b"), name="tried")],
        [["tried/ask_a"], ["tried/ask_b"]],
        {"a": 7, "b": 8},
    ),
    "an error handler": (
        lambda: [
            step(divide, {}, "z", error_handler=Fallback(lambda error: current_step().interrupt("what?")))
        ],
        [["divide/error_handler"]],
        {"z": 7},
    ),
    "an embedded pipeline": (
        lambda: [subgraph(Pipeline([question("a"), put("b")]), {}, {"a": "a"}, name="child")],
        [["child/ask_a"]],
        {"a": 7},
    ),
    "a block that is tried again": (
        lambda: [parallel([[question("a"), step(Once(), {}, "z", name="z")]], retry=Retry(2, backoff=0))],
        [["ask_a"], ["ask_a"]],
        {"a": 8, "z": 1},
    ),
    "a step that is tried again": (
        lambda: [step(ask_and_fail_once(), {}, "z", name="z", retry=Retry(2, backoff=0))],
        [["z"]],
        {"z": 7},
    ),
    "a flow by data": (
        lambda: [dataflow([put("b"), question("a"), put("c")])],
        [["ask_a"]],
        {"b": 1, "a": 7, "c": 1},
    ),
    "putting results together": (
        lambda: [
            map_reduce(
                "r",
                lambda x: x,
                lambda r: (r, current_step().interrupt("?")),
                input_map={"x": Val([1])},
                name="each",
            )
        ],
        [["each/reduce"]],
        {"r": ([1], 7)},
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
def test_a_question_may_stand_anywhere(place, mode):
    make, expected, state = PLACES[place]
    asked, result = to_the_end(Pipeline(make()).run({}, mode=mode), 7, 8, 9)
    assert asked == expected
    assert result.state == state


@pytest.mark.parametrize("mode", MODES)
def test_items_of_a_map_ask_each_for_itself(mode):
    async def work(x: int) -> Any:
        return current_step().interrupt(f"{x}?") if x % 2 else x

    pipeline = Pipeline([map_reduce("ys", work, input_map={"x": "xs"}, name="each")])
    result = pipeline.run({"xs": [0, 1, 2, 3]}, mode=mode)
    assert ids(result) == ["each[1]", "each[3]"]
    result = result.resume({"each[3]": 30})
    assert ids(result) == ["each[1]"]
    assert result.resume(10).state["ys"] == [0, 10, 2, 30]


def in_thread() -> Any:
    one = current_step().interrupt("one?")
    two = current_step().interrupt(f"two, after {one}?")
    return one, two


async def on_loop() -> Any:
    one = current_step().interrupt("one?")
    await asyncio.sleep(0)
    two = current_step().interrupt(f"two, after {one}?")
    return one, two


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("component", [in_thread, on_loop])
def test_a_component_asks_twice(component, mode):
    result = Pipeline([step(component, {}, "both", name="ask")]).run({}, mode=mode)
    assert [(found.id, found.message) for found in result.pauses] == [("ask", "one?")]
    result = result.resume(1)
    assert [(found.id, found.message) for found in result.pauses] == [("ask:2", "two, after 1?")]
    assert result.resume(2).state == {"both": (1, 2)}


def test_except_exception_does_not_swallow_a_question():
    def careful() -> Any:
        try:
            return current_step().interrupt("?")
        except Exception:
            return "swallowed"

    result = Pipeline([step(careful, {}, "a", name="ask", error_handler=Keep())]).run({})
    assert result.status == "paused"
    assert result.resume("given").state == {"a": "given"}


@pytest.mark.parametrize("mode", MODES)
def test_a_pause_needs_no_answer_only_the_word_to_go_on(mode):
    result = Pipeline([put("a"), pause("here"), put("b")]).run({}, mode=mode)
    assert ids(result) == ["here"]
    assert not result.pauses[0].wants_answer
    assert result.state == {"a": 1}
    assert result.resume().state == {"a": 1, "b": 1}


# Who may answer, and how often


def test_answers_that_belong_to_nothing_change_nothing():
    result, other = TWO.run({}), TWO.run({})
    foreign = other.pauses[0].token
    for answers, why in (
        ({"ask_": 1}, "'ask_' is no open pause of this run; it waits at 'ask_a' and 'ask_b'; did you mean"),
        ({"ask_a": 1, "zz": 2}, "'zz' is no open pause"),
        ({foreign: 1}, "a token of another run or pause is no open pause"),
        ({"ask_a": 1, "ask_b": 2, foreign: 3}, "a token of another run"),
        ({"ask_a": 1, result.pauses[0].token: 2}, "answered twice"),
        (5, "the run waits for 2 answers; say which is which"),
        ({}, "the run waits for 2 answers"),
        (None, "the run waits for 2 answers"),
    ):
        with pytest.raises(PauseError) as caught:
            result.resume(answers)
        assert why in str(caught.value)
        assert foreign not in str(caught.value)
    with pytest.raises(PauseError, match="the run waits for answers: resume"):
        result.resume()
    assert result.resume({result.pauses[0].token: 1, result.pauses[1]: 2}).state["sum"] == 5


def test_the_answer_to_one_question_is_whatever_is_given_but_a_mapping_says_for_which():
    pipeline = Pipeline([question("a")])
    for answer in (True, None, []):
        assert pipeline.run({}).resume(answer).state == {"a": answer}
    for mistaken in ({"ask_": True}, {"x": 1}, {}):
        with pytest.raises(PauseError, match="ask_a"):
            pipeline.run({}).resume(mistaken)
    assert pipeline.run({}).resume({"ask_a": {}}).state == {"a": {}}
    assert pipeline.run({}).resume({"ask_a": {"ask_a": 2}}).state == {"a": {"ask_a": 2}}


@pytest.mark.parametrize("mode", MODES)
def test_each_question_is_answered_once(mode):
    first = TWO.run({}, mode=mode)
    token = first.pauses[0].token
    second = first.resume({"ask_a": 1})
    for late in ({"ask_a": 2}, {"ask_b": 2}, {token: 2}):
        with pytest.raises(PauseError, match="resumed before"):
            first.resume(late)
    for late in (
        {token: 2},
        {"ask_a": 2},
        {TWO.run({}).pauses[0].token: 2},
    ):  # not an answer to the other question
        with pytest.raises(PauseError, match="no open pause"):
            second.resume(late)
    last = second.resume(2)
    for result in (first, second):
        with pytest.raises(PauseError, match="resumed before"):
            result.resume(3)
    with pytest.raises(PauseError, match="is not paused"):
        last.resume(3)
    assert last.state["sum"] == 5


@pytest.mark.parametrize("mode", MODES)
def test_of_two_answers_at_once_exactly_one_counts(mode):
    pipeline = Pipeline([question("a"), step(lambda a: a, ["a"], "b", name="b")])
    for _ in range(500):
        result = pipeline.run({}, mode=mode)
        both, got = threading.Barrier(2), []

        def answer(value: int, result: Any = result, both: Any = both, got: Any = got) -> None:
            both.wait()
            try:
                got.append(result.resume(value).state["b"])
            except PauseError:
                got.append(0)

        threads = [threading.Thread(target=answer, args=(value,)) for value in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) in ([0, 1], [0, 2])


# Where it goes on


def test_a_run_goes_on_on_another_loop_when_the_first_is_gone():
    pipeline = Pipeline([question("a"), put("b", takes=0.001), step(lambda a: a, ["a"], "c", name="c")])
    result = asyncio.run(pipeline.arun({}, deadline=60))
    gc.collect()
    assert asyncio.run(result.aresume(4)).state == {"a": 4, "b": 1, "c": 4}


def test_what_began_in_serial_mode_goes_on_in_it():
    threads: list[threading.Thread] = []
    pipeline = Pipeline(
        [
            question("a"),
            put("b", takes=0.001, timeout=60),
            step(lambda: threads.append(threading.current_thread()), {}, None),
        ]
    )
    assert asyncio.run(pipeline.run({}, mode="serial").aresume(4)).state == {"a": 4, "b": 1}
    assert pipeline.run({}, mode="serial").resume(4).state == {"a": 4, "b": 1}
    assert threads == [threading.current_thread()] * 2


@pytest.mark.parametrize("mode", MODES)
def test_a_run_may_pause_very_often(mode):
    pipeline = Pipeline([while_do(question("n"), below(1200), name="loop")])
    result = pipeline.run({}, mode=mode)
    turn = 0
    while result.status == "paused":
        turn += 1
        result = result.resume(turn)
    assert turn == 1200


def test_a_run_that_nobody_goes_on_with_leaves_nothing():
    class Thing:
        pass

    pipeline = Pipeline([step(Thing, {}, "thing", name="thing", executor="inline"), question("a")])
    result = pipeline.run({})
    thing = weakref.ref(result.state["thing"])
    del result
    gc.collect()
    assert thing() is None


def test_a_run_that_is_cancelled_after_its_answer_is_over():
    pipeline = Pipeline([question("a"), put("b", takes=100.0)])

    async def main() -> None:
        result = await pipeline.arun({})
        task = asyncio.ensure_future(result.aresume(1))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(PauseError):
            await result.aresume(2)

    run_virtual(main())


# Time


def test_paused_time_is_no_time_of_the_run():
    pipeline = Pipeline([put("x", takes=1.0), question("a"), put("y", takes=2.0)])

    async def main() -> Any:
        result = await pipeline.arun({})
        await asyncio.sleep(1000)
        result = await result.aresume(1)
        await asyncio.sleep(1000)
        return result.report

    report = run_virtual(main())
    assert report.wall == pytest.approx(3.0)
    assert report.step("y").start == pytest.approx(1.0)
    assert report.step("y").waited == pytest.approx(0.0)
    assert report.critical_path == ("x", "ask_a", "y")


@pytest.mark.parametrize(
    ("steps", "options", "error"),
    [
        ([put("x", takes=3.0), question("a"), put("y", takes=100.0)], {"deadline": 10.0}, DeadlineExceeded),
        (
            [parallel([[put("x", takes=3.0), question("a"), put("y", takes=100.0)]], timeout=10.0)],
            {},
            StepTimeout,
        ),
        (
            [subgraph(Pipeline([put("x", takes=3.0), question("a"), put("y", takes=100.0)]), timeout=10.0)],
            {},
            StepTimeout,
        ),
    ],
)
def test_deadlines_and_timeouts_go_on_where_they_were(steps, options, error):
    async def main() -> float:
        loop = asyncio.get_running_loop()
        result = await Pipeline(steps).arun({}, **options)
        for _ in range(3):
            await asyncio.sleep(1000)
        began = loop.time()
        with pytest.raises(error):
            await result.aresume(1)
        return loop.time() - began

    assert run_virtual(main()) == pytest.approx(7.0)


def test_a_step_that_asks_has_its_whole_timeout_when_it_is_called_again():
    async def ask() -> Any:
        await asyncio.sleep(3)
        answer = current_step().interrupt("?")
        await asyncio.sleep(1)
        return answer

    async def main() -> Any:
        result = await Pipeline([step(ask, {}, "a", timeout=5.0)]).arun({})
        await asyncio.sleep(1000)
        return (await result.aresume(1)).state

    assert run_virtual(main()) == {"a": 1}


# Those who watch


@pytest.mark.parametrize("mode", ["events", "values", "updates", "tokens", "custom"])
def test_the_stream_of_a_paused_run_ends(mode):
    pipeline = Pipeline([put("x"), question("a"), step(lambda a: a, ["a"], "b")])
    with pipeline.stream({}, mode=mode) as stream:
        list(stream)
    assert stream.result is not None
    assert stream.result.status == "paused"
    assert stream.result.resume(1).state["b"] == 1


def test_observers_hear_of_a_run_that_goes_on():
    ear = Ear()
    result = Pipeline([put("x"), question("a"), put("b")]).run({}, observers=[ear])
    assert [type(event).__name__ for event in ear.events][-1] == "RunFinished"
    result.resume(1)
    assert ear.paths("StepFinished") == ["x", "ask_a", "b"]
    assert [type(event).__name__ for event in ear.events].count("RunFinished") == 2


def test_a_map_over_inputs_can_not_wait_for_answers_and_says_so():
    pipeline = Pipeline([if_else(lambda s: s["x"] == 1, question("a"), name="choice")])
    good, asks, last = pipeline.map([{"x": 0}, {"x": 1}, {"x": 2}], on_error="collect")
    assert good.ok
    assert last.ok
    assert isinstance(asks.error, PauseError)
    assert "it waits for an answer at 'choice/true/ask_a'" in str(asks.error)
    with pytest.raises(PauseError, match="run such an input by itself"):
        list(pipeline.map([{"x": 1}], on_error="cancel"))


# Breakpoints


async def more(n: int) -> int:
    return n + 1


STOPS: Any = [
    put("a"),
    step(lambda: 3, {}, "k", name="handled", error_handler=Keep()),
    if_else(lambda s: True, [put("b"), put("c")], name="choice"),
    while_do(step(more, ["n"], "n"), step(lambda n: n < 2, ["n"]), name="loop"),
    map_reduce("ys", lambda x: x, sum, input_map={"x": Val([1, 2])}, name="each"),
    try_catch([put("d"), step(divide, {}, "z", name="z")], put("h"), name="tried"),
    parallel([[put("e"), put("f")], put("g")], name="block"),
    subgraph(Pipeline([put("s")]), {}, {"s": "s"}, name="child"),
    put("end"),
]

BEFORE = {
    "a": ["a"],
    "handled": ["handled"],
    "choice/condition": ["choice/condition"],
    "choice/true/c": ["choice/true/c"],
    "loop/more": ["loop#1/more", "loop#2/more"],
    "loop/condition": ["loop#1/condition", "loop#2/condition"],
    "each/fan_out": ["each/fan_out"],
    "each": ["each[0]", "each[1]"],
    "each/reduce": ["each/reduce"],
    "tried/d": ["tried/d"],
    "tried/h": ["tried/h"],
    "block/g": ["block/g"],
    "child/s": ["child/s"],
    "end": ["end"],
}


@pytest.mark.parametrize("order", ["listed", "dataflow"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", BEFORE)
def test_a_run_stops_before_and_after_any_step(path, mode, order):
    pipeline = Pipeline(STOPS, order=order)
    expected = pipeline.run({"n": 0}).state

    def stops(**options: Any) -> list[str]:
        result = pipeline.run({"n": 0}, mode=mode, **options)
        found = []
        while result.status == "paused":
            assert not any(stop.wants_answer for stop in result.pauses)
            found += ids(result)
            result = result.resume()
        assert result.state == expected
        return found

    assert stops(interrupt_before=[path]) == [f"{called}:before" for called in BEFORE[path]]
    if path.rpartition("/")[2] not in ("condition", "fan_out", "reduce"):
        assert stops(interrupt_after=[path]) == [f"{called}:after" for called in BEFORE[path]]
        together = [BEFORE[path]] if path == "each" else [[called] for called in BEFORE[path]]
        assert stops(interrupt_before=[path], interrupt_after=[path]) == [
            f"{called}:{when}" for group in together for when in ("before", "after") for called in group
        ]
    else:
        with pytest.raises(DefinitionError, match="is a part of another step"):
            stops(interrupt_after=[path])


def test_breakpoints_name_steps():
    pipeline = Pipeline(STOPS)
    with pytest.raises(DefinitionError, match="no step has the path 'loop/mor'; did you mean 'loop/more'"):
        pipeline.run({"n": 0}, interrupt_before=["loop/mor"])
    with pytest.raises(DefinitionError, match="interrupt_after is the string 'a'; give a list"):
        pipeline.run({"n": 0}, interrupt_after="a")
