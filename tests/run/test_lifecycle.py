"""The life of a component: set up once before its first use, torn down once at the end, whoever comes first."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import plait
from plait import Pipeline, parallel, step, subgraph
from plait.run import lifecycle


@pytest.fixture(autouse=True)
def nothing_stays_set_up():
    yield
    plait.shutdown()
    assert not lifecycle.any_alive()


class Model:
    """Counts its own life; sync or async by its subclass."""

    def __init__(self, name="model", fail=0):
        self.name, self.fail = name, fail
        self.log = []
        self.threads = []

    def note(self, what):
        self.log.append(what)
        self.threads.append(threading.current_thread().name)

    def setup(self):
        self.note("setup")
        if self.fail:
            self.fail -= 1
            raise OSError(f"{self.name} is out of memory")

    def teardown(self):
        self.note("teardown")

    def __call__(self, n=0):
        self.note("call")
        return n + 1


class AsyncModel(Model):
    async def setup(self):
        await asyncio.sleep(0)
        Model.setup(self)

    async def teardown(self):
        await asyncio.sleep(0)
        Model.teardown(self)

    async def __call__(self, n=0):
        await asyncio.sleep(0)
        return Model.__call__(self, n)


class Closes(Model):
    teardown = None

    async def aclose(self):
        self.note("aclose")


KINDS = [Model, AsyncModel]


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("kind", KINDS)
def test_setup_comes_once_before_the_first_call_and_teardown_at_shutdown(kind, mode):
    model = kind()
    pipeline = Pipeline([step(model, output_state="m")])
    pipeline.run({"n": 1}, mode=mode)
    pipeline.run({"n": 1}, mode=mode)
    assert model.log == ["setup", "call", "call"]
    plait.shutdown()
    assert model.log == ["setup", "call", "call", "teardown"]
    plait.shutdown()
    assert len(model.log) == 4
    pipeline.run({"n": 1}, mode=mode)
    assert model.log[4:] == ["setup", "call"]


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_the_pipeline_tears_down_and_entering_warms_it(kind):
    model = kind()
    pipeline = Pipeline([step(model, output_state="m")])
    with pipeline as same:
        assert same is pipeline
        assert model.log == ["setup"]
        pipeline.run({"n": 1})
    assert model.log == ["setup", "call", "teardown"]

    async def main():
        async with pipeline as same:
            assert same is pipeline
            await pipeline.arun({"n": 1})

    asyncio.run(main())
    assert model.log == ["setup", "call", "teardown"] * 2


def test_aclose_serves_where_there_is_no_teardown():
    model = Closes()
    with Pipeline([step(model, output_state="m")]):
        pass
    assert model.log == ["setup", "aclose"]


def test_a_component_in_several_steps_and_pipelines_is_set_up_once():
    model = Model()
    inner = Pipeline([step(model, {"n": "a"}, "b")])
    pipeline = Pipeline([step(model, output_state="a"), parallel([subgraph(inner)])])
    with pipeline:
        with inner:
            pipeline.run({"n": 1})
        assert model.log.count("teardown") == 0  # the outer one still uses it
        pipeline.run({"n": 1})
    assert model.log == ["setup", *["call"] * 4, "teardown"]


def test_many_first_uses_at_once_set_up_once_and_all_wait():
    class Slow(Model):
        def setup(self):
            threading.Event().wait(0.02)
            Model.setup(self)

    model = Slow()
    pipeline = Pipeline(parallel([step(model, ["n"], f"m{i}", name=f"m{i}") for i in range(4)]))

    def one(i):
        return asyncio.run(pipeline.invoke({"n": i})) if i % 2 else pipeline.run({"n": i}).state

    with ThreadPoolExecutor(6) as threads:
        states = list(threads.map(one, range(6)))
    assert [s["m3"] for s in states] == [i + 1 for i in range(6)]
    assert model.log == ["setup", *["call"] * 24]


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_up_that_fails_names_the_component_and_the_next_use_tries_again(kind, mode):
    model = kind(fail=1)
    pipeline = Pipeline([step(model, output_state="m", name="classify")])
    with pytest.raises(OSError, match="out of memory") as caught:
        pipeline.run({"n": 1}, mode=mode)
    notes = "".join(caught.value.__notes__)
    assert f"in setup() of the component '{'async_model' if kind is AsyncModel else 'model'}'" in notes
    assert "in step 'classify'" in notes
    assert pipeline.run({"n": 1}, mode=mode).state["m"] == 2
    assert model.log == ["setup", "setup", "call"]


def test_a_set_up_that_fails_fails_only_its_own_steps():
    broken, fine = Model("broken", fail=9), Model("fine")
    block = parallel(
        [step(broken, ["n"], "a", name="a"), step(fine, ["n"], "b", name="b")],
        on_error="collect",
        name="block",
    )
    result = Pipeline([block]).run({"n": 1})
    assert result.state == {"n": 1, "b": 2}
    assert [f.path for f in result.failures] == ["block/a"]


def test_what_was_not_set_up_is_not_torn_down():
    model = Model(fail=9)
    with pytest.raises(OSError, match="out of memory"):
        Pipeline([step(model, output_state="m")]).run({"n": 1})
    plait.shutdown()
    assert model.log == ["setup"]


def test_entering_a_pipeline_of_which_one_part_fails_tears_down_the_others():
    broken, fine = Model("broken", fail=9), Model("fine")
    pipeline = Pipeline([step(broken, output_state="a"), step(fine, ["n"], "b", name="fine")])
    with pytest.raises(OSError, match="broken is out of memory"), pipeline:
        raise AssertionError("never entered")
    assert fine.log == ["setup", "teardown"]


def test_all_are_torn_down_even_if_one_can_not_be():
    class Stuck(Model):
        def teardown(self):
            self.note("teardown")
            raise OSError(f"{self.name} is stuck")

    one, two, fine = Stuck("one"), Stuck("two"), Model()
    steps = [step(m, ["n"], f"m{i}", name=f"m{i}") for i, m in enumerate([one, two, fine])]
    with (
        pytest.raises(ExceptionGroup, match="several components could not be torn down") as caught,
        Pipeline(steps),
    ):
        pass
    assert sorted(map(str, caught.value.exceptions)) == ["one is stuck", "two is stuck"]
    assert "in teardown of the component 'stuck'" in caught.value.exceptions[0].__notes__
    assert fine.log == ["setup", "teardown"]
    with pytest.raises(OSError, match="one is stuck"), Pipeline(steps[:1]):
        pass


def test_the_life_of_a_blocking_component_is_in_threads_and_never_on_the_loop():
    model = Model()
    with Pipeline([step(model, output_state="m")]) as pipeline:
        pipeline.run({"n": 1})
    assert all(name.startswith("plait-thread-") for name in model.threads), model.threads


@pytest.mark.parametrize("under_a_loop", [False, True])
def test_serial_mode_sets_up_in_the_calling_thread(under_a_loop):
    model = Model()
    pipeline = Pipeline([step(model, output_state="m")])

    async def main():
        return pipeline.run({"n": 1}, mode="serial")

    if under_a_loop:
        asyncio.run(main())
    else:
        pipeline.run({"n": 1}, mode="serial")
    assert model.log == ["setup", "call"]
    assert set(model.threads) == {threading.current_thread().name}


def test_serial_mode_waits_for_another_thread_that_is_setting_up():
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Model):
        def setup(self):
            begun.set()
            assert go_on.wait(10)
            Model.setup(self)

    model = Slow()
    pipeline = Pipeline([step(model, output_state="m")])

    async def main():
        begun.wait(10)
        threading.Timer(0.05, go_on.set).start()
        return pipeline.run({"n": 1}, mode="serial").state["m"]

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(pipeline.run, {"n": 1})
        assert asyncio.run(main()) == 2
        assert other.result().state["m"] == 2
    assert model.log == ["setup", "call", "call"]


def test_a_run_that_is_cancelled_while_it_sets_up_leaves_the_component_to_the_next():
    class Slow(AsyncModel):
        async def setup(self):
            self.note("setup")
            if self.log.count("setup") == 1:
                await asyncio.sleep(100)

    model = Slow()
    pipeline = Pipeline([step(model, output_state="m")])

    async def main():
        first = asyncio.create_task(pipeline.arun({"n": 1}))
        second = asyncio.create_task(pipeline.arun({"n": 1}))
        while not model.log:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return (await second).state["m"]

    assert asyncio.run(main()) == 2
    assert model.log == ["setup", "setup", "call"]


def test_leaving_by_an_error_tears_down_too():
    model = Model()
    with pytest.raises(LookupError), Pipeline([step(model, output_state="m")]):
        raise LookupError
    assert model.log == ["setup", "teardown"]


def test_components_without_a_life_cost_nothing():
    with Pipeline([step(lambda: 1, [], "x")]) as pipeline:
        assert pipeline.run({}).state == {"x": 1}
    assert not lifecycle.any_alive()
