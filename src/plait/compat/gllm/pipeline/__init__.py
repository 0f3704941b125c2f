"""``Pipeline``, and the states that come with it."""

from plait.compat.gllm.pipeline.pipeline import Pipeline
from plait.compat.gllm.pipeline.states import RAGState

__all__ = ["Pipeline", "RAGState", "RAGStateModel"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name == "RAGStateModel":  # it needs pydantic
        from plait.compat.gllm.pipeline.states import model

        return model()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
