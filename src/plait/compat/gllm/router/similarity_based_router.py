"""``SimilarityBasedRouter``: the route whose examples are nearest to a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plait.routers import SimilarityRouter


class SimilarityBasedRouter:
    """Chooses the route whose examples are nearest to a text; ``plait.routers.SimilarityRouter`` does the work.

    Args:
        em_invoker: an object with ``async def invoke(texts)`` that gives as many vectors.
        route_examples: for each route some texts.
        default_route: the route for texts that are near to none.
        similarity_threshold: how near is near enough.
    """

    def __init__(
        self,
        em_invoker: Any,
        route_examples: Mapping[str, Sequence[str]],
        default_route: str,
        similarity_threshold: float = 0.5,
    ) -> None:
        self.em_invoker, self.route_examples = em_invoker, dict(route_examples)
        self.default_route, self.similarity_threshold = default_route, similarity_threshold

        async def embed(texts: list[str]) -> Any:
            return await em_invoker.invoke(texts)

        self._inner = SimilarityRouter(
            self.route_examples, embed, default_route, threshold=similarity_threshold
        )
        self.valid_routes = {*self._inner.valid_routes, default_route}

    async def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route."""
        return await self._inner.route(source, route_filter)

    async def route(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route."""
        return await self(source, route_filter)
