"""Caches as people write them: what is accepted, what is refused and how, and which calls have the same key."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import math
import operator
import threading
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait import (
    Cache,
    Config,
    DefinitionError,
    Fallback,
    MemoryCache,
    Pipeline,
    StepContext,
    current_step,
    if_else,
    log,
    map_reduce,
    step,
    transform,
)
from plait.core.cached import Unkept
from plait.core.digest import TooLarge, Undigestable, digest

# Values


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Page:
    title: str
    number: int = 0


@dataclasses.dataclass
class Leaf:
    title: str
    number: int = 0


DIFFERENT: list[Any] = [
    None,
    ...,
    True,
    False,
    1,
    1.0,
    1 + 0j,
    "1",
    b"1",
    bytearray(b"1"),
    0,
    0.0,
    -0.0,
    math.inf,
    math.nan,
    -1,
    10**30,
    "",
    b"",
    [],
    (),
    {},
    set(),
    frozenset(),
    [1],
    (1,),
    [True],
    [1.0],
    {1},
    frozenset({1}),
    {1: None},
    {"1": None},
    [[]],
    [[], []],
    [[[]]],
    ["a", "b"],
    ["ab"],
    ["a", ["b"]],
    [["a"], "b"],
    {"a": {"b": 1}},
    {"a": 1, "b": 1},
    {("a", "b"): 1},
    range(3),
    range(0, 3, 2),
    [0, 1, 2],
    Colour.RED,
    Colour.BLUE,
    Number.ONE,
    Point(1, 2),
    Point(2, 1),
    (1, 2),
    Page("a"),
    Page("a", 1),
    Leaf("a"),
    Path("a"),
    PurePosixPath("a/b"),
    "a",
    dt.date(2024, 1, 1),
    dt.datetime(2024, 1, 1),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, fold=1),
    dt.time(1),
    dt.timedelta(1),
    dt.timedelta(0, 1),
    Decimal("1"),
    Decimal("1.0"),
]


def test_different_values_have_different_digests() -> None:
    found: dict[bytes, Any] = {}
    for value in DIFFERENT:
        key = digest(value)
        assert key not in found, f"{value!r} and {found[key]!r}"
        found[key] = value


@pytest.mark.parametrize("value", DIFFERENT, ids=repr)
def test_the_same_value_has_the_same_digest(value: Any) -> None:
    import copy

    assert digest(copy.deepcopy(value)) == digest(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """A value with its types, so that what Python calls equal is told apart where we tell it apart."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(shape, value))
    if isinstance(value, dict):
        return kind, frozenset((shape(k), shape(v)) for k, v in value.items())
    if isinstance(value, set):
        return kind, frozenset(map(shape, value))
    return kind, value.hex() if isinstance(value, float) else value


@given(plain, plain)
def test_digests_are_equal_exactly_when_the_values_are(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


@given(st.lists(st.tuples(st.text(), st.integers()), unique_by=operator.itemgetter(0)), st.randoms())
def test_the_order_of_a_dict_does_not_matter(items: list[tuple[str, int]], random: Any) -> None:
    shuffled = items.copy()
    random.shuffle(shuffled)
    assert digest(dict(items)) == digest(dict(shuffled))


def test_a_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "from plait.core.digest import digest; print(digest([{'b': {1, 'x'}, 'a': 2.5}, frozenset('abc'), 'é']).hex())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


class Strange:
    pass


class Ordered(dict[str, int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Strange(),
        Ordered(),
        object(),
        threading.Lock(),
        lambda: 1,
        [1, [Strange()]],
        {"a": Strange()},
        {"a", Strange()},
        iter([]),
        Strange,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_on_the_list_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(Undigestable) as caught:
        digest(value)
    assert "0x" not in str(caught.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Undigestable, match="nested"):
        digest(value)


def test_a_limit_ends_the_work() -> None:
    assert digest("a" * 100, limit=1000) == digest("a" * 100)
    for value in ("a" * 2000, ["a"] * 500, {i: i for i in range(500)}):
        with pytest.raises(TooLarge):
            digest(value, limit=1000)


def test_arrays_and_models_count_with_all_that_they_are() -> None:
    np = pytest.importorskip("numpy")
    values = [
        np.array([1, 2]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array([2, 1]),
        np.array(["1", "2"]),
        np.array([1, None], dtype=object),
        np.int64(1),
        np.int32(1),
        np.zeros(1, dtype=[("a", "i4"), ("b", "i4")]),
        np.zeros(1, dtype=[("a", "i4"), ("c", "i4")]),
    ]
    assert len({digest(v) for v in values}) == len(values)
    assert digest(np.arange(6).reshape(2, 3).T) == digest(np.arange(6).reshape(2, 3).T.copy())
    with pytest.raises(TooLarge):
        digest(np.zeros(10_000), limit=1000)


def test_models_count_with_their_fields() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Query(pydantic.BaseModel):
        text: str
        top: int = 3

    assert digest(Query(text="a")) == digest(Query(text="a", top=3))
    assert digest(Query(text="a")) != digest(Query(text="a", top=4))


# What is accepted, and what is not


async def embed(text: str) -> list[float]:
    return [float(len(text))]


@pytest.mark.parametrize("cache", [True, MemoryCache(), Cache(), Cache(MemoryCache(), ttl=3)])
def test_a_cache_can_be_said_in_several_ways(cache: Any) -> None:
    made = step(embed, ["text"], "vector", cache=cache)
    assert made.cache is not None
    assert made.cache.key({"text": "a"}) == step(embed, ["text"], "other", cache=True).cache.key({"text": "a"})  # type: ignore[union-attr]


@pytest.mark.parametrize("cache", [None, False])
def test_no_cache(cache: Any) -> None:
    assert step(embed, ["text"], "vector", cache=cache).cache is None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: step(embed, cache="yes"), "cache is 'yes'"),  # type: ignore[call-overload]
        (lambda: step(embed, cache=MemoryCache), r"give an object, MemoryCache\(\.\.\.\)"),  # type: ignore[call-overload]
        (lambda: step(embed, cache=dict()), "cache is {}"),  # type: ignore[call-overload]
        (lambda: Cache(3), "a store has the methods get, set, delete, clear"),  # type: ignore[arg-type]
        (lambda: Cache(key="text"), "key is a function of the arguments"),  # type: ignore[arg-type]
        (lambda: Cache(version=1.5), "version is a string or a whole number"),  # type: ignore[arg-type]
        (lambda: Cache(version=True), "version is a string or a whole number"),
        (lambda: Cache(ttl=0), "ttl is 0"),
        (lambda: Cache(name=""), "name is a non-empty string"),
        (lambda: MemoryCache(0), "max_entries is 0"),
        (lambda: MemoryCache(None), "max_entries is None"),  # type: ignore[arg-type]
        (lambda: MemoryCache(max_bytes=-1), "max_bytes is -1"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        make()


def test_an_effect_has_no_cache() -> None:
    with pytest.raises(DefinitionError, match="effect=True and a cache"):
        step(embed, ["text"], "vector", effect=True, cache=True)


def test_a_step_that_writes_nothing_is_an_effect_and_is_refused_when_it_is_planned() -> None:
    pipeline = Pipeline([step(embed, ["text"], cache=True, name="send")])
    with pytest.raises(DefinitionError, match="step 'send' writes nothing, so it is an effect"):
        pipeline.plan()
    Pipeline([step(embed, ["text"], effect=False, cache=True)]).plan()


def test_a_step_that_takes_the_context_says_that_it_is_all_the_same() -> None:
    async def ask(text: str, context: StepContext) -> str:
        return f"{context.config['model']} {text}"

    with pytest.raises(DefinitionError, match=r'Config\("name"\)'):
        step(ask, ["text"], "answer", cache=True)
    assert step(ask, ["text"], "answer", cache=Cache(version=1)).cache is not None


class Client:
    """What can't be told apart from another one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Ranks:
    """A component with settings, and maybe something else."""

    def __init__(self, top: int, client: Any = None) -> None:
        self.top, self.client = top, client

    def __call__(self, pages: list[str]) -> list[str]:
        return pages[: self.top]


class Asks(Ranks):
    def cache_key(self) -> int:
        return self.top


class Versioned(Ranks):
    __plait_version__ = "3"


def test_what_can_t_be_told_apart_is_refused_where_it_is_written() -> None:
    client = Client()
    with pytest.raises(DefinitionError) as caught:
        step(lambda text: (client, text), ["text"], "x", name="ask", cache=True)
    assert "step 'ask': its cache can't tell whether" in str(caught.value)
    assert "the variable 'client'" in str(caught.value)
    assert 'cache=Cache(version="1")' in str(caught.value)
    with pytest.raises(DefinitionError, match=r"its attribute 'client' is a tests\.\S*Client"):
        step(Ranks(3, client), ["pages"], "best", cache=True)

    def late(text: str, client: Any = client) -> Any:
        return client, text

    with pytest.raises(DefinitionError, match="a default of it is a"):
        step(late, ["text"], "x", cache=True)


def test_a_version_is_the_cure_and_still_counts_the_settings() -> None:
    def key(component: Any, cache: Any = None, **inputs: Any) -> str:
        made = step(component, None, "x", cache=cache or Cache(version="1"))
        assert made.cache is not None
        return made.cache.key(inputs)

    assert key(Ranks(3, Client())) == key(Ranks(3, Client()))
    assert key(Ranks(3, Client())) != key(Ranks(4, Client()))
    assert key(Ranks(3)) != key(Ranks(3), Cache(version="2"))
    assert key(embed) != key(Ranks(3))


def test_with_a_version_a_lambda_needs_a_name() -> None:
    with pytest.raises(DefinitionError, match="a lambda has no name of its own"):
        step(lambda text: text, ["text"], "x", cache=Cache(version=1))
    step(lambda text: text, ["text"], "x", cache=Cache(version=1, name="same"))


class Slots:
    __slots__ = ("__private", "top")

    def __init__(self, top: int, private: int) -> None:
        self.top, self.__private = top, private

    def __call__(self, text: str) -> str:
        return text


class Inherits(Slots):
    __slots__ = ("__dict__", "__weakref__", "more")


class Mixed(Ranks, Slots):
    def __init__(self, top: int, private: int) -> None:
        Slots.__init__(self, top, private)


class Holds(dict[str, int]):
    def __call__(self, text: str) -> int:
        return self[text]


class Counts(int):
    def __call__(self, text: str) -> int:
        return self


class Fails(Exception):
    def __call__(self, text: str) -> str:
        return text


def test_slots_are_attributes() -> None:
    for cls in (Slots, Inherits, Mixed):
        assert key_of(cls(1, 2)) == key_of(cls(1, 2))
        assert len({key_of(cls(1, 2)), key_of(cls(1, 3)), key_of(cls(2, 2))}) == 3


@pytest.mark.parametrize(
    "component",
    [Holds(a=1), Counts(1), Fails("a"), operator.itemgetter(1), operator.methodcaller("lower")],
    ids=lambda component: type(component).__name__,
)
def test_what_holds_more_than_attributes_is_refused(component: Any) -> None:
    with pytest.raises(DefinitionError, match="what it holds is a"):
        step(component, {"text": "text"}, "x", cache=True)


# Which code it is


def key_of(component: Any, cache: Any = True, **arguments: Any) -> str:
    """The key of a call of a component."""
    made = step(component, None, "x", cache=cache)
    assert made.cache is not None
    return made.cache.key(arguments)


def compiled(source: str, **names: Any) -> Any:
    """The function ``f`` of a program, in a module of its own."""
    module = {"__name__": "program", **names}
    exec(source, module)
    return module["f"]


def test_the_same_code_has_the_same_key_wherever_it_stands() -> None:
    source = "def f(x):\n    return [y + 1 for y in x]\n"
    assert key_of(compiled(source)) == key_of(compiled("\n\n# moved down\n" + source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n return x + 1", "def f(x):\n return x + 2"),
        ("def f(x):\n return x + 1", "def f(x):\n return x - 1"),
        ("def f(x):\n return x + 1", "def f(x):\n return x + 1.0"),
        ("def f(x, y=1):\n return x", "def f(x, y=2):\n return x"),
        ("def f(*, x=1):\n return x", "def f(*, x=2):\n return x"),
        ("def f(x):\n return x.lower()", "def f(x):\n return x.upper()"),
        ("def f(x):\n return (lambda: 1)()", "def f(x):\n return (lambda: 2)()"),
        ("def f(x):\n return x in {'a', 'b'}", "def f(x):\n return x in {'a', 'c'}"),
        ("N = 1\ndef f(x):\n return x + N", "N = 2\ndef f(x):\n return x + N"),
        ("def g(x):\n return 1\ndef f(x):\n return g(x)", "def g(x):\n return 2\ndef f(x):\n return g(x)"),
        (
            "def h(x):\n return 1\ndef g(x):\n return h(x)\ndef f(x):\n return g(x)",
            "def h(x):\n return 2\ndef g(x):\n return h(x)\ndef f(x):\n return g(x)",
        ),
        (
            "class C:\n def m(self):\n  return 1\ndef f(x):\n return C().m()",
            "class C:\n def m(self):\n  return 2\ndef f(x):\n return C().m()",
        ),
        (
            "import functools\n@functools.cache\ndef f(x):\n return 1",
            "import functools\n@functools.cache\ndef f(x):\n return 2",
        ),
    ],
)
def test_other_code_has_another_key(one: str, other: str) -> None:
    assert key_of(compiled(one)) == key_of(compiled(one))
    assert key_of(compiled(one)) != key_of(compiled(other))


def test_what_a_function_closes_over_counts() -> None:
    def adding(n: Any) -> Any:
        def add(x: int) -> Any:
            return x + n

        return add

    assert key_of(adding(1)) == key_of(adding(1))
    assert key_of(adding(1)) != key_of(adding(2))
    assert key_of(adding(adding(1))) != key_of(adding(adding(2)))


def test_a_function_that_names_itself_has_a_key() -> None:
    def down(n: int) -> int:
        return down(n - 1) if n else 0

    assert key_of(down)


def test_partial_arguments_count_and_so_do_settings_of_objects() -> None:
    def scale(x: int, by: int) -> int:
        return x * by

    assert key_of(functools.partial(scale, by=2)) == key_of(functools.partial(scale, by=2))
    assert key_of(functools.partial(scale, by=2)) != key_of(functools.partial(scale, by=3))
    assert key_of(Ranks(3)) == key_of(Ranks(3))
    assert key_of(Ranks(3)) != key_of(Ranks(4))
    assert key_of(Ranks(3).__call__) != key_of(Ranks(4).__call__)
    assert key_of(len) != key_of(sum)


def test_code_of_a_class_and_of_its_bases_counts() -> None:
    def made(number: int) -> Any:
        module: dict[str, Any] = {"__name__": "program"}
        exec(
            f"class B:\n def n(self):\n  return {number}\nclass C(B):\n def __call__(self, x):\n  return x + self.n()",
            module,
        )
        return module["C"]()

    assert key_of(made(1)) == key_of(made(1))
    assert key_of(made(1)) != key_of(made(2))


def test_an_object_may_say_what_it_depends_on() -> None:
    ranks = Asks(3, Client())
    before = key_of(ranks)
    assert before == key_of(Asks(3, Client()))
    made = step(ranks, ["pages"], "best", cache=True)
    assert made.cache is not None
    first = made.cache.key({})
    ranks.top = 4  # it is asked anew each time
    assert made.cache.key({}) != first
    assert key_of(Versioned(3, Client())) == key_of(Versioned(3, Client()))
    assert key_of(Versioned(3)) != key_of(Versioned(4))


def test_an_object_that_has_loaded_something_since_is_still_the_same() -> None:
    ranks = Ranks(3)
    made = step(ranks, ["pages"], "best", cache=True)
    assert made.cache is not None
    before = made.cache.key({})
    ranks.client = Client()
    renamed = made.replace(name="other")
    assert renamed.cache is not None
    assert renamed.cache.key({}) == before


# Which call it is


def test_a_key_is_readable_and_tells_calls_apart() -> None:
    keys = [key_of(embed, text="a"), key_of(embed, text="b"), key_of(embed, word="a"), key_of(embed, text=["a"])]
    assert len(set(keys)) == 4
    assert all(key.startswith("embed:") for key in keys)
    assert key_of(embed, a=1, b=2) == key_of(embed, b=2, a=1)
    assert key_of(embed, Cache(name="mine"), text="a").startswith("mine:")
    assert key_of(embed, Cache(name="mine"), text="a")[5:] != key_of(embed, text="a")[6:]


def test_a_key_function_says_what_stands_for_the_arguments() -> None:
    cache = Cache(key=lambda inputs: inputs["text"].lower())
    assert key_of(embed, cache, text="A", client=Client()) == key_of(embed, cache, text="a", client=Client())
    assert key_of(embed, cache, text="b") != key_of(embed, cache, text="a")
    with pytest.raises(KeyError) as caught:
        key_of(embed, cache, word="a")
    assert "in the key function of the cache of 'embed'" in caught.value.__notes__


def test_an_argument_that_can_t_be_digested_is_named_with_its_type() -> None:
    with pytest.raises(Unkept) as caught:
        key_of(embed, text=Client())
    assert (caught.value.argument, caught.value.kind) == ("text", f"{__name__}.Client")


def test_two_conditions_with_other_branches_have_other_keys() -> None:
    from plait import switch

    def language(text: str) -> str:
        return "de"

    def key(cases: dict[str, Any]) -> str:
        made = switch(step(language, ["text"], cache=True), cases)
        assert made.condition.cache is not None
        return made.condition.cache.key({"text": "a"})

    there = step(embed, ["text"], "x")
    assert key({"de": there}) == key({"de": there})
    assert key({"de": there}) != key({"de": there, "en": there})


# Pipelines


def whole(*steps: Any, cache: Any = True, **options: Any) -> str:
    """The key of a run of a pipeline without inputs."""
    pipeline = Pipeline(list(steps), cache=cache, **options)
    assert pipeline._keeps is not None
    return pipeline._keeps.key({})


def test_a_pipeline_is_all_that_can_change_its_result() -> None:
    def other(text: str) -> str:
        return text

    one = step(embed, ["text"], "vector")
    same = step(embed, ["text"], "vector", timeout=3.0, resources={"gpu": 1})
    assert whole(one) == whole(same)
    keys = [
        whole(one),
        whole(step(other, ["text"], "vector")),
        whole(step(embed, {"text": "title"}, "vector")),
        whole(step(embed, ["text"], "v")),
        whole(step(embed, {"text": Config("text")}, "vector")),
        whole(step(embed, {"text": Config("text", "a")}, "vector")),
        whole(step(embed, ["text"], "vector", error_handler=Fallback(lambda error: []))),
        whole(one, name="other"),
        whole(one, step(other, ["text"], "other")),
        whole(if_else(lambda state: True, one, None)),
        whole(if_else(lambda state: False, one, None)),
        whole(map_reduce("vector", embed, input_map=["text"])),
        whole(map_reduce("vector", embed, sum, input_map=["text"])),
        whole(transform(lambda inputs: 1, ["text"], "vector")),
        whole(transform(lambda inputs: 2, ["text"], "vector")),
        whole(one, cache=Cache(name="mine")),
    ]
    assert len(set(keys)) == len(keys)


def test_a_pipeline_knows_the_settings_that_its_steps_read() -> None:
    one = step(embed, {"text": Config("model")}, "vector")
    inner = Pipeline([step(embed, {"text": Config("inner", "x")}, "other")])
    pipeline = Pipeline([one, inner], cache=True)
    assert pipeline._keeps is not None
    assert pipeline._keeps.settings == ("inner", "model")


def test_a_pipeline_with_an_effect_has_no_cache() -> None:
    with pytest.raises(DefinitionError, match="its step 'send' is an effect"):
        Pipeline([step(embed, ["text"], name="send")], cache=True)
    Pipeline([step(embed, ["text"], "vector"), log("done")], cache=True)


def test_a_pipeline_names_the_step_that_can_t_be_told_apart() -> None:
    steps = [step(Ranks(3, Client()), ["pages"], "best")]
    with pytest.raises(DefinitionError, match="its step 'ranks'"):
        Pipeline(steps, cache=True)
    with pytest.raises(DefinitionError, match="needs a name"):
        Pipeline(steps, cache=Cache(version=1))
    assert Pipeline(steps, name="rank", cache=Cache(version=1))._keeps is not None
    inside = [step(Ranks(3, Client()), ["pages"], "best", cache=Cache(version=1))]
    assert Pipeline(inside, cache=True)._keeps is not None


def test_a_pipeline_put_together_further_has_another_key() -> None:
    one = Pipeline([step(embed, ["text"], "vector")], cache=True)
    two = one | step(embed, ["text"], "other")
    assert one._keeps is not None
    assert two._keeps is not None
    assert one._keeps.key({}) != two._keeps.key({})


def test_a_component_that_takes_the_context_makes_a_pipeline_say_so() -> None:
    async def ask(text: str, context: StepContext) -> str:
        return text + str(current_step().config)

    with pytest.raises(DefinitionError, match="its step 'ask' takes the step's context"):
        Pipeline([step(ask, ["text"], "answer")], cache=True)
