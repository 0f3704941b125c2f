"""``SimilarityRouter``: the route whose examples are nearest in meaning to a text."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from operator import mul
from typing import Any, Literal, TypeAlias

from plait.core.component import is_async
from plait.errors import DefinitionError
from plait.routers.base import Router, best, life_of, routes_of, strings_of, turn_async

Vector: TypeAlias = "tuple[float, ...]"
Vectors: TypeAlias = "Iterable[Iterable[float]]"
Embed: TypeAlias = "Callable[[list[str]], Vectors | Awaitable[Vectors]]"


class SimilarityRouter(Router):
    """Chooses the route whose examples are nearest to a text, by the cosine of their vectors.

    ``SimilarityRouter({"billing": ["I was charged twice"], "technical": ["the app crashes"]}, embed, "other")``

    The examples are embedded once in a process: by ``setup``, which a pipeline calls, or else by the first use. Calls at
    the same time wait for it. If ``embed`` is an object with a ``setup`` or ``teardown`` of its own, they are called too.

    Args:
        routes: for each route some texts as people would write them.
        embed: a function from a list of texts to as many vectors of one length: lists of numbers, or an array. A plain
            ``def`` runs in a thread. With an ``async def`` the router is async as well, and so are its ``explain``
            and ``setup``.
        default_route: what is returned when no route is near enough; without one that is a ``RouteError``.
        threshold: a route must be nearer than this, from -1 to 1. What is near depends on the embedding: look at
            what ``explain`` says of texts that should, and should not, match.
        aggregate: how near a route is: ``"max"``: as its nearest example; ``"mean"``: the mean of all its
            examples; a number: the mean of so many nearest ones, or of all if it has fewer.
    """

    def __init__(
        self,
        routes: Mapping[str, Sequence[str]],
        embed: Embed,
        default_route: str | None = None,
        *,
        threshold: float = 0.0,
        aggregate: Literal["max", "mean"] | int = "max",
    ) -> None:
        name = type(self).__name__
        given = routes_of(name, routes, "its examples")
        super().__init__(given, default_route)
        self._examples = {
            route: strings_of(name, route, given[route], "examples") for route in self.valid_routes
        }
        if not callable(embed) or isinstance(embed, type):
            raise DefinitionError(
                f"{name}(embed={embed!r}): embed is a function from a list of texts to their vectors"
            )
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not -1 <= threshold < 1:
            raise DefinitionError(
                f"{name}(threshold={threshold!r}): threshold is a number from -1 to below 1"
            )
        if aggregate not in ("max", "mean") and (
            isinstance(aggregate, bool) or not isinstance(aggregate, int) or aggregate < 1
        ):
            raise DefinitionError(
                f"{name}(aggregate={aggregate!r}): aggregate is 'max', 'mean', or how many examples to take the mean of"
            )
        self.embed: Callable[[list[str]], Any] = embed
        self.threshold, self.aggregate = float(threshold), aggregate
        self._vectors: dict[str, list[Vector]] | None = None
        self._lock = threading.Lock()
        self._embedding: Future[None] | None = None
        if is_async(embed):
            turn_async(self, SimilarityRouter, _AsyncSimilarityRouter)

    def __getstate__(self) -> dict[str, Any]:
        # Another process makes its own lock and embeds for itself.
        return {**vars(self), "_lock": None, "_embedding": None, "_vectors": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def setup(self) -> Any:
        """Embed the examples now, unless that was done."""
        self._known()

    def teardown(self) -> Any:
        """Tear down the ``embed`` object, if it has something to tear down."""
        ending = life_of(self.embed, "teardown", "aclose")
        if ending is None:
            return None
        self._vectors = None  # the next use begins with its set-up again
        return ending()

    def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose the route whose examples are nearest to the text."""
        allowed, text = self._allowed(route_filter), self._text(source)
        if not allowed:
            return self._settled(None, allowed)
        known = self._known()
        return self._nearest(self._vector(self.embed([text]), known), known, allowed)

    async def route(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose a route for a text; the same as calling the router, for code that awaits.

        A blocking ``embed`` runs in a thread meanwhile, which a cancelled call leaves to end by itself; a step waits for it.
        """
        return await asyncio.to_thread(self, source, route_filter)

    def explain(self, source: str) -> Any:
        """For each route how near it is to the text, from -1 to 1; 0 for a text of which nothing is known."""
        known = self._known()
        return self._scores(self._vector(self.embed([self._text(source)]), known), known, self.valid_routes)

    def _known(self) -> dict[str, list[Vector]]:
        known = self._vectors
        if known is None:
            with self._lock:
                known = self._vectors
                if known is None:
                    beginning = life_of(self.embed, "setup")
                    if beginning is not None and inspect.isawaitable(waiting := beginning()):
                        _close(waiting)
                        raise TypeError(
                            f"{type(self).__name__}: embed has an async setup, so its __call__ must be an async def too"
                        )
                    known = self._vectors = self._taken(self.embed(self._all_examples()))
        return known

    def _all_examples(self) -> list[str]:
        return [example for examples in self._examples.values() for example in examples]

    def _taken(self, answer: Any) -> dict[str, list[Vector]]:
        """What ``embed`` gave for the examples, checked and of length 1 each."""
        vectors = iter(self._read(answer, sum(map(len, self._examples.values()))))
        known: dict[str, list[Vector]] = {}
        for route, examples in self._examples.items():
            known[route] = []
            for example, vector in zip(examples, vectors):  # noqa: B905  (the vectors of the next routes remain)
                unit = _unit(vector)
                if unit is None:
                    raise ValueError(
                        f"{type(self).__name__}: embed gave a vector of zeros for the example {example!r} of route"
                        f" {route!r}, which is near to nothing; use words that the embedding knows"
                    )
                known[route].append(unit)
        return known

    def _vector(self, answer: Any, known: dict[str, list[Vector]]) -> Vector | None:
        """What ``embed`` gave for the source, of length 1; None if it knows nothing of it."""
        (vector,) = self._read(answer, 1)
        wanted = len(next(iter(known.values()))[0])
        if len(vector) != wanted:
            raise ValueError(
                f"{type(self).__name__}: embed gave {len(vector)} numbers for the source and {wanted} for each example"
            )
        return _unit(vector)

    def _read(self, answer: Any, count: int) -> list[Vector]:
        """As many vectors as there were texts, all of one length, all of finite numbers."""
        name = type(self).__name__
        if inspect.isawaitable(answer):
            _close(answer)
            raise TypeError(
                f"{name}: embed is a plain function and returned an awaitable; make it an async def"
            )
        rows = answer.tolist() if callable(getattr(answer, "tolist", None)) else answer
        try:
            vectors = [
                tuple(map(float, row.tolist() if callable(getattr(row, "tolist", None)) else row))
                for row in rows
            ]
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: embed returned {_shape(answer)}; it returns a list of vectors, one for each text"
            ) from error
        if len(vectors) != count:
            raise ValueError(
                f"{name}: embed returned {len(vectors)} vectors for {count} texts; it returns one for each"
            )
        lengths = sorted({len(vector) for vector in vectors})
        if lengths[0] == 0 or len(lengths) > 1:
            raise ValueError(
                f"{name}: embed returned vectors of {' and '.join(map(str, lengths))} numbers; all must be as long"
            )
        if not all(map(math.isfinite, (number for vector in vectors for number in vector))):
            raise ValueError(f"{name}: embed returned a vector with a number that is not finite")
        return vectors

    def _scores(
        self, vector: Vector | None, known: dict[str, list[Vector]], routes: Iterable[str]
    ) -> dict[str, float]:
        if vector is None:
            return dict.fromkeys(routes, 0.0)
        return {route: self._aggregated(_cosines(vector, known[route])) for route in routes}

    def _aggregated(self, cosines: Iterator[float]) -> float:
        if self.aggregate == "max":
            return max(cosines)
        values = sorted(cosines, reverse=True)
        kept = values[: self.aggregate] if isinstance(self.aggregate, int) else values
        return math.fsum(kept) / len(kept)

    def _nearest(
        self, vector: Vector | None, known: dict[str, list[Vector]], allowed: tuple[str, ...]
    ) -> str:
        if vector is None:
            return self._settled(None, allowed, ": embed gave a vector of zeros for the source")
        found = best(self._scores(vector, known, allowed), above=self.threshold)
        return self._settled(found, allowed, f": none is nearer than the threshold of {self.threshold:g}")


class _AsyncSimilarityRouter(SimilarityRouter):
    """The same around an ``embed`` that is awaited; ``SimilarityRouter`` turns into it by itself."""

    async def setup(self) -> None:
        await self._known_async()

    async def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:  # type: ignore[override]  # seen by Plait
        allowed, text = self._allowed(route_filter), self._text(source)
        if not allowed:
            return self._settled(None, allowed)
        known = await self._known_async()
        return self._nearest(self._vector(await self.embed([text]), known), known, allowed)

    async def route(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        return await self(source, route_filter)

    async def explain(self, source: str) -> dict[str, float]:
        known = await self._known_async()
        vector = self._vector(await self.embed([self._text(source)]), known)
        return self._scores(vector, known, self.valid_routes)

    async def _known_async(self) -> dict[str, list[Vector]]:
        """The examples' vectors: whoever comes first embeds, all others wait for it, on whatever loop they are."""
        while (known := self._vectors) is None:
            with self._lock:
                future, mine = self._embedding, self._embedding is None
                if future is None:
                    future = self._embedding = Future()
            if mine:
                try:
                    if self._vectors is None:
                        await self._embed_examples()
                finally:
                    self._embedding = None
                    future.set_result(None)
            else:
                await asyncio.wrap_future(_followed(future))
            # there, failed or given up by the one who began: look again
        return known

    async def _embed_examples(self) -> None:
        beginning = life_of(self.embed, "setup")
        if beginning is not None and inspect.isawaitable(waiting := beginning()):
            await waiting
        self._vectors = self._taken(await self.embed(self._all_examples()))


_AsyncSimilarityRouter.__name__ = (
    SimilarityRouter.__name__
)  # steps and errors are named after what was written


def _followed(future: Future[None]) -> Future[None]:
    """A future that ends with another, and may be cancelled without it."""
    follower: Future[None] = Future()

    def end(_: Future[None]) -> None:
        if follower.set_running_or_notify_cancel():
            follower.set_result(None)

    future.add_done_callback(end)
    return follower


def _unit(vector: Vector) -> Vector | None:
    # Scaled first: squares of very small or large numbers leave what a float can hold.
    largest = max(map(abs, vector))
    if not largest:
        return None
    scaled = [number / largest for number in vector]
    length = math.sqrt(math.fsum(map(mul, scaled, scaled)))
    return tuple(number / length for number in scaled)


def _cosines(vector: Vector, others: Iterable[Vector]) -> Iterator[float]:
    # A rounding error must not make equal directions more than equal.
    return (max(-1.0, min(1.0, sum(map(mul, vector, other)))) for other in others)


def _shape(answer: object) -> str:
    shape = getattr(answer, "shape", None)
    return f"{type(answer).__name__}" + (f" of shape {shape}" if shape is not None else "")


def _close(waiting: Any) -> None:
    """End a coroutine that is not awaited, so that Python does not warn of it as well."""
    if inspect.iscoroutine(waiting):
        waiting.close()
