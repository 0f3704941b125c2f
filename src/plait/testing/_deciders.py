"""Components of drawn pipelines that decide something: conditions, counters, and what handles errors.

Whatever they answer follows from what they were given, so it is the same in every order of completion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from plait.testing._cases import AsyncPart, CallLog, Part, PlannedFailure


class Asked(Part):
    """A condition: it chooses one of its answers by what it was given.

    Args:
        label: its name in the case.
        log: where it notes its calls.
        answers: what it chooses from; one that is there twice is chosen twice as often.
        turns: stop at every so many turns of the counter ``n``; 0 never stops.
        stop: the answer then.
        settings: those of a ``Part``.
    """

    def __init__(
        self,
        label: str,
        log: CallLog,
        *,
        answers: Sequence[Any],
        turns: int = 0,
        stop: Any = False,
        **settings: Any,
    ) -> None:
        super().__init__(label, log, **settings)
        self.answers, self.turns, self.stop = list(answers), turns, stop

    def _value(self, given: dict[str, Any]) -> Any:
        text = super()._value(given)
        if self.turns and given["n"] % self.turns == 0:
            return self.stop
        return self.answers[int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % len(self.answers)]


class AsyncAsked(Asked, AsyncPart):
    """The same as an ``async def``."""


class Whole(Asked):
    """A condition that gets the whole state as one dict."""

    def __call__(self, state: Any) -> Any:  # type: ignore[override]
        """Choose."""
        return super().__call__(**state)


class AsyncWhole(AsyncAsked):
    """The same as an ``async def``."""

    async def __call__(self, state: Any) -> Any:  # type: ignore[override]
        """Choose after the delay."""
        return await super().__call__(**state)


class Count(Part):
    """Counts how often it was reached, in a key of the state: it reads that key and gives one more."""

    def _value(self, given: dict[str, Any]) -> Any:
        super()._value(given)
        return given["n"] + 1


class AsyncCount(Count, AsyncPart):
    """The same as an ``async def``."""


class Gather(Part):
    """Puts the results of a map together."""

    def __call__(self, results: list[Any]) -> Any:  # type: ignore[override]
        """Compute the value."""
        return super().__call__(results=results)


class AsyncGather(Gather, AsyncPart):
    """The same as an ``async def``."""

    async def __call__(self, results: list[Any]) -> Any:  # type: ignore[override]
        """Compute the value after the delay."""
        return await AsyncPart.__call__(self, results=results)


class Caught(Part):
    """What a ``Fallback`` calls: with the error, of which it tells whose it was if only one step can have raised it."""

    def __init__(self, label: str, log: CallLog, *, tells: bool, **settings: Any) -> None:
        super().__init__(label, log, **settings)
        self.tells = tells

    def _given(self, error: BaseException, state: Mapping[str, Any]) -> dict[str, Any]:
        whose = error.args[0] if self.tells and isinstance(error, PlannedFailure) else "some step"
        return {**state, "error": whose}

    def __call__(self, error: BaseException) -> Any:  # type: ignore[override]
        """Compute the value."""
        return super().__call__(**self._given(error, {}))


class CaughtWithState(Caught):
    """The same, with the state that the failed step would have seen."""

    def __call__(self, error: BaseException, state: Mapping[str, Any]) -> Any:  # type: ignore[override]
        """Compute the value."""
        return Part.__call__(self, **self._given(error, state))


class AsyncCaught(Caught, AsyncPart):
    """The same as an ``async def``."""

    async def __call__(self, error: BaseException) -> Any:  # type: ignore[override]
        """Compute the value after the delay."""
        return await AsyncPart.__call__(self, **self._given(error, {}))
