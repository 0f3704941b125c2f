"""The GL SDK's own components as steps, unchanged and offline, where its packages are installed.

Models are asked on this machine; data stores are in memory. What a component gives in a pipeline is held against what
its own ``run`` gives.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from typing import Any, TypedDict

import pytest

from plait import Config, DefinitionError, Pipeline, Val, events, parallel, step
from plait.core.component import Component as Found

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    schema = pytest.importorskip("gllm_core.schema", reason="gllm-core-binary is not installed")
    Component, main, Chunk, Lazy = schema.Component, schema.main, schema.Chunk, schema.Lazy

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def needs(*modules: str) -> list[Any]:
    """Modules of the SDK, or a skip that says which package is absent."""
    found = []
    for name in modules:
        package = name.partition(".")[0].replace("_", "-") + "-binary"
        found.append(pytest.importorskip(name, reason=f"{package} is not installed"))
    return found


def spoken(pipeline, inputs):
    with pipeline.stream(inputs) as stream:
        return [event.value for event in stream if isinstance(event, events.Emitted)], stream.result.state


# ---------------------------------------------------------------------- gllm-core


class State(TypedDict, total=False):
    text: str
    out: Any


class Repeat(Component):
    @main
    async def repeat(self, text: str, times: int = 2) -> str:
        return text * times


class Overrides(Repeat):
    async def repeat(self, text: str, times: int = 2) -> str:
        return f"({text * times})"


class Remarked(Repeat):
    @main
    async def other(self, text: str) -> str:
        return f"other {text}"


class ByName(Component):
    __main_method__ = "work"

    async def work(self, text: str) -> str:
        return f"named {text}"


class Legacy(Component):
    async def _run(self, **kwargs: Any) -> Any:
        return sorted(kwargs)


class Speaks(Component):
    @main
    async def speak(self, text: str, event_emitter: Any = None) -> str:
        for word in text.split() if event_emitter is not None else ():
            await event_emitter.emit(schema.Event(value=word))
        return f"{text}, {'with' if event_emitter is not None else 'without'} an emitter"


class MustSpeak(Component):
    @main
    async def speak(self, text: str, event_emitter: Any) -> str:
        await event_emitter.emit(text)
        return text


class Greets(Component):
    def __init__(self, greeting: str, mark: str = "!") -> None:
        self.greeting, self.mark = greeting, mark

    @main
    async def greet(self, name: str) -> str:
        return f"{self.greeting} {name}{self.mark}"


@pytest.mark.parametrize("make", [Repeat, Overrides, Remarked, ByName, Legacy, Speaks])
def test_a_pipeline_gives_what_run_gives(state_of, make):
    component = make()
    alone = asyncio.run(component.run(text="x"))
    assert state_of([step(component, ["text"], "out")], {"text": "x"})["out"] == alone


@pytest.mark.parametrize("make", [Repeat, Overrides, Remarked, ByName, Legacy, Speaks])
def test_a_pipeline_gives_what_the_original_gives(state_of, make):
    steps, pipelines = needs("gllm_pipeline.steps", "gllm_pipeline.pipeline.pipeline")
    theirs = steps.step(make(), input_map={"text": "text"}, output_state="out")
    original = pipelines.Pipeline([theirs], state_type=State)
    before = asyncio.run(original.invoke({"text": "x"}))["out"]
    assert state_of([step(make(), {"text": "text"}, "out")], {"text": "x"})["out"] == before


def test_run_is_called_so_what_it_does_around_the_work_is_done(state_of):
    class Counts(Repeat):
        runs = 0

        async def run(self, **kwargs: Any) -> Any:
            self.runs += 1
            return await super().run(**kwargs)

    counts = Counts()
    state_of([step(counts, ["text"], "out")], {"text": "x"})
    assert counts.runs == 1


def test_the_checks_know_the_main_method(problems):
    found = Found(Repeat())
    assert [(p.name, p.annotation, p.required) for p in found.params] == [
        ("text", str, True),
        ("times", int, False),
    ]
    assert found.returns is str
    assert re.search(r"E102.*'txt'.*did you mean 'text'", problems([step(Repeat(), {"txt": "text"}, "out")]))
    assert re.search(r"E103.*'text'", problems([step(Repeat(), {"times": "n"}, "out")]))
    assert re.search(r"E106.*returns str", problems([step(Repeat(), ["text"], ["a", "b"])]))


def test_a_class_with_conflicting_marks_is_refused_before_it_runs():
    class One(Component):
        @main
        async def one(self): ...

    class Two(Component):
        @main
        async def two(self): ...

    class Both(One, Two):
        pass

    class Neither(Component):
        pass

    with pytest.raises(DefinitionError, match="Both is no component: Conflicting main methods"):
        step(Both(), output_state="out")
    with pytest.raises(DefinitionError, match="Neither is a component without an entry"):
        step(Neither(), output_state="out")
    with pytest.raises(DefinitionError, match=r"Repeat is a class; pass an instance of it: step\(Repeat"):
        step(Repeat, output_state="out")


def test_events_go_into_the_stream_of_the_run(state_of):
    said, state = spoken(Pipeline([step(Speaks(), ["text"], "out")]), {"text": "one two"})
    assert [event.value for event in said] == ["one", "two"]
    assert state["out"] == "one two, with an emitter"
    assert state_of([step(MustSpeak(), ["text"], "out")], {"text": "x"})["out"] == "x"


def test_an_emitter_of_the_sdk_can_be_given(state_of):
    emitters, handlers = needs("gllm_core.event", "gllm_core.event.handler.event_handler")

    class Keeps(handlers.BaseEventHandler):
        def __init__(self):
            super().__init__()
            self.kept = []

        async def emit(self, event):
            self.kept.append(event.value)

    keeps = Keeps()
    given = {"text": "a b", "event_emitter": emitters.EventEmitter([keeps])}
    assert (
        state_of([step(Speaks(), ["text", "event_emitter"], "out")], given)["out"] == "a b, with an emitter"
    )
    assert keeps.kept == ["[Start 'Speaks']", "a", "b", "[Finished 'Speaks']"]


def test_a_dynamic_component_takes_what_it_is_made_with_and_what_it_is_given(state_of):
    dynamic = Greets.to_dynamic({"greeting": Lazy.from_runtime("words"), "mark": "?"}, cache_instances=True)
    assert [(p.name, p.required) for p in Found(dynamic).params] == [("words", True), ("name", True)]
    alone = asyncio.run(dynamic.run(words="hi", name="Ada"))
    inputs = {"words": "hi", "name": "Ada", "more": 1}
    assert state_of([step(dynamic, output_state="out")], inputs)["out"] == alone == "hi Ada?"
    by_setting = [step(dynamic, {"words": Config("greeting"), "name": "name"}, "out")]
    assert state_of(by_setting, {"name": "Bo"}, config={"greeting": "yo"})["out"] == "yo Bo?"
    made = Greets.to_dynamic({"greeting": Lazy.resolver(lambda a, b: a + b, arg_name=["a", "b"])})
    state = state_of([step(made, output_state="out")], {"a": "x", "b": "y", "name": "Cy"})
    assert state["out"] == "xy Cy!"


def test_a_tool_is_its_function_under_its_name(state_of, problems):
    @schema.tool
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    @schema.tool
    async def double(a: int) -> int:
        """Double."""
        return 2 * a

    repeat = Repeat().as_tool("say_again")
    steps = [
        step(add, output_state="sum"),
        step(double, {"a": "sum"}, "twice"),
        step(repeat, ["text"], "out"),
    ]
    state = state_of(steps, {"a": 2, "text": "x"})
    assert (state["sum"], state["twice"], state["out"]) == (3, 6, "xx")
    assert [(Found(tool).name, Found(tool).kind) for tool in (add, double, repeat)] == [
        ("add", "sync"),
        ("double", "async"),
        ("say_again", "async"),
    ]
    assert re.search(r"E102.*'aa'.*did you mean 'a'", problems([step(add, {"aa": "a"}, "out")]))


def test_resources_are_released_when_the_pipeline_is_left():
    class Holds(Repeat):
        released = 0

        async def release_resources(self) -> None:
            self.released += 1

    holds = Holds()
    with Pipeline([step(holds, ["text"], "out")]) as pipeline:
        assert pipeline.run({"text": "x"}).state["out"] == "xx"
    assert holds.released == 1
    assert Found(Repeat()).teardown is None


# ---------------------------------------------------------------------- gllm-inference


@pytest.fixture
def lm(models):
    (invokers,) = needs("gllm_inference.lm_invoker")
    needs("openai")
    return lambda: invokers.OpenAIChatCompletionsLMInvoker("local", api_key="none", base_url=models.url)


@pytest.fixture
def em(models):
    (invokers,) = needs("gllm_inference.em_invoker")
    needs("openai")
    return lambda: invokers.OpenAIEMInvoker("local", api_key="none", base_url=models.url)


def test_a_language_model_component(state_of, models, lm):
    (components,) = needs("gllm_inference.component")
    component = components.GenericLMComponent(lm())
    state = state_of([step(component, {"query": "question"}, {"answer": "text"})], {"question": "good day"})
    assert state["answer"] == "you said good day"
    assert asyncio.run(component.run(query="good day")).text == "you said good day"
    assert [asked.get("stream", False) for asked in models.asked] == [False, False]


def test_its_words_are_streamed_as_they_come(models, lm):
    (components,) = needs("gllm_inference.component")
    component = components.GenericLMComponent(lm())
    said, state = spoken(Pipeline([step(component, {"query": "q"}, "answer")]), {"q": "a b"})
    assert "".join(event.value for event in said) == "you said a b"
    assert state["answer"].text == "you said a b"
    assert models.asked[0]["stream"] is True


def test_prompt_variables_of_a_language_model_component(state_of, lm):
    (components,) = needs("gllm_inference.component")
    model = lm()
    model.prompt.build(user_template="{query}, {role}")
    given = step(
        components.GenericLMComponent(model), {"query": "q", "role": Val("pirate")}, {"answer": "text"}
    )
    assert state_of([given], {"q": "hi"})["answer"] == "you said hi, pirate"


# ---------------------------------------------------------------------- gllm-datastore and gllm-retrieval


def chunks(*texts):
    return [Chunk(content=text) for text in texts]


def contents(found):
    return [chunk.content for chunk in found]


TEXTS = ["a cat and a cat", "a dog and a cat", "a bird"]


@pytest.fixture
def store(em):
    (stores,) = needs("gllm_datastore.data_store")
    return stores.InMemoryDataStore().with_vector(em_invoker=em()).with_fulltext()


def test_a_data_store_s_methods_are_steps(state_of, store):
    steps = [
        step(store.fulltext.create, {"data": "chunks"}, name="write"),
        step(store.get_size, [], "size"),
    ]
    assert state_of(steps, {"chunks": chunks(*TEXTS)})["size"] == len(TEXTS)


def test_retrievers_side_by_side_and_what_follows_them(state_of, store, em):
    vector, fulltext, processors, rerankers = needs(
        "gllm_retrieval.retriever.vector_retriever_v2",
        "gllm_retrieval.retriever.fulltext_retriever",
        "gllm_retrieval.chunk_processor",
        "gllm_retrieval.reranker",
    )
    asyncio.run(store.vector.create(chunks(*TEXTS)))
    by_vector, by_text = vector.VectorRetriever(store), fulltext.FulltextRetriever(store)
    dedupe, rerank = processors.DedupeChunkProcessor(), rerankers.SimilarityReranker(em())
    steps = [
        parallel(
            [
                step(by_vector, {"query": "q", "top_k": Val(2)}, "near", name="near"),
                step(by_text, {"query": "q", "top_k": Val(2)}, "literal", name="literal"),
            ]
        ),
        step(lambda near, literal: [*near, *literal], output_state="found"),
        step(dedupe, {"chunks": "found"}, "unique"),
        step(rerank, {"chunks": "unique", "query": "q"}, "ranked"),
    ]
    state = state_of(steps, {"q": "dog"})

    async def alone():
        near = await by_vector.run(query="dog", top_k=2)
        literal = await by_text.run(query="dog", top_k=2)
        unique = await dedupe.run(chunks=[*near, *literal])
        return near, unique, await rerank.run(chunks=unique, query="dog")

    near, unique, ranked = asyncio.run(alone())
    assert contents(state["near"]) == contents(near)
    assert contents(state["unique"]) == contents(unique)
    assert contents(state["ranked"]) == contents(ranked)
    assert contents(ranked)[0] == TEXTS[1]


def test_a_query_is_transformed_by_a_model(state_of, lm):
    (transformers,) = needs("gllm_retrieval.query_transformer")
    model = lm()
    model.prompt.build(user_template="{query}")
    transformer = transformers.OneToOneQueryTransformer(lm_invoker=model)
    state = state_of([step(transformer, ["query"], "queries")], {"query": "cats?"})
    assert state["queries"] == asyncio.run(transformer.run(query="cats?")) == ["you said cats?"]


# ---------------------------------------------------------------------- gllm-generation


def test_chunks_are_filtered_repacked_and_answered_from(state_of, lm, em):
    filters, repackers, synthesizers, formatters = needs(
        "gllm_generation.relevance_filter",
        "gllm_generation.repacker",
        "gllm_generation.response_synthesizer",
        "gllm_generation.reference_formatter",
    )
    model = lm()
    model.prompt.build(system_template="Answer from {context}", user_template="{query}")
    steps = [
        step(filters.SimilarityRelevanceFilter(em(), threshold=0.9), {"chunks": "c", "query": "q"}, "kept"),
        step(repackers.Repacker(mode="context"), {"chunks": "kept"}, "context"),
        step(
            synthesizers.ResponseSynthesizer.stuff(lm_invoker=model),
            {"query": "q", "chunks": "kept"},
            "answer",
        ),
        step(
            formatters.SimilarityReferenceFormatter(em(), threshold=0.1),
            {"response": "answer", "chunks": "kept"},
            "references",
        ),
    ]
    given = [Chunk(content=text, metadata={"file_name": f"{text[2:5]}.pdf"}) for text in TEXTS]
    state = state_of(steps, {"c": given, "q": "cat"})
    assert contents(state["kept"]) == [TEXTS[0]]
    assert state["context"] == TEXTS[0]
    assert state["answer"] == "you said cat"
    assert state["references"] == "References:\n1. cat.pdf"


# ---------------------------------------------------------------------- gllm-misc


class Kept:
    """A cache with plain methods: this version of the component does not await those of gllm-datastore."""

    def __init__(self):
        self.values = {}

    def retrieve(self, key):
        return self.values.get(key)

    def store(self, key, value, ttl=None):
        self.values[key] = value


def test_a_cache_is_asked_and_filled(state_of):
    managers, routes = needs("gllm_misc.cache_manager", "gllm_misc.cache_manager.cache_manager")
    cache, operation = managers.CacheManager(Kept()), routes.CacheOperationType
    retrieve = {"operation": Val(operation.RETRIEVE), "key": "key"}
    steps = [
        step(cache, retrieve, ["before", "was_there"], name="look"),
        step(cache, {"operation": Val(operation.STORE), "key": "key", "value": "value"}, name="store"),
        step(cache, retrieve, ["after", "is_there"], name="again"),
    ]
    state = state_of(steps, {"key": "k", "value": "v"})
    assert (state["before"], state["was_there"]) == (None, False)
    assert (state["after"], state["is_there"]) == ("v", True)
