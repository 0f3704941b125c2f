"""``ChatModel``: asks a language model, at any endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from plait.context import StepContext, current_step
from plait.core.names import listing
from plait.errors import DefinitionError, PlaitError, extra

_OURS: Final = frozenset({"messages", "model", "response_format", "stream"})
_FENCE: Final = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)


class BadAnswer(PlaitError, ValueError):
    """A language model answered something that can't be used: no text, or nothing that fits the schema.

    Its text says what is wrong and where, and never what was asked or answered.
    """


class ChatModel:
    """Asks a language model and returns its answer: ``step(ChatModel("gpt-5-mini"), {"prompt": "question"}, "answer")``.

    Works with every endpoint that speaks OpenAI's protocol, a local one included. It tries nothing again by itself: the
    step's ``retry=`` does, and waits as long as the provider says. Errors are those of the package ``openai``.

    Args:
        model: the model's name at the endpoint.
        base_url: where the endpoint is; None: what ``OPENAI_BASE_URL`` says, or OpenAI.
        api_key: the key; None: what ``OPENAI_API_KEY`` says.
        system: what the model is told before every prompt.
        temperature: how free its choice of words is; None: the endpoint decides.
        max_tokens: how long an answer may be; None: the endpoint decides.
        schema: a TypedDict, a dataclass or a pydantic model. The endpoint is asked for JSON of that form, and the result
            is such an object; an answer that is none is a ``BadAnswer``.
        stream: whether each piece of the answer is emitted as it comes, for those who stream the run. The result is
            the whole answer all the same.
        timeout: seconds that the endpoint may stay silent; None: what the package ``openai`` holds for right.
        options: further arguments of the package's ``chat.completions.create``.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: type[Any] | None = None,
        stream: bool = False,
        timeout: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise DefinitionError(f"ChatModel(model={model!r}): model is the name of a model")
        if schema is not None and not _is_schema(schema):
            raise DefinitionError(
                f"ChatModel(schema={schema!r}): schema is a TypedDict, a dataclass or a pydantic model"
            )
        taken = sorted(_OURS & set(options or ()))
        if taken:
            raise DefinitionError(
                f"ChatModel(options=): {listing(taken)} can't be given there; they follow from the other arguments"
            )
        self.model, self.base_url, self.system, self.schema = model, base_url, system, schema
        self.temperature, self.max_tokens = temperature, max_tokens
        self.stream, self.timeout, self.options = stream, timeout, dict(options or {})
        self._api_key = api_key
        self._begin()

    def _begin(self) -> None:
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._lock = threading.Lock()
        self._adapter: Any = None

    def __repr__(self) -> str:
        return f"ChatModel({self.model!r})"

    def __getstate__(self) -> dict[str, Any]:
        """What a worker needs to make a client of its own."""
        return {
            key: value for key, value in self.__dict__.items() if key not in ("_clients", "_lock", "_adapter")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    async def setup(self) -> None:
        """Make the client of this event loop.

        Raises:
            MissingExtra: the package ``openai`` is not installed.
        """
        self._client()
        self._prepared()

    async def aclose(self) -> None:
        """Close every client that was made."""
        with self._lock:
            clients, self._clients = self._clients, {}
        here = asyncio.get_running_loop()
        for loop, client in clients.items():
            if loop is here:
                await client.close()
            elif loop.is_running():
                with suppress(RuntimeError):  # it was closed this very moment, and the connections with it
                    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.close(), loop))

    async def __call__(self, prompt: str) -> Any:
        """Ask the model.

        Raises:
            BadAnswer: the answer can't be used.
            openai.OpenAIError: the endpoint refused, failed or could not be reached; a stream that was cut is an
                ``openai.APIConnectionError``.
        """
        asked = self._asked(prompt)
        context = _context()
        client = self._client()
        try:
            if self.stream:
                text, reason, usage = await _streamed(client, asked, context)
            else:
                text, reason, usage = _whole(await client.chat.completions.create(**asked))
        except ValueError as error:
            if isinstance(error, BadAnswer):
                raise
            # No "from": the cause would hold the answer.
            raise BadAnswer(f"{self.model} answered with something that is no JSON") from None
        _charge(context, usage)
        if text is None:
            raise BadAnswer(f"{self.model} answered without a text; it ended with {reason!r}")
        return text if self.schema is None else self._parsed(text, reason)

    def _asked(self, prompt: str) -> dict[str, Any]:
        if not isinstance(prompt, str):
            raise TypeError(f"ChatModel: the prompt is of type {type(prompt).__name__}; it is a text")
        messages = [{"role": "system", "content": self.system}] if self.system is not None else []
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [*messages, {"role": "user", "content": prompt}],
        }
        if self.temperature is not None:
            asked["temperature"] = self.temperature
        if self.max_tokens is not None:
            asked["max_tokens"] = self.max_tokens
        if self.schema is not None:
            asked["response_format"] = self._prepared()[1]
        if self.stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return asked | self.options

    def _client(self) -> Any:
        """The client of the running loop; its connections belong to that loop."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            try:
                openai = _openai()
            except ImportError:
                raise extra("openai", "openai", "ChatModel") from None
            settings: dict[str, Any] = {} if self.timeout is None else {"timeout": self.timeout}
            client = openai.AsyncOpenAI(
                base_url=self.base_url, api_key=self._api_key, max_retries=0, **settings
            )
            with self._lock:
                for other in [one for one in self._clients if one.is_closed()]:
                    del self._clients[other]
                client = self._clients.setdefault(loop, client)
        return client

    def _prepared(self) -> tuple[Any, dict[str, Any]]:
        """What checks an answer, and how the endpoint is asked for one."""
        if self.schema is None:
            return None, {}
        if self._adapter is None:
            from pydantic import PydanticUserError, TypeAdapter

            try:
                adapter: Any = TypeAdapter(self.schema)
                form = adapter.json_schema()
            except PydanticUserError as error:
                raise DefinitionError(
                    f"ChatModel(schema={self.schema.__name__}): it can't be told as a JSON schema: {error.message}"
                ) from error
            named = re.sub(r"[^A-Za-z0-9_-]", "_", self.schema.__name__)[:64]
            told = {"name": named, "schema": form, "strict": _close(form)}
            self._adapter = adapter, {"type": "json_schema", "json_schema": told}
        found: tuple[Any, dict[str, Any]] = self._adapter
        return found

    def _parsed(self, text: str, reason: str | None) -> Any:
        from pydantic import ValidationError

        fenced = _FENCE.fullmatch(text)
        try:
            return self._prepared()[0].validate_json(fenced[1] if fenced else text)
        except ValidationError as error:
            # Only known places and kinds: values, and keys that the model made up, are its words.
            found = error.errors(include_url=False, include_context=False, include_input=False)
            known = _properties(self._prepared()[1])
            wrong = ", ".join(f"{_place(one['loc'], known)} ({one['type']})" for one in found[:5])
        cut = "; it was cut at max_tokens" if reason == "length" else ""
        name = getattr(self.schema, "__name__", "schema")
        raise BadAnswer(f"the answer of {self.model} is no {name}: {wrong}{cut}")


def _openai() -> Any:
    # By name: type checkers need not have the package.
    return import_module("openai")


def _is_schema(schema: object) -> bool:
    from typing_extensions import is_typeddict  # it knows its own and those of typing

    return isinstance(schema, type) and (
        is_typeddict(schema) or dataclasses.is_dataclass(schema) or hasattr(schema, "model_json_schema")
    )


def _close(form: Any) -> bool:
    """Forbid further properties in place, and tell whether the whole is as strict as endpoints want strict ones to be."""
    if isinstance(form, list):
        return all([_close(one) for one in form])  # noqa: C419  (all of them are closed)
    if not isinstance(form, dict):
        return True
    strict = True
    if form.get("type") == "object":
        properties = form.get("properties")
        if properties is not None and form.get("additionalProperties") in (None, False):
            form["additionalProperties"] = False
            strict = set(form.get("required", ())) == set(properties)
        else:
            strict = False
    return all([strict, *(_close(one) for one in form.values())])


def _properties(form: Any) -> set[str]:
    """The names of all properties in a schema."""
    if isinstance(form, list):
        return set().union(*map(_properties, form))
    if not isinstance(form, dict):
        return set()
    return set(form.get("properties", ())).union(*map(_properties, form.values()))


def _place(where: tuple[int | str, ...], known: set[str]) -> str:
    return ".".join(str(x) if isinstance(x, int) or x in known else "…" for x in where) or "the whole"


def _whole(answer: Any) -> tuple[str | None, str | None, Any]:
    choices = getattr(answer, "choices", None)
    if not choices:
        raise BadAnswer("the endpoint answered with something that is no chat completion")
    return choices[0].message.content, choices[0].finish_reason, answer.usage


async def _streamed(
    client: Any, asked: dict[str, Any], context: StepContext | None
) -> tuple[str | None, str | None, Any]:
    openai = _openai()
    pieces: list[str] = []
    reason: str | None = None
    usage: Any = None
    async with await client.chat.completions.create(**asked) as stream:
        async for chunk in stream:
            usage = getattr(chunk, "usage", None) or usage
            for choice in getattr(chunk, "choices", None) or ():
                piece = choice.delta.content
                if piece:
                    pieces.append(piece)
                    if context is not None:
                        await context.emit(piece)
                reason = choice.finish_reason or reason
        if reason is None:  # the package takes the end of the connection for the end of the answer
            raise openai.APIConnectionError(
                message="the connection ended before the answer did", request=stream.response.request
            )
    return "".join(pieces) if pieces or reason == "stop" else None, reason, usage


def _context() -> StepContext | None:
    try:
        return current_step()
    except PlaitError:
        return None  # called by hand


def _charge(context: StepContext | None, usage: Any) -> None:
    """Tell the limits what the call really took."""
    tokens = getattr(usage, "total_tokens", None)
    if context is not None and isinstance(tokens, int) and tokens > 0:
        context.charge(tokens=tokens)
