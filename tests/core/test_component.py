"""What can be a component, how it is called, and what is refused where it is written."""

from __future__ import annotations

import asyncio
import functools
import operator
from typing import Any
from unittest import mock

import pytest

from plait import DefinitionError, Pipeline, Retry, StepContext, step, transform
from plait.core.component import Component
from plait.testing.virtual import run_virtual


def plain(text: str, times: int = 2) -> str:
    return text * times


async def awaited(text: str, times: int = 2) -> str:
    await asyncio.sleep(1)
    return text * times


class Caller:
    def __call__(self, text: str, times: int = 2) -> str:
        return text * times


class AsyncCaller:
    async def __call__(self, text: str, times: int = 2) -> str:
        await asyncio.sleep(1)
        return text * times


def main(method):
    """What another library's decorator does: it leaves a mark, and we know nothing else of it."""
    method.__is_main__ = True
    return method


class Marked:
    @main
    async def work(self, text: str, times: int = 2) -> str:
        return text * times

    def __call__(self, text: str) -> str:
        raise AssertionError("the marked method is the entry, not __call__")


class MarkedByName:
    __main_method__ = "work"

    def work(self, text: str, times: int = 2) -> str:
        return text * times


class Runnable:
    def __init__(self) -> None:
        self.given: list[Any] = []

    async def ainvoke(self, given: Any) -> Any:
        self.given.append(given)
        return given * 2 if isinstance(given, str) else given


class Holder:
    def method(self, text: str, times: int = 2) -> str:
        return text * times

    @classmethod
    def of_class(cls, text: str, times: int = 2) -> str:
        return text * times

    @staticmethod
    def static(text: str, times: int = 2) -> str:
        return text * times


COMPONENTS = {
    "def": plain,
    "async def": awaited,
    "lambda": lambda text, times=2: text * times,
    "partial": functools.partial(plain, times=2),
    "partial of an async def": functools.partial(awaited, times=2),
    "object with __call__": Caller(),
    "object with async __call__": AsyncCaller(),
    "marked method": Marked(),
    "method marked by name": MarkedByName(),
    "bound method": Holder().method,
    "class method": Holder.of_class,
    "static method": Holder.static,
    "object with ainvoke": Runnable(),
}


@pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)
def test_every_kind_of_component_gives_the_same(component):
    pipeline = Pipeline([step(component, {"text": "word"}, "twice")])

    async def both():
        return await pipeline.invoke({"word": "ab"})

    assert run_virtual(both())["twice"] == "abab"
    assert pipeline.run({"word": "ab"}, mode="serial").state["twice"] == "abab"


def test_a_class_is_called_like_a_function_and_gives_its_instance():
    class Parsed:
        def __init__(self, text: str) -> None:
            self.text = text

    made = Pipeline([step(Parsed, ["text"], "parsed")]).run({"text": "x"}).state["parsed"]
    assert isinstance(made, Parsed)
    assert made.text == "x"


@pytest.mark.parametrize("builtin", [len, sorted, str.upper, operator.neg])
def test_a_builtin_is_a_component(builtin):
    value = 3 if builtin is operator.neg else "plait"
    name = next(iter(Component(builtin).params)).name
    state = Pipeline([step(builtin, {name: "given"}, "made")]).run({"given": value}).state
    assert state["made"] == builtin(value)


def test_ainvoke_takes_one_value_as_it_is_and_several_as_a_dict():
    one, several = Runnable(), Runnable()
    Pipeline([step(one, {"input": "text"}, "a"), step(several, {"x": "text", "y": "a"}, "b")]).run(
        {"text": "t"}
    )
    assert one.given == ["t"]
    assert several.given == [{"x": "t", "y": "tt"}]


def test_a_plain_def_that_gives_a_coroutine_is_awaited():
    async def later():
        await asyncio.sleep(0)
        return "late"

    def gives_it():
        return later()

    pipeline = Pipeline(
        [step(gives_it, [], "answer"), step(lambda answer: answer.upper(), output_state="up")]
    )
    assert pipeline.run({}).state["up"] == "LATE"
    assert pipeline.run({}, mode="serial").state["up"] == "LATE"


async def soon(text: str, times: int = 2) -> str:
    await asyncio.sleep(0)
    return text * times


class SoonCaller:
    async def __call__(self, text: str, times: int = 2) -> str:
        return await soon(text, times)

    async def method(self, text: str, times: int = 2) -> str:
        return await soon(text, times)

    @classmethod
    async def of_class(cls, text: str, times: int = 2) -> str:
        return await soon(text, times)

    @staticmethod
    async def static(text: str, times: int = 2) -> str:
        return await soon(text, times)

    partial = functools.partialmethod(method, times=2)


class HandsOver:
    def __call__(self, text: str, times: int = 2):
        return soon(text, times)


class Awaited:
    """A class whose instances are to be awaited."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __await__(self):
        return soon(self.text).__await__()


@functools.wraps(soon)
def wrapped(*args, **kwargs):
    return soon(*args, **kwargs)


def in_a_task(text: str):
    return asyncio.ensure_future(soon(text))


LATER = {
    "object with async __call__": SoonCaller(),
    "object that hands over": HandsOver(),
    "lambda": lambda text: soon(text or "nothing"),
    "lambda with a default": lambda text, times=2: soon(text, times),
    "partial": functools.partial(soon, times=2),
    "partial of a partial": functools.partial(functools.partial(soon), times=2),
    "partial of an object": functools.partial(SoonCaller(), times=2),
    "partial of a lambda": functools.partial(lambda text, end: soon(text + end), end=""),
    "partial of a method": functools.partial(SoonCaller().method, times=2),
    "bound method": SoonCaller().method,
    "partial method": SoonCaller().partial,
    "class method": SoonCaller.of_class,
    "static method": SoonCaller.static,
    "bound __call__": SoonCaller().__call__,
    "decorated": wrapped,
    "mock": mock.AsyncMock(side_effect=soon),
    "class to be awaited": Awaited,
}


@pytest.mark.parametrize("check_types", ["steps", "edges"])
@pytest.mark.parametrize("mode", ["parallel", "arun", "serial"])
@pytest.mark.parametrize("component", LATER.values(), ids=LATER)
def test_no_coroutine_is_left_in_the_state(component, mode, check_types):
    steps = [step(component, {"text": "word"}, "twice"), step(len, {"obj": "twice"}, "length")]
    pipeline = Pipeline(steps, check_types=check_types)
    if mode == "arun":
        state = run_virtual(pipeline.arun({"word": "ab"})).state
    else:
        state = pipeline.run({"word": "ab"}, mode=mode).state
    assert (state["twice"], state["length"]) == ("abab", 4)


@pytest.mark.parametrize("component", [SoonCaller(), HandsOver(), LATER["lambda"], LATER["partial"]])
def test_no_coroutine_is_left_where_a_step_has_settings(component):
    steps = [
        step(component, ["text"], "copied", copy=True, name="copied"),
        step(component, ["text"], "timed", timeout=5, retry=Retry(attempts=2), name="timed"),
        step(component, ["text"], "alone", exclusive=True, name="alone"),
        transform(lambda d: component(d["text"]), ["text"], "transformed"),
    ]
    for mode in ("parallel", "serial"):
        state = Pipeline(steps).run({"text": "ab"}, mode=mode).state
        assert {state[key] for key in ("copied", "timed", "alone", "transformed")} == {"abab"}


def test_a_coroutine_with_several_parts_is_taken_apart_when_it_has_ended():
    async def parts(text):
        return {"a": text, "b": text * 2}

    pipeline = Pipeline([step(lambda text: parts(str(text)), ["text"], {"x": "a", "y": "b"})])
    for mode in ("parallel", "serial"):
        state = pipeline.run({"text": "ab"}, mode=mode).state
        assert (state["x"], state["y"]) == ("ab", "abab")


def test_a_function_that_proved_instant_is_still_awaited():
    # Fifty quick calls move a plain function to the loop; what it gives is a coroutine there, too.
    calls = []

    def sometimes(text):
        calls.append(text)
        return soon(text) if len(calls) > 60 else text * 2

    pipeline = Pipeline([step(sometimes, ["text"], "twice")])
    assert {pipeline.run({"text": "ab"}).state["twice"] for _ in range(70)} == {"abab"}


def test_a_task_that_a_component_gives_is_awaited():
    pipeline = Pipeline([step(in_a_task, ["text"], "twice", executor="inline")])
    assert run_virtual(pipeline.arun({"text": "ab"})).state["twice"] == "abab"


def test_the_most_derived_marked_method_is_the_entry():
    class Derived(Marked):
        @main
        async def better(self, text: str) -> str:
            return f"better {text}"

    assert Pipeline([step(Derived(), ["text"], "out")]).run({"text": "x"}).state["out"] == "better x"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (plain, "plain"),
        (Caller(), "caller"),
        (AsyncCaller(), "async_caller"),
        (functools.partial(functools.partial(plain), times=1), "plain"),
        (lambda: 1, "lambda"),
        (type("HTTPServer2Client", (Caller,), {})(), "http_server2_client"),
        (Holder().method, "method"),
        (len, "len"),
    ],
)
def test_the_default_name_is_the_component_s_in_snake_case(given, name):
    assert Component(given).name == name


def test_a_context_parameter_is_no_input():
    class Model:
        def __call__(self, text: str, context: StepContext, *, limit: int = 3) -> str: ...

    found = Component(Model())
    assert [p.name for p in found.params] == ["text", "limit"]
    assert found.context_param == "context"
    assert [p.required for p in found.params] == [True, False]


def test_a_context_that_may_be_left_out_by_hand_is_given_by_a_run():
    def work(text: str, context: StepContext | None = None) -> str:
        return f"{text} in {context.path if context else 'no run'}"

    made = step(work, output_state="out")
    assert made("x") == "x in no run"
    assert Pipeline([made]).run({"text": "x", "context": "no"}).state["out"] == "x in work"


def test_what_has_no_annotation_takes_anything_where_types_are_checked():
    def work(text, times: int):
        return text * times

    pipeline = Pipeline([step(work, output_state="out")], check_types="steps")
    assert pipeline.run({"text": "ab", "times": 2}).state["out"] == "abab"
    with pytest.raises(TypeError, match="'work' wants 'times' as int, got str"):
        pipeline.run({"text": "ab", "times": "2"})


def test_an_annotation_that_can_not_be_resolved_does_no_harm():
    def odd(text: NotThere, context: plait.StepContext) -> Nowhere:  # noqa: F821
        return f"{text} in {context.path}"

    found = Component(odd)
    assert found.context_param == "context"
    assert Pipeline([step(odd, output_state="out")]).run({"text": "x"}).state["out"] == "x in odd"


def test_life_cycle_methods_are_found_on_objects_only():
    class Alive(Caller):
        def setup(self): ...
        async def aclose(self): ...

    class Both(Alive):
        def teardown(self): ...

    alive = Alive()
    assert Component(alive).setup == alive.setup
    assert Component(alive).teardown == alive.aclose
    both = Both()
    assert Component(both).teardown == both.teardown

    def function(): ...

    function.setup = lambda: None
    assert Component(function).setup is None


class Entry:
    def __call__(self, text): ...


def generator(text):
    yield text


async def async_generator(text):
    yield text


class GeneratorCaller:
    def __call__(self, text):
        yield text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "5 is not a component: a component is a function"),
        ("text", "'text' is not a component"),
        (Entry, r"Entry is a class; pass an instance of it: step\(Entry\(\.\.\.\), \.\.\.\)"),
        (Marked, r"Marked is a class; pass an instance of it"),
        (Runnable, r"Runnable is a class; pass an instance of it"),
        (generator, r"'generator' is a generator function.*current_step\(\)\.emit\(value\)"),
        (async_generator, "'async_generator' is a generator function"),
        (functools.partial(generator, 1), "'generator' is a generator function"),
        (GeneratorCaller(), "'generator_caller' is a generator function"),
    ],
)
def test_what_is_no_component_is_refused_with_the_cure(given, message):
    with pytest.raises(DefinitionError, match=message):
        step(given, ["text"], "out")
