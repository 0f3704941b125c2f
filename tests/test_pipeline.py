"""The façade: what a pipeline is made of, the ways to run it, and what it says when something does not fit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from plait import (
    DefinitionError,
    InputError,
    InvalidPipeline,
    Limits,
    Pipeline,
    Retry,
    dataflow,
    parallel,
    step,
    subgraph,
)
from plait.testing import run_serial
from plait.testing.virtual import run_virtual


def add_one(n: int) -> int:
    return n + 1


async def double(n: int) -> int:
    await asyncio.sleep(0)
    return n * 2


def pipeline_of_two() -> Pipeline:
    return Pipeline(
        [step(add_one, {"n": "given"}, "more"), step(double, {"n": "more"}, "answer")], name="arithmetic"
    )


# The ways to run it


def test_every_verb_gives_the_same_state():
    pipeline = pipeline_of_two()
    expected = {"given": 1, "more": 2, "answer": 4}
    inputs = {"given": 1}

    async def all_async():
        async with pipeline.astream(inputs) as events:
            async for _ in events:
                pass
        async with pipeline.amap([inputs]) as items:
            mapped = [item.result.state async for item in items]
        return [
            await pipeline.invoke(inputs),
            (await pipeline.arun(inputs)).state,
            events.result.state,
            *mapped,
        ]

    with pipeline.stream(inputs) as events:
        for _ in events:
            pass
    states = [
        pipeline.run(inputs).state,
        pipeline.run(inputs, mode="serial").state,
        run_serial(pipeline, inputs).state,
        events.result.state,
        *[item.result.state for item in pipeline.map([inputs])],
        *asyncio.run(all_async()),
    ]
    assert states == [expected] * 9


def test_a_run_leaves_its_inputs_alone():
    given = {"given": 1, "other": [1]}
    state = pipeline_of_two().run(given).state
    assert given == {"given": 1, "other": [1]}
    assert state is not given
    assert state["other"] is given["other"]


def test_the_state_begins_with_the_inputs_and_goes_on_in_listed_order():
    assert list(pipeline_of_two().run({"given": 1}).state) == ["given", "more", "answer"]
    assert list(pipeline_of_two().run({"other": 0, "given": 1}).state) == ["other", "given", "more", "answer"]


def test_any_mapping_is_an_input():
    from collections import ChainMap
    from types import MappingProxyType

    for given in (MappingProxyType({"given": 1}), ChainMap({"given": 1})):
        assert pipeline_of_two().run(given).state["answer"] == 4


def test_values_pass_by_reference_whatever_they_are():
    """A lock can't be pickled or copied: nothing on the way does either."""
    lock = threading.Lock()

    def same(thing):
        return thing

    for mode in ("parallel", "serial"):
        state = (
            Pipeline([step(same, {"thing": "lock"}, "a"), step(same, {"thing": "a"}, "b")])
            .run({"lock": lock}, mode=mode)
            .state
        )
        assert state["a"] is state["b"] is lock


def test_a_run_needs_neither_pickle_nor_a_process_pool():
    program = (
        "import sys\n"
        "from plait import Pipeline, parallel, step\n"
        "r = Pipeline(parallel([step(lambda: 1, [], 'a'), step(lambda: 2, [], 'b')])).run({})\n"
        "r.report.to_text()\n"
        "print(sorted({'pickle', 'multiprocessing', 'concurrent.futures.process'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_one_pipeline_runs_fifty_times_at_once_on_one_loop():
    pipeline = pipeline_of_two()

    async def main():
        return await asyncio.gather(*(pipeline.arun({"given": n}) for n in range(50)))

    results = asyncio.run(main())
    assert [r.state["answer"] for r in results] == [2 * (n + 1) for n in range(50)]
    assert len({r.run_id for r in results}) == 50


def test_one_pipeline_runs_from_many_threads_at_once_from_its_first_use_on():
    pipeline = pipeline_of_two()
    begin = threading.Barrier(16)

    def one(n):
        begin.wait(10)
        if n % 4 == 0:
            return pipeline.run({"given": n}, mode="serial").state["answer"]
        if n % 4 == 1:
            return asyncio.run(pipeline.invoke({"given": n}))["answer"]
        return pipeline.run({"given": n}).state["answer"]

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(one, range(16))) == [2 * (n + 1) for n in range(16)]


def test_runs_of_one_pipeline_keep_their_failures_apart():
    async def half_of_them_fail(n):
        await asyncio.sleep(n % 3)
        if n % 2:
            raise OSError(f"number {n}")
        return n

    pipeline = Pipeline([step(half_of_them_fail, output_state="out")])

    async def main():
        return await asyncio.gather(*(pipeline.arun({"n": n}) for n in range(50)), return_exceptions=True)

    for n, got in enumerate(run_virtual(main())):
        assert str(got) == f"number {n}" if n % 2 else got.state["out"] == n


# What it is made of


def test_the_forms_of_a_list_of_steps():
    one, two = step(add_one, {"n": "a"}, "b"), step(double, {"n": "b"}, "c")
    expected = {"a": 1, "b": 2, "c": 4}
    for steps in ([one, two], (one, two), one | two, [[one], [two]], [one | two], [dataflow([one, two])]):
        assert Pipeline(steps).run({"a": 1}).state == expected
    assert Pipeline(one).run({"a": 1}).state == {"a": 1, "b": 2}


def test_a_pipeline_in_a_list_is_a_subgraph():
    inner = pipeline_of_two()
    last = step(add_one, {"n": "answer"}, "last")
    for outer in (
        Pipeline([inner, last]),
        Pipeline([subgraph(inner), last]),
        inner | last,
        Pipeline(inner | last),
    ):
        assert outer.run({"given": 1}).state["last"] == 5
    first = step(lambda: 1, [], "given")
    assert Pipeline(first | inner).run({}).state["answer"] == 4


def test_putting_more_at_the_end_makes_a_new_pipeline():
    first = pipeline_of_two()
    second = first | step(add_one, {"n": "answer"}, "last")
    assert (len(first.steps), len(second.steps)) == (2, 3)
    assert second.name == "arithmetic"
    assert "last" not in first.run({"given": 1}).state


def test_the_keys_that_a_run_needs_and_those_it_may_get():
    pipeline = Pipeline([step(lambda a, b=1: a, output_state="c")])
    assert (pipeline.input_keys, pipeline.optional_input_keys) == (("a",), ("b",))


def test_a_pipeline_checks_itself_once_not_for_every_run(monkeypatch):
    from plait.core import check

    calls = []
    real = check.check
    monkeypatch.setattr(check, "check", lambda *args, **options: calls.append(1) or real(*args, **options))
    pipeline = pipeline_of_two()
    for _ in range(3):
        pipeline.run({"given": 1})
        pipeline.run({"given": 1}, mode="serial")
    assert calls == [1]


def test_with_components_replaces_what_is_called_and_nothing_else():
    pipeline = Pipeline(
        [
            parallel([step(add_one, {"n": "given"}, "a", timeout=3)], name="block"),
            step(double, {"n": "a"}, "b"),
        ]
    )
    fake = pipeline.with_components({"block/add_one": lambda n: 10, "double": lambda n: n})
    assert fake.run({"given": 1}).state == {"given": 1, "a": 10, "b": 10}
    assert pipeline.run({"given": 1}).state == {"given": 1, "a": 2, "b": 4}
    assert next(s.timeout for s in fake.plan().steps if s.path == "block/add_one") == 3


def test_with_components_knows_the_paths():
    with pytest.raises(DefinitionError, match=r"'blok/add_one'.*did you mean 'block/add_one'\?"):
        Pipeline([parallel([step(add_one, output_state="a")], name="block")]).with_components(
            {"blok/add_one": len}
        )


def test_known_durations_decide_who_starts_first():
    order = []

    def make(name):
        async def work():
            order.append(name)
            await asyncio.sleep(1)

        return step(work, [], name, name=name)

    pipeline = Pipeline(parallel([make("short"), make("long")]), max_concurrency=1)
    run_virtual(pipeline.arun({}))
    run_virtual(pipeline.with_durations({"short": 1, "long": 9}).arun({}))
    assert order == ["short", "long", "long", "short"]


def test_the_report_of_an_earlier_run_gives_the_durations():
    pipeline = pipeline_of_two()
    again = pipeline.with_durations(pipeline.run({"given": 1}).report)
    assert again.run({"given": 1}).state["answer"] == 4
    with pytest.raises(DefinitionError, match=r"no step has the path 'doubel'; did you mean 'double'\?"):
        pipeline.with_durations({"doubel": 1})


# What it shows


def test_a_pipeline_and_its_result_show_themselves():
    pipeline = pipeline_of_two()
    assert repr(pipeline) == "<pipeline 'arithmetic' of 2 steps>"
    assert repr(Pipeline([step(add_one)])) == "<pipeline of 1 step>"
    result = pipeline.run({"given": 1})
    shown = repr(result)
    assert shown.startswith("<result of 'arithmetic' in ")
    assert shown.endswith("s: given, more, answer>")
    assert repr(Pipeline([step(add_one)]).run({"n": 1})).endswith(": n>")
    assert repr(Pipeline([step(lambda: 1, [])]).run({})).endswith("s: no keys>")


def test_a_result_names_what_failed_when_the_rest_was_kept():
    def fails():
        raise OSError("no")

    result = Pipeline(
        parallel(
            [step(fails, [], "a"), step(lambda: 1, [], "b", name="works")], on_error="collect", name="block"
        )
    ).run({})
    assert repr(result).endswith("s: b; failed: block/fails>")
    assert [(f.path, f.attempt, type(f.error)) for f in result.failures] == [("block/fails", 1, OSError)]


def test_a_notebook_gets_a_picture_and_a_text():
    pipeline = pipeline_of_two()
    shown = pipeline._repr_mimebundle_()
    assert set(shown) == {"text/plain", "image/svg+xml", "text/markdown"}
    assert shown["image/svg+xml"].startswith("<svg")
    assert shown["text/markdown"].startswith("```mermaid\n")
    text = pipeline.run({"given": 1})._repr_mimebundle_()["text/plain"]
    assert "arithmetic: succeeded in" in text
    assert "critical path" in text


# What is refused, and where


def test_a_pipeline_that_is_wrong_is_refused_by_every_verb_before_anything_runs():
    called = []
    pipeline = Pipeline(
        [parallel([step(lambda: called.append(1), [], "x", name="a"), step(lambda: 2, [], "x", name="b")])]
    )
    verbs = {
        "run": lambda: pipeline.run({}),
        "serial": lambda: pipeline.run({}, mode="serial"),
        "arun": lambda: asyncio.run(pipeline.arun({})),
        "invoke": lambda: asyncio.run(pipeline.invoke({})),
        "map": lambda: pipeline.map([{}]),
        "amap": lambda: pipeline.amap([{}]),
        "stream": lambda: pipeline.stream({}),
        "astream": lambda: pipeline.astream({}),
        "plan": pipeline.plan,
        "with": pipeline.__enter__,
    }
    for verb, call in verbs.items():
        with pytest.raises(InvalidPipeline, match="E202") as caught:
            call()
        assert [d.code for d in caught.value.diagnostics] == ["E202"], verb
    assert called == []
    assert [d.code for d in pipeline.check()] == ["E202"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (None, "None is not a step; a pipeline is a list of steps"),
        (5, "5 is not a step"),
        ("steps", "'steps' is not a step"),
        ({"a": 1}, "is not a step"),
        ([], "the list of steps is empty; it needs at least one step"),
        ([[]], r"Pipeline\[0\]: the list of steps is empty"),
        ([step(add_one), 5], r"Pipeline\[1\]: 5 is not a step"),
        ([add_one], r"Pipeline\[0\]: add_one is not a step yet; write step\(add_one, \.\.\.\)"),
        (add_one, "add_one is not a step yet"),
        ([step], "step is not a step yet"),
        ([step(add_one), None], r"Pipeline\[1\]: None is not a step"),
    ],
)
def test_what_is_no_list_of_steps(steps, message):
    with pytest.raises(DefinitionError, match=message):
        Pipeline(steps)


def test_a_list_that_contains_itself():
    steps: list[Any] = [step(add_one)]
    steps.append([steps])
    with pytest.raises(DefinitionError, match=r"Pipeline\[1\]\[0\]: a list of steps contains itself"):
        Pipeline(steps)


def test_a_list_that_changes_later_does_not_change_the_pipeline():
    steps = [step(add_one, output_state="a")]
    inner = Pipeline(steps)
    outer = Pipeline([inner])
    steps.append(outer)  # would be a cycle, if anybody looked again
    assert outer.run({"n": 1}).state == {"n": 1, "a": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 5}, "name is 5; a name is a non-empty string without '/'"),
        ({"name": "a/b"}, "Pipeline 'a/b': name is 'a/b'"),
        (
            {"order": "dataflw"},
            "order is 'dataflw'; it is one of 'listed', 'dataflow'; did you mean 'dataflow'?",
        ),
        ({"max_concurrency": 0}, "max_concurrency is 0; it is a whole number from 1, or None"),
        ({"max_concurrency": 2.0}, "max_concurrency is 2.0"),
        ({"max_concurrency": True}, "max_concurrency is True"),
        ({"limits": {"gpu": 1}}, r"limits is \{'gpu': 1\}; give Limits\(\{'name': amount\}\)"),
        ({"deadline": 0}, "deadline is 0; it is a number of seconds above 0, or None"),
        ({"grace": -1}, "grace is -1"),
        ({"check_types": "all"}, "check_types is 'all'; it is one of 'edges', 'steps'"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options, message):
    with pytest.raises(DefinitionError, match=message):
        Pipeline([step(add_one)], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": ["model"]}, r"config is \['model'\]; it is a mapping such as"),
        ({"config": "model"}, "config is 'model'"),
        ({"context": 5}, "context is 5"),
        ({"deadline": 0}, "deadline is 0; it is a number of seconds above 0, or None"),
        ({"deadline": "1"}, "deadline is '1'"),
    ],
)
def test_a_wrong_option_of_a_run_is_refused_by_every_verb_where_it_is_called(options, message):
    pipeline = pipeline_of_two()
    for call in (
        lambda: pipeline.run({"given": 1}, **options),
        lambda: pipeline.run({"given": 1}, mode="serial", **options),
        lambda: pipeline.map([{"given": 1}], **options),
        lambda: pipeline.amap([{"given": 1}], **options),
        lambda: pipeline.stream({"given": 1}, **options),
        lambda: pipeline.astream({"given": 1}, **options),
        lambda: asyncio.run(pipeline.arun({"given": 1}, **options)),
    ):
        with pytest.raises(DefinitionError, match=message):
            call()


def test_a_mode_that_is_none():
    with pytest.raises(DefinitionError, match=r"run: mode is 'serail'; .*did you mean 'serial'\?"):
        pipeline_of_two().run({"given": 1}, mode="serail")


def test_missing_inputs_are_named_all_together_with_their_readers():
    pipeline = Pipeline([step(lambda text, title: 0, output_state="a", name="read")], name="reader")
    with pytest.raises(InputError) as caught:
        pipeline.run({"txt": 1, "other": 2})
    assert str(caught.value) == (
        "pipeline 'reader': the input 'text' is missing (step 'read' reads it); did you mean 'txt'?; "
        "the input 'title' is missing (step 'read' reads it) (given: 'txt' and 'other')"
    )


def test_an_input_that_a_later_step_writes_tells_of_it():
    pipeline = Pipeline([step(add_one, {"n": "a"}, "b"), step(double, {"n": "b"}, "a")])
    assert pipeline.run({"a": 1}).state == {"a": 4, "b": 2}
    with pytest.raises(
        InputError, match="step 'double' writes it, but only later: move it before, or give the input"
    ):
        pipeline.run({})


def test_no_inputs_at_all_says_so():
    with pytest.raises(InputError, match="no inputs were given"):
        pipeline_of_two().run({})


def test_an_undeclared_resource_is_refused_with_the_nearest_and_the_cure():
    pipeline = Pipeline([step(add_one, output_state="a", resources={"cpus": 1})])
    with pytest.raises(InvalidPipeline, match="E301") as caught:
        pipeline.run({"n": 1})
    assert "did you mean 'cpu'?" in str(caught.value)
    assert "Limits({'cpus': 1})" in str(caught.value)
    with pytest.raises(InvalidPipeline, match=r"E301.*no limit declares\n"):
        Pipeline([step(add_one, output_state="a", resources={"xyz": 1})]).run({"n": 1})
    with pytest.raises(InvalidPipeline, match="E301"):
        Pipeline([step(add_one, output_state="a", resources={"gpu": 3})], limits=Limits({"gpu": 2})).run(
            {"n": 1}
        )


def test_a_wrong_argument_of_a_block_names_it():
    with pytest.raises(DefinitionError, match=r"retry is 3; use Retry\(attempts=3\)"):
        parallel([step(add_one)], retry=3)
    with pytest.raises(DefinitionError, match=r"subgraph\(5\): the first argument is a Pipeline"):
        subgraph(5)
    assert Retry(attempts=1)
