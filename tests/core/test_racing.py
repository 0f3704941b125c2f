"""``race``: what it takes and refuses, what its second attempts are called, and how it is shown."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from plait import (
    Composer,
    DefinitionError,
    InvalidPipeline,
    Keep,
    MemoryCache,
    Pipeline,
    Retry,
    if_else,
    interrupt,
    log,
    parallel,
    pause,
    race,
    step,
    subgraph,
)
from plait.testing.virtual import run_virtual


async def ask(q: str) -> str:
    await asyncio.sleep(5)
    return f"{q}?"


async def look_up(q: str) -> str:
    await asyncio.sleep(1)
    return f"{q}!"


async def send(q: str) -> None:
    await asyncio.sleep(1)


def paths(*flows: Any) -> list[str]:
    pipeline = Pipeline(list(flows))
    assert pipeline.check() == []
    return [one.path for one in pipeline.plan().steps]


ASK = step(ask, ["q"], "a")
LOOK_UP = step(look_up, ["q"], "a")


def test_without_a_second_attempt_it_is_a_parallel_block_that_needs_one():
    made, same = race([ASK, LOOK_UP], name="r"), parallel([ASK, LOOK_UP], need=1, name="r")
    for name in type(same).__slots__:
        if name != "branches":
            assert getattr(made, name) == getattr(same, name), name
    assert [list(flow.parts) for _, flow in made.branches] == [list(flow.parts) for _, flow in same.branches]


def test_the_second_attempts_are_called_after_the_first():
    assert paths(race([ASK, LOOK_UP], 2, name="r")) == [
        "r/ask",
        "r/look_up",
        "r/ask~hedge/wait 2 s",
        "r/ask~hedge/ask",
        "r/look_up~hedge/wait 2 s",
        "r/look_up~hedge/look_up",
    ]


def test_named_branches_and_lists_keep_their_names():
    made = race({"here": ASK, "there": [LOOK_UP, step(ask, {"q": "a"}, "b")]}, hedge_after=0.5)
    assert paths(made) == [
        "here",
        "there/look_up",
        "there/ask",
        "here~hedge/wait 0.5 s",
        "here~hedge/here",
        "there~hedge/wait 0.5 s",
        "there~hedge/look_up",
        "there~hedge/ask",
    ]


def test_the_same_component_twice_gives_two_names():
    found = paths(race([ASK, step(ask, {"q": "p"}, "b")], hedge_after=1, name="r"))
    assert found[:2] == ["r/ask", "r/ask:b"]
    assert found[3::2] == ["r/ask~hedge/ask", "r/ask:b~hedge/ask"]


def test_two_races_of_one_list_over_one_component_need_names():
    first, second = race([ASK], 1), race([step(ask, ["q"], "b")], 1)
    with pytest.raises(InvalidPipeline, match="E110"):
        Pipeline([first, second]).plan()
    assert len(paths(first, race([step(ask, ["q"], "b")], 1, name="second"))) == 6


def test_blocks_choices_and_pipelines_have_second_attempts_too():
    inner = Pipeline([step(look_up, ["q"], "a")], name="inner")
    branch = [inner, if_else(lambda state: True, step(ask, {"q": "a"}, "b"), name="more")]
    found = paths(race([branch], 3, name="r"))
    first = [path.removeprefix("r/") for path in found if "~hedge" not in path]
    assert [path for path in found if "~hedge" in path] == ["r/inner~hedge/wait 3 s"] + [
        f"r/inner~hedge/{path}" for path in first
    ]


@pytest.mark.parametrize("after", [0, -1, math.nan, math.inf, True, "2"])
def test_the_delay_is_a_number_of_seconds(after: Any):
    with pytest.raises(DefinitionError, match=r"race 'r': hedge_after"):
        race([ASK], after, name="r")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: race([]), "race: there are no branches"),
        (lambda: race(ASK), r"race: branches is Step; give one list: race\(\[a, b\]\)"),
        (lambda: race([ask]), r"race\[0\]: ask is not a step yet"),
        (lambda: race([ASK], name="a/b"), "without '/'"),
        (lambda: race([ASK], retry=3), r"race: retry is 3"),
        (lambda: race([ASK], timeout=0), "race: timeout"),
        (lambda: race([ASK], max_concurrency=0), "race: max_concurrency"),
        (lambda: race([ASK], error_handler=3), "race"),
    ],
)
def test_wrong_arguments(given: Any, said: str):
    with pytest.raises(DefinitionError, match=said):
        given()


@pytest.mark.parametrize(
    ("branch", "named"),
    [
        (step(send, ["q"]), "'send' can run twice, and it is an effect: it has no output_state"),
        (step(ask, ["q"], "a", effect=True), "'ask' can run twice, and it is an effect. Put it behind"),
        ([LOOK_UP, step(send, ["q"])], "'send'"),
        (parallel([LOOK_UP, step(send, ["q"])]), "'send'"),
        (subgraph(Pipeline([step(send, ["q"])])), "'send'"),
        (if_else(lambda state: True, step(send, ["q"])), "'send'"),
        (log("hello"), "'log'"),
    ],
)
def test_an_effect_has_no_second_attempt(branch: Any, named: str):
    with pytest.raises(DefinitionError, match=named):
        race([branch], hedge_after=1)
    race([branch])


def test_an_effect_that_may_be_repeated_has_one():
    assert paths(race([step(send, ["q"], idempotent=True)], 1))[-1] == "send~hedge/send"
    assert paths(race([step(send, ["q"], effect=False)], 1))[-1] == "send~hedge/send"


@pytest.mark.parametrize("question", [interrupt("go on?", "yes", name="q"), pause("q")])
def test_a_question_is_not_asked_twice(question: Any):
    with pytest.raises(DefinitionError, match=r"race 'r': hedge_after would ask a second time what 'q' asks"):
        race([[question, LOOK_UP]], 1, name="r")


def test_a_branch_that_rewrites_what_it_reads_would_change_it_for_the_other():
    alone = Pipeline([race([step(ask, {"q": "q"}, "q")], hedge_after=1)])
    assert [found.code for found in alone.check()] == ["E203", "E203"]
    with pytest.raises(InvalidPipeline, match="let 'ask' write another key, or leave hedge_after out"):
        alone.plan()
    other = Pipeline([race([[LOOK_UP, step(ask, {"q": "b"}, "c")], step(ask, ["q"], "b")], 1)])
    with pytest.raises(
        InvalidPipeline, match="let 'look_up' read another key, or move what needs 'b' behind"
    ):
        other.plan()


def test_the_wait_is_no_order_that_could_be_left_out():
    made = Pipeline([race([[LOOK_UP, step(ask, {"q": "a"}, "b")]], hedge_after=1)])
    assert made.check() == []


def test_the_drawings_tell_of_the_second_attempts():
    made = Pipeline([race([ASK, LOOK_UP], 2, name="r")])
    assert "race r first to succeed, second attempts after 2 s" in " ".join(made.to_text().split())
    assert "branch ask~hedge" in made.to_text()
    assert "wait 2 s" in made.to_text()
    assert 'subgraph b0_0["race r, first to succeed, second attempts after 2 s"]' in made.to_mermaid()
    assert "branch ask~hedge" in made.to_svg()
    longer = Pipeline([race([ASK, LOOK_UP], 2, name="r"), step(ask, {"q": "a"}, "b")])
    assert "race r<tspan> · first to succeed, second attempts after 2 s</tspan>" in longer.to_svg()


def test_a_message_that_shows_the_block_shows_it_as_written():
    made = race({"here": LOOK_UP}, 2, name="r")
    block = parallel([[made, step(ask, {"q": "b"}, "c")], step(ask, ["q"], "b")])
    with pytest.raises(InvalidPipeline) as caught:
        Pipeline([block]).plan()
    assert "race({'here': here}, name='r', hedge_after=2.0)" in str(caught.value)


def test_a_second_attempt_needs_no_place_while_it_waits():
    made = Pipeline([race([ASK], 2, max_concurrency=1)], max_concurrency=1).plan()
    assert "max_concurrency" not in made.explain("ask~hedge/wait 2 s")
    assert "max_concurrency" in made.explain("ask~hedge/ask")


async def nothing(q: str) -> str:
    raise OSError


async def told(q: str) -> str:
    return "told"


def test_another_component_is_that_of_both_attempts():
    made = Pipeline(
        [race({"here": ASK, "there": [LOOK_UP, ASK.replace(input_map={"q": "a"})]}, 2)]
    ).with_components({"here": nothing, "there/look_up": nothing})
    assert "race first to succeed, second attempts after 2 s" in " ".join(made.to_text().split())
    with pytest.raises(ExceptionGroup) as caught:
        run_virtual(made.arun({"q": "x"}))
    assert len(caught.value.exceptions) == 4


def test_a_second_attempt_may_have_a_component_of_its_own():
    made = Pipeline([race([ASK], 2)]).with_components({"ask": nothing, "ask~hedge/ask": told})
    assert run_virtual(made.arun({"q": "x"})).state["a"] == "told"
    handled = Pipeline([race([ASK.replace(error_handler=Keep())], 2)])
    assert handled.with_components({"ask": told}).plan().steps[-1].path.startswith("ask~hedge/")


def test_a_cached_pipeline_may_have_a_race():
    def shout(q: str) -> str:
        return q.upper()

    def pipeline(after: float) -> Any:
        return Pipeline([race([step(shout, output_state="a")], after)], cache=kept)

    kept = MemoryCache()
    result = pipeline(60).run({"q": "x"})
    assert (result.state["a"], result.report.cached) == ("X", False)
    assert pipeline(60).run({"q": "x"}).report.cached


def test_the_composer_has_it():
    made = Composer().race(hedge_after=2, name="r", retry=Retry(2)).fork(ASK).fork(LOOK_UP).end().done()
    assert made.to_text() == Pipeline([race([ASK, LOOK_UP], 2, name="r", retry=Retry(2))]).to_text()
    with pytest.raises(DefinitionError, match=r"composer\.race\(name='r'\): \.fork"):
        Composer().race(name="r").end()
