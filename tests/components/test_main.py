"""The convention of ``@main``, imitated: what Plait knows of it is how it looks, so these tests always run."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plait import Config, DefinitionError, Pipeline, Val, events, shutdown, step
from plait.core.component import Component
from plait.testing.reference import run_reference


def main(method):
    method.__is_main__ = True
    return method


class Base:
    """As a base class is that finds the marked method itself: most derived, then by name, then `_run`."""

    def __init__(self) -> None:
        self.ran: list[dict[str, Any]] = []

    @classmethod
    def get_main(cls):
        for base in cls.__mro__:
            marked = [name for name, member in vars(base).items() if hasattr(member, "__is_main__")]
            if len(marked) > 1:
                raise TypeError(f"{cls.__name__} has several")
            if marked:
                return getattr(cls, marked[0])
        named = getattr(cls, "__main_method__", None)
        return getattr(cls, named or "_run")

    async def run(self, **kwargs: Any) -> Any:
        self.ran.append(kwargs)
        return await getattr(self, self.get_main().__name__)(**kwargs)

    async def _run(self, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def release_resources(self) -> None:
        """Nothing to let go of."""


class Repeat(Base):
    @main
    async def repeat(self, text: str, times: int = 2) -> str:
        return text * times


class Twice(Repeat):
    async def repeat(self, text: str, times: int = 2) -> str:
        return f"({text * times})"


class Other(Repeat):
    @main
    async def other(self, text: str) -> str:
        return f"other {text}"


class Named(Base):
    __main_method__ = "named"

    async def named(self, text: str) -> str:
        return f"named {text}"


class Legacy(Base):
    async def _run(self, **kwargs: Any) -> Any:
        return sorted(kwargs.items())


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (Repeat(), "xx"),
        (Twice(), "(xx)"),
        (Other(), "other x"),
        (Named(), "named x"),
        (Legacy(), [("text", "x")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_component_is_run_by_its_own_run_with_keywords(state_of, component, expected):
    component.ran.clear()
    assert state_of([step(component, {"text": "word"}, "out")], {"word": "x"})["out"] == expected
    assert component.ran == [{"text": "x"}]


def test_parameters_are_those_of_the_main_method_and_names_are_the_keys(state_of):
    found = Component(Repeat())
    assert [(p.name, p.annotation, p.required) for p in found.params] == [
        ("text", str, True),
        ("times", int, False),
    ]
    assert (found.returns, found.kind, found.takes_any) == (str, "async", False)
    assert state_of([step(Repeat(), output_state="out")], {"text": "x", "times": 3})["out"] == "xxx"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (step(Repeat(), {"txt": "text"}, "out"), "E102.*'txt'.*did you mean 'text'"),
        (step(Repeat(), {"times": "text"}, "out"), "E103.*'text'"),
        (step(Repeat(), {"text": Val(5)}, "out"), "E105.*'text' as str"),
        (step(Repeat(), ["text"], ["a", "b"]), "E106.*returns str"),
    ],
    ids=["E102", "E103", "E105", "E106"],
)
def test_the_checks_know_the_main_method(wrong, message, problems):
    assert re.search(message, problems([wrong]))


def test_a_legacy_component_reads_the_whole_state_without_an_input_map(state_of):
    state = state_of([step(Legacy(), output_state="out")], {"a": 1, "b": 2})
    assert state["out"] == [("a", 1), ("b", 2)]


def test_a_class_with_two_marks_or_none_is_refused_where_it_is_used():
    class Several(Base):
        @main
        async def one(self): ...

        @main
        async def two(self): ...

    class Nothing(Base):
        pass

    with pytest.raises(DefinitionError, match="Several is no component: Several has several"):
        step(Several(), output_state="out")
    with pytest.raises(DefinitionError, match=r"Nothing is a component without an entry.*@main"):
        step(Nothing(), output_state="out")
    with pytest.raises(DefinitionError, match=r"Repeat is a class; pass an instance of it: step\(Repeat"):
        step(Repeat, output_state="out")


class Speaks(Base):
    @main
    async def speak(self, text: str, event_emitter: Any = None) -> str:
        if event_emitter is None:
            return f"silent {text}"
        for word in text.split():
            await event_emitter.emit(word)
        return f"spoken {text}"


class MustSpeak(Base):
    @main
    async def speak(self, text: str, event_emitter: Any) -> str:
        await event_emitter.emit(text)
        return type(event_emitter).__name__


def emitted(pipeline, inputs):
    with pipeline.stream(inputs) as stream:
        return [event.value for event in stream if isinstance(event, events.Emitted)], stream.result.state


def test_an_emitter_sends_into_the_stream_of_the_run():
    said, state = emitted(Pipeline([step(Speaks(), ["text"], "out")]), {"text": "one two"})
    assert said == ["one", "two"]
    assert state["out"] == "spoken one two"


def test_without_a_listener_a_component_that_can_do_without_gets_no_emitter(state_of):
    assert state_of([step(Speaks(), ["text"], "out")], {"text": "x"})["out"] == "silent x"
    assert state_of([step(MustSpeak(), ["text"], "out")], {"text": "x"})["out"] == "EventEmitter"


def test_an_emitter_may_be_all_that_a_component_takes(state_of):
    class Announces(Base):
        @main
        async def announce(self, event_emitter: Any) -> str:
            await event_emitter.emit("here")
            return "announced"

    assert state_of([step(Announces(), [], "out")], {})["out"] == "announced"
    assert emitted(Pipeline([step(Announces(), [], "out")]), {}) == (["here"], {"out": "announced"})


def test_blocking_components_in_a_row_emit_while_they_run():
    class Blocks:
        __main_method__ = "work"

        def __init__(self, name):
            self.name = name

        def work(self, event_emitter=None):
            if event_emitter is not None:
                event_emitter.emit(self.name)

    steps = [step(Blocks(name), [], f"{name}_out", name=name) for name in "abc"]
    with Pipeline(steps).stream({}) as stream:
        seen = [(type(e).__name__, e.path) for e in stream if hasattr(e, "path")]
    assert seen == [(kind, name) for name in "abc" for kind in ("StepStarted", "Emitted", "StepFinished")]


@pytest.mark.parametrize("mode", ["concurrent", "serial"])
def test_an_observer_is_a_listener(mode):
    class Observer:
        def __init__(self):
            self.seen = []

        def on_event(self, event):
            if isinstance(event, events.Emitted):
                self.seen.append((event.path, event.value))

    observer = Observer()
    options = {"mode": "serial"} if mode == "serial" else {}
    Pipeline([step(Speaks(), ["text"], "out")]).run({"text": "a b"}, observers=[observer], **options)
    assert observer.seen == [("speaks", "a"), ("speaks", "b")]


def test_the_reference_listens():
    found = run_reference(Pipeline([step(Speaks(), ["text"], "out")]), {"text": "a b"})
    assert found.state["out"] == "spoken a b"
    assert found.emitted == [("speaks", "a"), ("speaks", "b")]


def test_an_emitter_that_is_given_is_not_replaced(state_of):
    class Own:
        def __init__(self):
            self.said = []

        async def emit(self, value):
            self.said.append(value)

    mapped, by_name = Own(), Own()
    state_of([step(Speaks(), {"text": "text", "event_emitter": Val(mapped)}, "out")], {"text": "a"})
    state_of([step(Speaks(), output_state="out")], {"text": "b", "event_emitter": by_name})
    assert (mapped.said, by_name.said) == (["a"], ["b"])
    silent = [step(Speaks(), {"text": "text", "event_emitter": Val(None)}, "out")]
    assert emitted(Pipeline(silent), {"text": "c"}) == ([], {"text": "c", "out": "silent c"})


def test_an_argument_named_like_the_emitter_is_nothing_special_for_a_function(state_of):
    def work(text, event_emitter="none"):
        return f"{text} {event_emitter}"

    assert state_of([step(work, ["text"], "out")], {"text": "x"})["out"] == "x none"


def test_resources_are_released_when_the_pipeline_is_left():
    class Holds(Repeat):
        released = 0

        async def release_resources(self) -> None:
            self.released += 1

    holds = Holds()
    pipeline = Pipeline([step(holds, ["text"], "out")])
    with pipeline:
        assert pipeline.run({"text": "x"}).state["out"] == "xx"
        assert holds.released == 0
    assert holds.released == 1
    pipeline.run({"text": "x"})
    shutdown()
    assert holds.released == 2


def test_the_release_of_the_base_class_keeps_nothing_alive():
    assert Component(Repeat()).teardown is None

    class Torn(Base):
        @main
        async def work(self): ...

        async def aclose(self): ...

        async def release_resources(self): ...

    torn = Torn()
    assert Component(torn).teardown == torn.aclose


class Late:
    """As a value is that another component gets when it is made, at run time."""

    def __init__(self, name=None, arguments=None):
        self._runtime_name, self._arg_name = name, arguments


class Dynamic(Base):
    def __init__(self, component_class, init_kwargs):
        super().__init__()
        self._component_class, self._init_kwargs = component_class, init_kwargs

    async def _run(self, **kwargs):
        made = {
            key: kwargs.pop(value._runtime_name) if isinstance(value, Late) else value
            for key, value in self._init_kwargs.items()
        }
        return await self._component_class(**made).run(**kwargs)


class Greets(Base):
    def __init__(self, greeting, mark="!"):
        super().__init__()
        self.greeting, self.mark = greeting, mark

    @main
    async def greet(self, name: str, event_emitter: Any = None) -> str:
        if event_emitter is not None:
            await event_emitter.emit(name)
        return f"{self.greeting} {name}{self.mark}"


def test_a_component_that_makes_another_takes_what_both_need(state_of):
    dynamic = Dynamic(Greets, {"greeting": Late("words"), "mark": "?"})
    found = Component(dynamic)
    assert [(p.name, p.required) for p in found.params] == [
        ("words", True),
        ("name", True),
        ("event_emitter", False),
    ]
    several = Component(
        Dynamic(Greets, {"greeting": Late(arguments=["a", "b"]), "mark": Late(arguments="a")})
    )
    assert [p.name for p in several.params] == ["a", "b", "name", "event_emitter"]
    inputs = {"words": "hi", "name": "Ada", "more": 1}
    assert state_of([step(dynamic, output_state="out")], inputs)["out"] == "hi Ada?"
    by_setting = [step(dynamic, {"words": Config("greeting"), "name": "name"}, "out")]
    assert state_of(by_setting, {"name": "Bo"}, config={"greeting": "yo"})["out"] == "yo Bo?"


class FunctionTool:
    """As a tool of that system is: a function with a name and schemas."""

    input_schema = output_schema = None

    def __init__(self, name, func, *, is_async):
        self.name, self.func, self.is_async = name, func, is_async

    def __call__(self, *args, **kwargs):
        return self.func(*args, **kwargs)

    async def invoke(self, **kwargs):
        raise AssertionError("it is called as the function it is")


def test_a_tool_is_its_function_under_its_name(state_of):
    async def double(a: int) -> int:
        return 2 * a

    later = FunctionTool("doubleIt", double, is_async=True)
    now = FunctionTool("addOne", lambda a: a + 1, is_async=False)
    assert state_of([step(later, ["a"], "b"), step(now, {"a": "b"}, "c")], {"a": 2})["c"] == 5
    assert [(Component(t).name, Component(t).kind) for t in (later, now)] == [
        ("double_it", "async"),
        ("add_one", "sync"),
    ]
    assert [p.name for p in Component(later).params] == ["a"]


def test_an_object_that_is_none_of_these_is_told_of_its_method():
    class Client:
        def process(self, text): ...

    with pytest.raises(DefinitionError, match=r"is not a component.*did you mean .* step\(….process, …\)"):
        step(Client(), ["text"], "out")
