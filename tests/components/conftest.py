"""Every way to run a pipeline, for components of other systems."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from plait import Pipeline, shutdown


@pytest.fixture(params=["run", "arun", "serial"])
def state_of(request: pytest.FixtureRequest) -> Iterator[Callable[..., dict[str, Any]]]:
    """`state_of(steps, inputs)`: the final state, once for every way to run."""

    def start(steps: list[Any], inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
        pipeline = Pipeline(steps)
        if request.param == "arun":
            return dict(asyncio.run(pipeline.arun(inputs, **options)).state)
        if request.param == "serial":
            return dict(pipeline.run(inputs, mode="serial", **options).state)
        return dict(pipeline.run(inputs, **options).state)

    yield start
    shutdown()


@pytest.fixture
def problems() -> Callable[[list[Any]], str]:
    """`problems(steps)`: what the checks find, a line each."""

    def found(steps: list[Any]) -> str:
        return "\n".join(f"{one.code} {one.message}" for one in Pipeline(steps).check())

    return found


class Answers(BaseHTTPRequestHandler):
    """Chat completions that say what they were asked, and embeddings that count words."""

    protocol_version = "HTTP/1.1"
    WORDS: ClassVar = ("cat", "dog", "bird")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(asked)  # type: ignore[attr-defined]
        if self.path.endswith("/embeddings"):
            self._whole(self._embedded(asked))
        elif asked.get("stream"):
            self._in_pieces(asked)
        else:
            message = {"role": "assistant", "content": self._said(asked)}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            self._whole({**self._head(asked, "chat.completion"), "choices": [choice], "usage": usage})

    @staticmethod
    def _head(asked: dict[str, Any], kind: str) -> dict[str, Any]:
        return {"id": "1", "object": kind, "created": 1, "model": asked["model"]}

    @staticmethod
    def _said(asked: dict[str, Any]) -> str:
        content = asked["messages"][-1]["content"]
        text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
        return f"you said {text}"

    def _embedded(self, asked: dict[str, Any]) -> dict[str, Any]:
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [
            {"object": "embedding", "index": i, "embedding": [*(float(t.count(w)) for w in self.WORDS), 0.1]}
            for i, t in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "model": asked["model"], "data": data, "usage": usage}

    def _whole(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _in_pieces(self, asked: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        first, *others = self._said(asked).split(" ")
        pieces = [{"content": first}, *({"content": f" {word}"} for word in others), {}]
        for delta in pieces:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            part = {**self._head(asked, "chat.completion.chunk"), "choices": [choice]}
            self.wfile.write(b"data: " + json.dumps(part).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


class Models:
    """A server on this machine that speaks as the model services do."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        self.asked: list[dict[str, Any]] = server.asked  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def model_server() -> Iterator[Models]:
    """The server, one for all tests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Models(server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def models(model_server: Models) -> Models:
    """`models.url`, and `models.asked`: what it was asked in this test."""
    model_server.asked.clear()
    return model_server
