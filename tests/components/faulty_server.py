"""A model server on this machine that answers by a script, and badly where the script says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


class Answer(NamedTuple):
    """What the server says to one request; `after` seconds of silence first, and `cut` ends the connection."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}
    kind: str = "application/json"
    after: float = 0.0
    cut: bool = False


Script: TypeAlias = "Answer | Callable[[dict[str, Any]], Answer]"
"""An answer, or a function from the body of a request to one."""


def said(text: str | None, *, reason: str = "stop", after: float = 0.0) -> Answer:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": reason, "message": message}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Answer(json.dumps({**body, "usage": USAGE}).encode(), after=after)


def failed(status: int, **headers: str) -> Answer:
    """An error of the service; `retry_after="1"` is the header `retry-after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(b'{"error": {"message": "no"}}', status, named)


def streamed(*pieces: str, cut: bool = False, quiet: bool = False) -> Answer:
    """A streamed completion; cut: without its end, by a connection that breaks, or (quiet) one that ends well."""
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces
    ]
    lines = [{**head, "choices": [choice]} for choice in choices]
    if not cut and not quiet:
        lines.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines.append({**head, "choices": [], "usage": USAGE})
    body = b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)
    if not cut and not quiet:
        body += b"data: [DONE]\n\n"
    return Answer(body, kind="text/event-stream", cut=cut)


class FaultyServer:
    """Gives its answers in order; the last one again and again.

    Attributes:
        url: where it is.
        asked: the bodies of all requests.
        keys: what stood in their `authorization`.
    """

    def __init__(self, answers: Iterable[Script]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            async with asyncio.timeout(10):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(json.loads(body))
                self.keys.append(headers.get("authorization", ""))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not isinstance(answer, Answer):
                    answer = answer(self.asked[-1])
                await asyncio.sleep(answer.after)
                length = len(answer.body) + (100 if answer.cut else 0)
                given = {
                    "content-type": answer.kind,
                    "content-length": str(length),
                    "connection": "close",
                    **answer.headers,
                }
                lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
                writer.write(f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode() + answer.body)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, and the test says what that means
        finally:
            writer.close()


@asynccontextmanager
async def faulty(*answers: Script) -> AsyncIterator[FaultyServer]:
    """A server on a free port of 127.0.0.1, for the length of a block."""
    served = FaultyServer(answers)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(served.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
