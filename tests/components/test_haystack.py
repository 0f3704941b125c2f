"""Haystack's own components as steps, where haystack-ai is installed."""

from __future__ import annotations

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import DefinitionError, Optional, Pipeline, Val, current_step, events, parallel, step
from plait.core.component import Component

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("haystack")
    from haystack import Document, component
    from haystack.components.builders import ChatPromptBuilder, PromptBuilder
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.preprocessors import DocumentCleaner, DocumentSplitter
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
    from haystack.components.routers import ConditionalRouter
    from haystack.components.writers import DocumentWriter
    from haystack.dataclasses import ChatMessage
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import Secret

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = ["cats sleep all day", "dogs bark at night", "birds sing in the morning"]


@component
class Embed:
    """A made-up embedder: it is warm before it is called, and closed once."""

    def __init__(self):
        self.warm = self.closed = 0

    def warm_up(self):
        self.warm += 1

    def close(self):
        self.closed += 1

    @component.output_types(vector=list[float], length=int)
    def run(self, text: str, scale: float = 1.0):
        assert self.warm
        return {"vector": [scale * text.count(c) for c in "abc"], "length": len(text)}


@component
class EmbedLater(Embed):
    """One with both ways to run."""

    @component.output_types(vector=list[float], length=int)
    def run(self, text: str, scale: float = 1.0):
        raise AssertionError("the async way is there")

    @component.output_types(vector=list[float], length=int)
    async def run_async(self, text: str, scale: float = 1.0):
        assert self.warm
        return {"vector": [scale * text.count(c) for c in "abc"], "length": len(text)}


@pytest.fixture
def empty_store():
    # Its own threads would outlive the test.
    with ThreadPoolExecutor(1) as executor:
        yield InMemoryDocumentStore(async_executor=executor)


@pytest.fixture
def store(empty_store):
    empty_store.write_documents([Document(content=text) for text in TEXTS])
    return empty_store


def test_a_retriever_and_a_prompt_give_what_they_give_alone(state_of, store):
    retriever = InMemoryBM25Retriever(store)
    builder = PromptBuilder(
        "{% for d in documents %}{{ d.content }}. {% endfor %}{{ query }}?",
        required_variables=["documents", "query"],
    )
    steps = [
        step(retriever, {"query": "q", "top_k": Val(1)}, ["documents"]),
        step(builder, {"documents": "documents", "query": "q"}, ["prompt"]),
    ]
    state = state_of(steps, {"q": "dogs at night"})
    alone = retriever.run(query="dogs at night", top_k=1)["documents"]
    assert [d.content for d in state["documents"]] == [d.content for d in alone] == [TEXTS[1]]
    assert state["prompt"] == "dogs bark at night. dogs at night?"


def test_a_template_s_variables_are_parameters(state_of, problems):
    builder = PromptBuilder("{{ a }} and {{ b }}", required_variables="*")
    assert {"a", "b", "template", "template_variables"} == {p.name for p in Component(builder).params}
    assert state_of([step(builder, output_state=["prompt"])], {"a": 1, "b": 2})["prompt"] == "1 and 2"
    assert "E103" in problems([step(builder, {"a": "x"}, ["prompt"])])
    assert re.search(
        r"E102.*'bb'.*did you mean 'b'", problems([step(builder, {"a": "x", "bb": "y"}, ["prompt"])])
    )


@pytest.mark.parametrize("make", [Embed, EmbedLater])
def test_outputs_by_name_renamed_and_whole(state_of, make):
    state = state_of([step(make(), ["text"], ["vector", "length"])], {"text": "abca"})
    assert (state["vector"], state["length"]) == ([2.0, 1.0, 1.0], 4)
    given = {"text": "word", "scale": Optional("by", 2.0)}
    assert state_of([step(make(), given, {"v": "vector"})], {"word": "ab"})["v"] == [2.0, 2.0, 0.0]
    whole = state_of([step(make(), ["text"], "embedded")], {"text": "a"})["embedded"]
    assert whole == {"vector": [1.0, 0.0, 0.0], "length": 1}


def test_what_is_warmed_up_once_is_closed_once():
    embed = Embed()
    pipeline = Pipeline(
        [
            parallel(
                [
                    step(embed, ["text"], {"a": "length"}),
                    step(embed, {"text": "b"}, {"c": "length"}, name="n"),
                ]
            )
        ]
    )
    with pipeline:
        for _ in range(3):
            assert pipeline.run({"text": "x", "b": "yy"}).state["c"] == 2
    assert (embed.warm, embed.closed) == (1, 1)


def test_the_checks_know_the_outputs(problems):
    assert re.search(
        r"E106.*returns EmbedOutputs, which has no field 'vektor'; did you mean 'vector'",
        problems([step(Embed(), ["text"], ["vektor"])]),
    )
    assert re.search(r"E106.*no field 'len'", problems([step(Embed(), ["text"], {"n": "len"})]))

    def shout(text: str) -> str:
        return text.upper()

    steps = [step(Embed(), ["text"], ["length"]), step(shout, {"text": "length"}, "loud")]
    assert re.search(r"E105.*'shout' takes 'text' as str, but 'length'.* is int", problems(steps))


def test_what_takes_from_many_takes_a_list_of_them(state_of, store):
    retriever = InMemoryBM25Retriever(store)
    steps = [
        parallel(
            [
                step(retriever, {"query": "one", "top_k": Val(1)}, {"first": "documents"}, name="first"),
                step(retriever, {"query": "two", "top_k": Val(1)}, {"second": "documents"}, name="second"),
            ]
        ),
        step(lambda first, second: [first, second], output_state="both"),
        step(DocumentJoiner(sort_by_score=False), {"documents": "both"}, ["documents"]),
    ]
    state = state_of(steps, {"one": "cats", "two": "birds"})
    assert [d.content for d in state["documents"]] == [TEXTS[0], TEXTS[2]]


def test_a_router_gives_a_dict_of_the_branch_it_chose(state_of):
    router = ConditionalRouter(
        [
            {"condition": "{{ n > 5 }}", "output": "{{ n }}", "output_name": "many", "output_type": int},
            {"condition": "{{ n <= 5 }}", "output": "{{ n }}", "output_name": "few", "output_type": int},
        ]
    )
    assert state_of([step(router, ["n"], "chosen")], {"n": 7})["chosen"] == {"many": 7}


def test_documents_are_cleaned_split_and_written(state_of, empty_store):
    steps = [
        step(lambda texts: [Document(content=text) for text in texts], output_state="documents"),
        step(DocumentCleaner(), ["documents"], {"clean": "documents"}),
        step(
            DocumentSplitter(split_by="word", split_length=2, split_overlap=0),
            {"documents": "clean"},
            {"parts": "documents"},
        ),
        step(DocumentWriter(empty_store), {"documents": "parts"}, {"written": "documents_written"}),
    ]
    assert (
        state_of(steps, {"texts": ["one  two three", "four"]})["written"]
        == empty_store.count_documents()
        == 3
    )


def test_a_generator_asks_a_model_and_streams_into_the_run(state_of, models):
    pytest.importorskip("openai")

    async def tell(chunk):
        await current_step().emit(chunk.content)

    def generator(**options):
        return OpenAIChatGenerator(
            api_key=Secret.from_token("none"), model="local", api_base_url=models.url, **options
        )

    builder = ChatPromptBuilder([ChatMessage.from_user("hello {{ name }}")], required_variables="*")

    def steps(model):
        return [step(builder, ["name"], {"messages": "prompt"}), step(model, ["messages"], ["replies"])]

    plain = generator()
    for name in ("Ada", "Bo"):  # the second time on another loop
        assert state_of(steps(plain), {"name": name})["replies"][0].text == f"you said hello {name}"
    with Pipeline(steps(generator(streaming_callback=tell))).stream({"name": "Cy"}) as stream:
        said = [event.value for event in stream if isinstance(event, events.Emitted)]
    assert "".join(said) == stream.result.state["replies"][0].text == "you said hello Cy"


def test_a_class_is_refused_with_the_cure():
    with pytest.raises(DefinitionError, match=r"PromptBuilder is a class; pass an instance of it"):
        step(PromptBuilder, ["template"], "out")


def test_the_error_of_a_component_is_that_of_the_step(state_of):
    with pytest.raises(Exception, match="Missing required input variables") as caught:
        builder = PromptBuilder("{{ a }}", required_variables=["a", "b"])
        state_of([step(builder, ["a"], ["prompt"])], {"a": 1})
    assert any("'prompt_builder'" in note for note in caught.value.__notes__)
