"""A language model as a component, against a server that answers badly on purpose."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import pickle
import subprocess
import sys

import pytest
from tests.components.faulty_server import Answer, failed, faulty, said, streamed
from typing_extensions import TypedDict

from plait import (
    DefinitionError,
    Keep,
    Limit,
    Limits,
    MissingExtra,
    Pipeline,
    Retry,
    StepContext,
    StepTimeout,
    shutdown,
    step,
)
from plait.components import BadAnswer, ChatModel

KEY = "sk-a-secret"
SECRET = "what nobody may read"


class Letter(TypedDict):
    to: str
    words: int


@dataclasses.dataclass
class Counts:
    counts: dict[str, int]


@dataclasses.dataclass
class Note:
    text: str
    stars: int = 1


@pytest.fixture
def openai(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pytest.importorskip("openai")


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    shutdown()


def asked(answers, *, retry=None, timeout=None, prompt=SECRET, **options):
    """Run one step that asks the server: the result and the server."""

    async def main():
        async with faulty(*answers) as server:
            chat = ChatModel("m", base_url=server.url, api_key=KEY, **options)
            pipeline = Pipeline([step(chat, {"prompt": "prompt"}, "answer", retry=retry, timeout=timeout)])
            async with pipeline:
                try:
                    return await pipeline.arun({"prompt": prompt}), server
                except Exception as error:
                    return error, server

    return asyncio.run(main())


def test_the_answer_is_the_result(openai) -> None:
    result, server = asked(
        [said("yes")], system="be brief", temperature=0.0, max_tokens=5, options={"seed": 1}
    )
    assert result.state["answer"] == "yes"
    assert server.asked == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": SECRET}],
            "temperature": 0.0,
            "max_tokens": 5,
            "seed": 1,
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]


def test_the_environment_names_the_endpoint_and_the_key(openai, monkeypatch) -> None:
    async def main():
        async with faulty(said("yes")) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_KEY", "from-outside")
            chat = ChatModel("m")
            assert await chat("?") == "yes"
            await chat.aclose()
            assert server.keys == ["Bearer from-outside"]

    asyncio.run(main())


def test_nothing_is_tried_again_unless_the_step_says_so(openai) -> None:
    error, server = asked([failed(429, retry_after="1"), said("yes")])
    assert type(error) is openai.RateLimitError
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"retry_after_ms": "60"}, 0.06),
        ({"retry_after": "0.05"}, 0.05),
        ({"retry_after": "-5"}, 0.0),
        ({"retry_after": "soon"}, 0.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({}, 0.0),
    ],
)
def test_a_retry_waits_as_long_as_the_provider_says(openai, headers, least) -> None:
    result, server = asked(
        [failed(429, **headers), failed(500), said("yes")],
        retry=Retry(3, backoff=0.001, on=openai.APIStatusError),
    )
    assert result.state["answer"] == "yes"
    assert len(server.asked) == 3
    assert result.report.wall >= least


def test_a_slow_endpoint_ends_with_the_step_or_with_its_own_timeout(openai) -> None:
    error, _ = asked([said("late", after=5)], timeout=0.2)
    assert isinstance(error, StepTimeout)
    error, _ = asked([said("late", after=5)], options={"timeout": 0.1})
    assert type(error) is openai.APITimeoutError


def test_a_stream_is_emitted_piece_by_piece(openai) -> None:
    async def main():
        async with faulty(streamed("one ", "two ", "three")) as server:
            chat = ChatModel("m", base_url=server.url, api_key=KEY, stream=True)
            pipeline = Pipeline([step(chat, {"prompt": "prompt"}, "answer")])
            async with pipeline:
                run = pipeline.astream({"prompt": "?"}, mode="custom")
                pieces = [piece async for piece in run]
                assert server.asked[0]["stream_options"] == {"include_usage": True}
                return pieces

    pieces = asyncio.run(main())
    assert [getattr(piece, "value", piece) for piece in pieces] == ["one ", "two ", "three"]


def test_the_whole_of_a_stream_is_the_result(openai) -> None:
    result, _ = asked([streamed("one ", "two")], stream=True)
    assert result.state["answer"] == "one two"


@pytest.mark.parametrize("how", [{"cut": True}, {"quiet": True}])
def test_a_stream_that_was_cut_is_an_error_and_can_be_tried_again(openai, how) -> None:
    error, _ = asked([streamed("one ", **how)], stream=True)
    assert isinstance(error, openai.APIConnectionError)
    result, _ = asked(
        [streamed("one ", **how), streamed("one ", "two")],
        stream=True,
        retry=Retry(2, backoff=0, on=openai.APIConnectionError),
    )
    assert result.state["answer"] == "one two"


def test_a_schema_gives_checked_objects(openai) -> None:
    result, server = asked([said('{"to": "Ann", "words": 3}')], schema=Letter)
    assert result.state["answer"] == {"to": "Ann", "words": 3}
    told = server.asked[0]["response_format"]["json_schema"]
    assert told["name"] == "Letter"
    assert told["strict"] is True
    assert told["schema"]["additionalProperties"] is False

    result, server = asked([said('```json\n{"text": "hm"}\n```')], schema=Note)
    assert result.state["answer"] == Note("hm", 1)
    assert server.asked[0]["response_format"]["json_schema"]["strict"] is False


def test_a_pydantic_model_and_a_stream_go_together(openai) -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Sum", total=(int, ...))
    result, _ = asked([streamed('{"tot', 'al": 4}')], schema=model, stream=True)
    assert result.state["answer"] == model(total=4)


@pytest.mark.parametrize(
    ("answer", "options", "match"),
    [
        (said(SECRET), {"schema": Letter}, r"no Letter: the whole \(json_invalid\)"),
        (
            said(json.dumps({"to": 5, "words": SECRET})),
            {"schema": Letter},
            r"to \(string_type\).*words \(int_parsing\)",
        ),
        (said('{"to": "An', reason="length"), {"schema": Letter}, "cut at max_tokens"),
        (said(json.dumps({SECRET: "x"})), {"schema": Counts}, r"no Counts: counts \(missing\)"),
        (said(json.dumps({"counts": {SECRET: "x"}})), {"schema": Counts}, r"counts\.… \(int_parsing\)"),
        (said(None, reason="tool_calls"), {}, "without a text; it ended with 'tool_calls'"),
        (Answer(b'{"choices": "' + SECRET.encode()), {}, "no JSON"),
        (Answer(b"{}"), {}, "no chat completion"),
        (Answer(SECRET.encode(), kind="text/html"), {}, "no chat completion"),
    ],
)
def test_a_wrong_answer_is_told_without_its_words_and_can_be_tried_again(
    openai, caplog, answer, options, match
) -> None:
    caplog.set_level(logging.INFO)
    error, _ = asked([answer], **options)
    assert type(error) is BadAnswer
    with pytest.raises(BadAnswer, match=match):
        raise error
    assert error.__cause__ is None
    assert SECRET not in f"{error}{caplog.text}"
    right = said('{"to": "Ann", "words": 3, "counts": {}}')
    result, _ = asked([answer, right], retry=Retry(2, backoff=0, on=BadAnswer), **options)
    assert result.state["answer"]


@pytest.mark.parametrize(
    ("answer", "options"),
    [(said("yes"), {}), (streamed("yes"), {"stream": True}), (said("no json"), {"schema": Letter})],
)
def test_usage_is_charged_to_the_limits_also_for_a_wrong_answer(openai, monkeypatch, answer, options) -> None:
    charged = []
    charge = StepContext.charge

    def seen(self, *, tokens, resource=None):
        charged.append(tokens)
        charge(self, tokens=tokens, resource=resource)

    monkeypatch.setattr(StepContext, "charge", seen)

    async def main():
        async with faulty(answer) as server:
            chat = ChatModel("m", base_url=server.url, api_key=KEY, **options)
            one = step(chat, {"prompt": "prompt"}, "answer", resources={"api": 1}, error_handler=Keep())
            async with Pipeline([one], limits=Limits({"api": Limit(tpm=1000)})) as pipeline:
                await pipeline.arun({"prompt": "?"})

    asyncio.run(main())
    assert charged == [7]


def test_every_loop_has_a_client_of_its_own_and_all_are_closed(openai) -> None:
    chat = ChatModel("m", api_key=KEY)

    async def client():
        await chat.setup()
        assert chat._client() is chat._client()
        return chat._client()

    first = asyncio.run(client())

    async def second():
        other = await client()
        await chat.aclose()
        return other

    other = asyncio.run(second())
    assert other is not first
    assert other.is_closed()
    assert not chat._clients


def test_no_key_is_shown_and_a_copy_for_a_worker_begins_anew(openai) -> None:
    chat = ChatModel("m", api_key=KEY, schema=Letter)

    async def main():
        await chat.setup()
        copied = pickle.loads(pickle.dumps(chat))
        await chat.aclose()
        return copied

    copied = asyncio.run(main())
    assert KEY not in repr(chat)
    assert copied.model == "m"
    assert not copied._clients


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        (("",), {}, "model is the name"),
        (("m",), {"schema": dict}, "schema is a TypedDict, a dataclass or a pydantic model"),
        (("m",), {"options": {"stream": True}}, "follow from the other arguments"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments, options, match) -> None:
    with pytest.raises(DefinitionError, match=match):
        ChatModel(*arguments, **options)


def test_a_prompt_that_is_no_text_is_told(openai) -> None:
    error, server = asked([said("yes")], prompt=5)
    assert "of type int" in str(error) or "int" in repr(error)
    assert not server.asked


def test_without_the_package_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"plait\[openai\]"):
        asyncio.run(ChatModel("m").setup())


def test_naming_a_model_loads_no_package() -> None:
    code = "import sys; from plait.components import ChatModel; ChatModel('m'); print({'openai', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_example_of_the_page_runs(openai) -> None:
    from examples.how_to.call_a_language_model import pipeline_with

    def answer(request):
        if request.get("stream"):
            return streamed("It is ", "noted.")
        return said('{"product": "kettle", "urgent": true}')

    async def main():
        async with (
            faulty(answer) as server,
            pipeline_with("m", base_url=server.url, api_key=KEY) as pipeline,
        ):
            return await pipeline.arun({"letter": "My kettle leaks!"})

    state = asyncio.run(main()).state
    assert state["answer"] == "It is noted."
    assert state["ticket"] == {"product": "kettle", "urgent": True}
