"""LangChain's own runnables as steps, where langchain-core is installed."""

from __future__ import annotations

import re
import typing
import warnings

import pytest

from plait import Optional, parallel, step, transform

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("langchain_core")
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
    from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel, RunnablePassthrough
    from langchain_core.tools import InjectedToolArg, Tool, tool

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def model(*answers):
    return FakeListChatModel(responses=list(answers))


class Words:
    def __init__(self, *words):
        self.words = words


class Talk(typing.TypedDict):
    question: str
    answer: str


@tool
def repeat(text: str, times: int = 2) -> str:
    """Repeat a text."""
    return text * times


@tool
async def shout(text: str) -> str:
    """Say a text loudly."""
    return text.upper()


def test_a_chain_of_prompt_model_and_parser(state_of):
    chain = ChatPromptTemplate.from_template("What is {thing}?") | model("an animal") | StrOutputParser()
    assert state_of([step(chain, {"thing": "word"}, "answer")], {"word": "a cat"})["answer"] == "an animal"


def test_its_parts_are_steps_as_well(state_of):
    steps = [
        step(ChatPromptTemplate.from_template("{greeting}, {name}"), ["greeting", "name"], "prompt"),
        step(model("Hello!"), ["prompt"], "message"),
        step(StrOutputParser(), ["message"], "answer"),
    ]
    state = state_of(steps, {"greeting": "Hi", "name": "Ada"})
    assert state["prompt"].to_string() == "Human: Hi, Ada"
    assert isinstance(state["message"], AIMessage)
    assert state["answer"] == "Hello!"


def test_a_prompt_of_one_variable_gets_it_by_name_whatever_its_value_is(state_of):
    prompt = PromptTemplate.from_template("{facts}")
    state = state_of([step(prompt, ["facts"], "prompt")], {"facts": {"a": 1}})
    assert state["prompt"].to_string() == "{'a': 1}"


def test_functions_of_one_value_and_of_a_dict(state_of):
    steps = [
        step(RunnableLambda(lambda x: x + 1), {"x": "n"}, "more", name="more"),
        step(RunnableLambda(lambda d: d["n"] * d["more"]), ["n", "more"], "product", name="product"),
        step(RunnableParallel(a=lambda x: x + 1, b=lambda x: x + 2), {"x": "product"}, ["a", "b"]),
    ]
    state = state_of(steps, {"n": 2})
    assert (state["more"], state["product"], state["a"], state["b"]) == (3, 6, 7, 8)


def test_an_async_function(state_of):
    async def later(x):
        return x * 2

    assert state_of([step(RunnableLambda(later), {"x": "n"}, "twice")], {"n": 2})["twice"] == 4


def test_a_chain_that_adds_to_a_dict_gets_one_made_by_a_transform(state_of):
    chain = RunnablePassthrough.assign(length=lambda d: len(d["text"]))
    steps = [transform(dict, ["text"], "given"), step(chain, ["given"], {"n": "length"})]
    assert state_of(steps, {"text": "abc"})["n"] == 3


def test_tools_take_their_arguments_by_name(state_of):
    steps = [step(repeat, output_state="twice"), step(shout, {"text": "twice"}, "loud")]
    state = state_of(steps, {"text": "ab"})
    assert (state["twice"], state["loud"]) == ("abab", "ABAB")
    given = [step(repeat, {"text": "word", "times": Optional("n", 3)}, "many")]
    assert state_of(given, {"word": "x"})["many"] == "xxx"


def test_a_tool_takes_what_a_model_is_not_told_of(state_of):
    @tool
    def greet(text: str, config: RunnableConfig, who: typing.Annotated[str, InjectedToolArg]) -> str:
        """Greet somebody."""
        return f"{text}, {who}" if "callbacks" in config else "no settings"

    @tool
    def count(words: Words, add: int = 0) -> int:
        """Count words, of a type that has no schema in JSON."""
        return len(words.words) + add

    steps = [step(greet, output_state="greeting"), step(count, ["words"], "count")]
    state = state_of(steps, {"text": "Hi", "who": "Ada", "words": Words("a", "b")})
    assert (state["greeting"], state["count"]) == ("Hi, Ada", 2)


def test_a_tool_of_one_text(state_of):
    upper = Tool("upper", lambda text: text.upper(), description="Say it loudly.")
    assert state_of([step(upper, {"tool_input": "text"}, "out")], {"text": "x"})["out"] == "X"


def test_the_answer_of_a_model_is_taken_apart_by_its_fields(state_of):
    steps = [step(model("Hello!"), {"input": "question"}, {"answer": "content", "kind": "type"})]
    state = state_of(steps, {"question": "Hi"})
    assert (state["answer"], state["kind"]) == ("Hello!", "ai")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda chain: chain.with_retry(),
        lambda chain: chain.with_config(run_name="named"),
        lambda chain: chain.with_fallbacks([StrOutputParser()]),
    ],
    ids=["retry", "settings", "fallbacks"],
)
def test_a_chain_in_a_chain_gets_its_one_input_by_name(state_of, wrap):
    def show(prompt):
        return prompt.to_string()

    chain = wrap(PromptTemplate.from_template("{facts}") | RunnableLambda(show))
    assert state_of([step(chain, {"facts": "f"}, "out")], {"f": {"a": 1}})["out"] == "{'a': 1}"


def test_the_checks_know_the_arguments_of_a_tool(problems):
    assert re.search(r"E102.*'txt'.*did you mean 'text'", problems([step(repeat, {"txt": "word"}, "out")]))
    assert re.search(r"E103.*'text'", problems([step(repeat, {"times": "n"}, "out")]))

    def count(text: str) -> int:
        return len(text)

    steps = [step(count, output_state="n"), step(repeat, {"text": "n"}, "out")]
    assert re.search(r"E105.*'repeat' takes 'text' as str, but 'n'.* is int", problems(steps))


def test_what_a_chain_gives_is_taken_apart_by_name(state_of):
    chain = model('{"topic": "cats", "mood": 0.5}') | JsonOutputParser()
    state = state_of([step(chain, ["question"], ["topic", "mood"])], {"question": "?"})
    assert (state["topic"], state["mood"]) == ("cats", 0.5)


def test_runnables_side_by_side_give_what_they_give_alone(state_of):
    chains = {
        name: ChatPromptTemplate.from_template(name + " of {text}") | model(name) | StrOutputParser()
        for name in ("topic", "mood", "language")
    }
    block = parallel([step(chain, ["text"], name, name=name) for name, chain in chains.items()])
    state = state_of([block], {"text": "x"})
    for name, chain in chains.items():
        assert state[name] == chain.invoke({"text": "x"}) == name


def test_the_error_of_a_runnable_is_that_of_the_step(state_of):
    def fails(x):
        raise ValueError(f"no {x}")

    with pytest.raises(ValueError, match="no luck") as caught:
        state_of([step(RunnableLambda(fails), {"x": "word"}, "out")], {"word": "luck"})
    assert any("'runnable_lambda'" in note for note in caught.value.__notes__)


def test_a_graph_of_langgraph_gets_a_dict_even_of_one_input(state_of):
    graphs = pytest.importorskip("langgraph.graph")
    graph = graphs.StateGraph(Talk)
    graph.add_node("think", lambda state: {"answer": state["question"] * 2})
    graph.add_edge(graphs.START, "think")
    graph.add_edge("think", graphs.END)
    compiled = graph.compile()
    state = state_of([step(compiled, {"question": "q"}, {"a": "answer"}, name="graph")], {"q": "why"})
    assert state["a"] == "whywhy"
