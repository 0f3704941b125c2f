"""Choosing by the nearest examples: what an embedding may return, and that examples are embedded once."""

from __future__ import annotations

import asyncio
import math
import pickle
import runpy
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import plait
from plait import DefinitionError, Pipeline, parallel, step, switch
from plait.routers import HashingEmbedder, RouteError, SimilarityRouter

PLANE = {
    "east": (1, 0),
    "north": (0, 2),
    "north-east": (1, 1),
    "west": (-3, 0),
    "far east": (1000, 0),
    "nowhere": (0, 0),
}
"""Vectors that can be checked by hand."""

ROUTES = {"right": ["east", "north-east"], "up": ["north"]}


class Table:
    """An embedding that is a table; it keeps what it was asked."""

    def __init__(self, table=PLANE) -> None:
        self.table, self.asked = table, []

    def __call__(self, texts):
        self.asked.append(list(texts))
        return [self.table[text] for text in texts]


class AsyncTable(Table):
    async def __call__(self, texts):
        self.asked.append(list(texts))
        await asyncio.sleep(0.01)
        return [self.table[text] for text in texts]


@pytest.fixture(autouse=True)
def nothing_stays_set_up():
    yield
    plait.shutdown()


# Scores


@pytest.mark.parametrize(
    ("aggregate", "right"),
    [
        ("max", 1.0),
        ("mean", (1 + math.sqrt(0.5)) / 2),
        (1, 1.0),
        (2, (1 + math.sqrt(0.5)) / 2),
        (9, (1 + math.sqrt(0.5)) / 2),
    ],
)
def test_a_route_is_as_near_as_the_aggregate_says(aggregate, right: float) -> None:
    scores = SimilarityRouter(ROUTES, Table(), aggregate=aggregate).explain("far east")
    assert scores == {"right": pytest.approx(right), "up": 0.0}


def test_the_aggregate_can_decide_who_wins() -> None:
    routes = {"mixed": ["east", "west"], "near": ["north-east"]}
    assert SimilarityRouter(routes, Table())("east") == "mixed"
    assert SimilarityRouter(routes, Table(), aggregate="mean")("east") == "near"
    assert SimilarityRouter(routes, Table(), aggregate=1)("east") == "mixed"


def test_of_equally_near_routes_the_first_listed_wins() -> None:
    assert SimilarityRouter({"up": ["north"], "right": ["east"]}, Table())("north-east") == "up"
    assert SimilarityRouter({"right": ["east"], "up": ["north"]}, Table())("north-east") == "right"


def test_the_threshold_must_be_passed() -> None:
    router = SimilarityRouter({"up": ["north"]}, Table(), "other", threshold=0.7)
    assert router("north-east") == "up"
    assert SimilarityRouter({"up": ["north"]}, Table(), "other", threshold=0.71)("north-east") == "other"
    assert SimilarityRouter({"up": ["north"]}, Table(), "other")("east") == "other"
    assert SimilarityRouter({"up": ["north"]}, Table(), "other", threshold=-1)("east") == "up"
    with pytest.raises(RouteError, match=r"'up' fits: none is nearer than the threshold of 0\.9"):
        SimilarityRouter({"up": ["north"]}, Table(), threshold=0.9)("north-east")


def test_the_length_of_vectors_does_not_matter_however_extreme() -> None:
    table = Table({"a": (1e-200, 0.0), "b": (0.0, 1e200), "x": (1e300, 1e299)})
    assert SimilarityRouter({"a": ["a"], "b": ["b"]}, table).explain("x") == {
        "a": pytest.approx(0.995, abs=1e-3),
        "b": pytest.approx(0.0995, abs=1e-3),
    }


def test_a_score_is_never_above_one() -> None:
    for length in range(2, 60):  # of some the squares add up to a little more, by rounding
        vector = tuple(0.1 * n for n in range(1, length))
        assert SimilarityRouter({"a": ["x"]}, Table({"x": vector})).explain("x")["a"] <= 1.0


def test_a_source_of_which_nothing_is_known_gets_the_default() -> None:
    assert SimilarityRouter(ROUTES, Table(), "other", threshold=-1)("nowhere") == "other"
    assert SimilarityRouter(ROUTES, Table()).explain("nowhere") == {"right": 0.0, "up": 0.0}
    with pytest.raises(RouteError, match="a vector of zeros for the source"):
        SimilarityRouter(ROUTES, Table())("nowhere")


# What an embedding may return


def test_an_example_of_zeros_is_refused_with_its_route() -> None:
    with pytest.raises(ValueError, match="zeros for the example 'nowhere' of route 'up'"):
        SimilarityRouter({"right": ["east"], "up": ["north", "nowhere"]}, Table())("east")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ([[1.0, 0.0]], ValueError, "1 vectors for 3 texts"),
        ([[1.0], [1.0, 2.0], [1.0]], ValueError, "vectors of 1 and 2 numbers"),
        ([[], [], []], ValueError, "vectors of 0 numbers"),
        ([[1.0], [math.nan], [1.0]], ValueError, "not finite"),
        ([[1.0], [math.inf], [1.0]], ValueError, "not finite"),
        ([1.0, 2.0, 3.0], TypeError, "returned list; it returns a list of vectors"),
        (["a", "b", "c"], TypeError, "returned list"),
        (None, TypeError, "returned NoneType"),
    ],
)
def test_an_embedding_that_returns_something_else_is_told(answer, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        SimilarityRouter(ROUTES, lambda texts: answer)("east")


def test_another_length_for_the_source_is_told() -> None:
    table = Table({"a": (1, 2, 3), "x": (1, 2)})
    with pytest.raises(ValueError, match="2 numbers for the source and 3 for each example"):
        SimilarityRouter({"a": ["a"]}, table)("x")


def test_arrays_are_as_good_as_lists() -> None:
    numpy = pytest.importorskip("numpy")
    routes = {"right": ["east"], "up": ["north"]}
    for embed in (
        lambda texts: numpy.array([PLANE[text] for text in texts], dtype="float32"),
        lambda texts: [numpy.array(PLANE[text]) for text in texts],
    ):
        assert SimilarityRouter(routes, embed).explain("north-east") == {
            "right": pytest.approx(math.sqrt(0.5)),
            "up": pytest.approx(math.sqrt(0.5)),
        }
    with pytest.raises(TypeError, match=r"returned ndarray of shape \(2,\)"):
        SimilarityRouter(routes, lambda texts: numpy.zeros(2))("east")


def test_a_plain_function_that_returns_an_awaitable_is_told_how_to_be_written() -> None:
    table = AsyncTable()

    def plain(texts):
        return table(texts)

    with pytest.raises(TypeError, match="make it an async def"):
        SimilarityRouter(ROUTES, plain)("east")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed": None}, "embed is a function"),
        ({"embed": HashingEmbedder}, "embed is a function"),
        ({"threshold": 1}, "threshold is a number from -1 to below 1"),
        ({"threshold": -1.1}, "threshold is a number"),
        ({"threshold": math.nan}, "threshold is a number"),
        ({"threshold": True}, "threshold is a number"),
        ({"threshold": "0.5"}, "threshold is a number"),
        ({"aggregate": "median"}, "aggregate is 'max', 'mean'"),
        ({"aggregate": 0}, "aggregate is 'max', 'mean'"),
        ({"aggregate": True}, "aggregate is 'max', 'mean'"),
        ({"aggregate": 1.5}, "aggregate is 'max', 'mean'"),
        ({"routes": {"a": "east"}}, r"write \['east'\]"),
        ({"routes": {"a": []}}, "route 'a' has no examples"),
        ({"routes": ["a"]}, "routes is a mapping"),
    ],
)
def test_wrong_arguments_are_refused_when_the_router_is_made(options, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        SimilarityRouter(**{"routes": ROUTES, "embed": Table(), **options})


# Once


def test_making_a_router_embeds_nothing() -> None:
    table = Table()
    SimilarityRouter(ROUTES, table)
    assert table.asked == []


def test_the_examples_are_embedded_by_the_first_use_and_never_again() -> None:
    table = Table()
    router = SimilarityRouter(ROUTES, table)
    assert [router("east"), router("north")] == ["right", "up"]
    assert table.asked == [["east", "north-east", "north"], ["east"], ["north"]]


def test_a_call_that_may_choose_nothing_embeds_nothing() -> None:
    table = Table()
    assert SimilarityRouter(ROUTES, table, "other")("east", []) == "other"
    assert table.asked == []


def test_threads_at_the_same_time_embed_the_examples_once() -> None:
    together = threading.Barrier(4)

    class Slow(Table):
        others = threading.Semaphore(0)

        def __call__(self, texts):
            if len(texts) > 1 and len(self.asked) == 0:
                super().__call__(texts)
                self.others.acquire(timeout=0.2)  # room for another thread to come in, if it may
                return [self.table[text] for text in texts]
            self.others.release()
            return super().__call__(texts)

    table = Slow()
    router = SimilarityRouter(ROUTES, table)

    def call(_):
        together.wait()
        return router("north")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == ["up"] * 4
    assert sorted(map(len, table.asked)) == [1, 1, 1, 1, 3]


def test_calls_at_the_same_time_on_one_loop_embed_the_examples_once() -> None:
    table = AsyncTable()
    router = SimilarityRouter(ROUTES, table)

    async def main():
        return await asyncio.gather(*(router.route("north") for _ in range(5)))

    assert asyncio.run(main()) == ["up"] * 5
    assert [len(asked) for asked in table.asked].count(3) == 1


def test_calls_on_several_loops_embed_the_examples_once() -> None:
    table = AsyncTable()
    router = SimilarityRouter(ROUTES, table)
    together = threading.Barrier(4)

    def call(_):
        together.wait()
        return asyncio.run(router.route("north"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == ["up"] * 4
    assert [len(asked) for asked in table.asked].count(3) == 1


def test_one_who_waits_can_be_cancelled_alone(caplog) -> None:
    table = AsyncTable()
    router = SimilarityRouter(ROUTES, table)

    async def main():
        first, second, third = (asyncio.ensure_future(router.route("north")) for _ in range(3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [type(outcome).__name__ for outcome in outcomes] == ["str", "CancelledError", "str"]
    assert [len(asked) for asked in table.asked].count(3) == 1
    assert caplog.records == []  # no callback failed behind the scenes


def test_who_waits_goes_on_when_the_one_who_embeds_is_cancelled(caplog) -> None:
    table = AsyncTable()
    router = SimilarityRouter(ROUTES, table)

    async def main():
        first, second, third = (asyncio.ensure_future(router.route("north")) for _ in range(3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        third.cancel()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [type(outcome).__name__ for outcome in outcomes] == ["CancelledError", "str", "CancelledError"]
    assert [len(asked) for asked in table.asked].count(3) == 2
    assert caplog.records == []


@pytest.mark.parametrize("kind", [Table, AsyncTable])
def test_a_failure_is_not_kept(kind) -> None:
    class Flaky(kind):
        failures = 1

        def __call__(self, texts):
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the service sleeps")
            return super().__call__(texts)

    class AsyncFlaky(Flaky):
        async def __call__(self, texts):
            return await super().__call__(texts)

    router = SimilarityRouter(ROUTES, Flaky() if kind is Table else AsyncFlaky())
    with pytest.raises(ConnectionError):
        asyncio.run(router.route("north"))
    assert asyncio.run(router.route("north")) == "up"


@pytest.mark.parametrize("kind", [Table, AsyncTable])
def test_a_pipeline_embeds_the_examples_when_it_is_opened(kind) -> None:
    table = kind()
    router = SimilarityRouter(ROUTES, table)
    pipeline = Pipeline(
        [
            parallel(
                [
                    step(router, {"source": "one"}, "first", name="a"),
                    step(router, {"source": "two"}, "second", name="b"),
                ]
            )
        ]
    )
    with pipeline:
        assert table.asked == [["east", "north-east", "north"]]
        state = pipeline.run({"one": "east", "two": "north"}).state
    assert (state["first"], state["second"]) == ("right", "up")
    assert sorted(map(len, table.asked)) == [1, 1, 3]


@pytest.mark.parametrize("kind", [Table, AsyncTable])
def test_a_switch_embeds_the_examples_when_its_pipeline_is_opened(kind) -> None:
    table = kind()
    branches = {key: step(lambda key=key: key, {}, "answer", name=f"go_{key}") for key in ROUTES}
    pipeline = Pipeline([switch(SimilarityRouter(ROUTES, table), branches, input_map={"source": "query"})])
    with pipeline:
        assert table.asked == [["east", "north-east", "north"]]
        assert pipeline.run({"query": "north"}).state["answer"] == "up"
        assert pipeline.run({"query": "east"}).state["answer"] == "right"
    assert table.asked[1:] == [["north"], ["east"]]


class Loaded(Table):
    """An embedding that must be loaded, and let go of."""

    def __init__(self) -> None:
        super().__init__()
        self.log = []

    def setup(self) -> None:
        self.log.append("setup")

    def teardown(self) -> None:
        self.log.append("teardown")

    def __call__(self, texts):
        assert self.log[-1] == "setup"
        return super().__call__(texts)


class AsyncLoaded(AsyncTable):
    def __init__(self) -> None:
        super().__init__()
        self.log = []

    async def setup(self) -> None:
        self.log.append("setup")

    async def aclose(self) -> None:
        self.log.append("teardown")


@pytest.mark.parametrize("kind", [Loaded, AsyncLoaded])
def test_an_embedding_with_a_life_lives_as_long_as_the_pipeline(kind) -> None:
    embed = kind()
    pipeline = Pipeline([step(SimilarityRouter(ROUTES, embed), {"source": "query"}, "route")])
    for _ in range(2):  # opened again, it is loaded again
        with pipeline:
            assert embed.log[-1] == "setup"
            assert pipeline.run({"query": "north"}).state["route"] == "up"
        assert embed.log[-1] == "teardown"
    assert embed.log == ["setup", "teardown"] * 2


@pytest.mark.parametrize("kind", [Loaded, AsyncLoaded])
def test_an_embedding_is_loaded_without_a_pipeline_as_well(kind) -> None:
    embed = kind()
    assert asyncio.run(SimilarityRouter(ROUTES, embed).route("north")) == "up"
    assert embed.log == ["setup"]


def test_a_copy_in_another_process_loads_and_embeds_for_itself() -> None:
    router = SimilarityRouter(ROUTES, Loaded())
    assert router("north") == "up"
    copy = pickle.loads(pickle.dumps(router))
    assert copy("north") == "up"
    assert copy.embed.log == ["setup", "setup"]


def test_an_async_setup_beside_a_plain_embedding_is_told() -> None:
    class Odd(Table):
        async def setup(self) -> None: ...

    with pytest.raises(TypeError, match="async setup, so its __call__ must be an async def too"):
        SimilarityRouter(ROUTES, Odd())("east")


# Async


def test_explain_of_an_async_router_is_awaited() -> None:
    router = SimilarityRouter({"up": ["north"]}, AsyncTable())
    assert asyncio.run(router.explain("north")) == {"up": 1.0}


def test_a_blocking_embedding_does_not_block_the_loop() -> None:
    running = []

    def embed(texts):
        running.append(threading.current_thread() is threading.main_thread())
        return HashingEmbedder()(texts)

    assert asyncio.run(SimilarityRouter({"a": ["word"]}, embed).route("word")) == "a"
    assert running == [False, False]


def test_a_derived_router_is_told_that_it_can_not_await() -> None:
    class Mine(SimilarityRouter):
        pass

    assert Mine(ROUTES, Table())("north") == "up"
    with pytest.raises(
        DefinitionError, match="Mine is derived from SimilarityRouter and was given an async function"
    ):
        Mine(ROUTES, AsyncTable())


# Real embeddings

QUESTIONS = {
    "billing": ["I was charged twice", "where is my invoice", "please refund my payment"],
    "technical": ["the app crashes", "I see an error message", "the page does not load"],
    "delivery": ["where is my parcel", "the package has not arrived", "change the delivery address"],
}


def test_the_embedding_without_a_model_sorts_by_words() -> None:
    router = SimilarityRouter(QUESTIONS, HashingEmbedder(), "other", threshold=0.3)
    assert router("My invoice is wrong") == "billing"
    assert router("An error message appears and the app crashes") == "technical"
    assert router("My package arrived broken") == "delivery"
    assert router("¿Hay alguien?") == "other"


@pytest.mark.demo
def test_a_real_embedding_sorts_by_meaning() -> None:
    """The program that the page shows."""
    pytest.importorskip("wordllama", reason="plait[full] is not installed")
    path = Path(__file__).parents[2] / "examples" / "how_to" / "routers_wordllama.py"
    if not path.is_file():
        pytest.skip("this is no checkout")
    pipeline = runpy.run_path(str(path))["pipeline"]
    asked = {
        "You took money from my bank account two times": "billing",  # no word of the examples in it that matters
        "My application shows a failure": "technical",
        "The courier did not bring my order": "delivery",
        "What is the weather like in Lisbon?": "other",
        "": "other",  # all zeros
    }
    with pipeline:
        found = {query: pipeline.run({"query": query}).state["route"] for query in asked}
    assert found == asked
    # The crude one sees nothing in common there.
    assert (
        SimilarityRouter(QUESTIONS, HashingEmbedder(), "other", threshold=0.3)(next(iter(asked))) == "other"
    )
