"""The state of question answering with retrieval."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypedDict

from plait.errors import extra


class RAGState(TypedDict, total=False):
    """The keys of a pipeline that retrieves and answers. Nothing needs it: without a state type, any keys do."""

    user_query: str
    queries: list[str]
    retrieval_params: dict[str, Any]
    chunks: list[Any]
    history: list[Any]
    context: str
    response_synthesis_bundle: dict[str, Any]
    response: str
    references: str | list[str]
    event_emitter: Any


@lru_cache(maxsize=1)
def model() -> Any:
    """The same as a pydantic model.

    Raises:
        MissingExtra: pydantic is not installed.
    """
    try:
        from pydantic import ConfigDict, Field, create_model
    except ImportError:
        raise extra("pydantic", "pydantic", "RAGStateModel") from None
    fields: dict[str, Any] = {
        "user_query": (str, ...),
        "queries": (list[str], Field(default_factory=list)),
        "retrieval_params": (dict[str, Any], Field(default_factory=dict)),
        "chunks": (list[Any], Field(default_factory=list)),
        "history": (list[Any], Field(default_factory=list)),
        "context": (str, ""),
        "response_synthesis_bundle": (dict[str, Any], Field(default_factory=dict)),
        "response": (str, ""),
        "references": (str | list[str], Field(default_factory=list)),
        "event_emitter": (Any, None),
    }
    return create_model("RAGStateModel", __config__=ConfigDict(arbitrary_types_allowed=True), **fields)


def __getattr__(name: str) -> object:
    if name == "RAGStateModel":
        return model()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
