"""Policies: how often to try again, and the checks for the numbers that people pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from plait.errors import DefinitionError

RetryOn: TypeAlias = (
    "type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool | float]"
)


class Retry:
    """Try a step (or a block) again when it fails.

    The wait before attempt ``n + 1`` is ``backoff * factor ** (n - 1)``, at most ``max_backoff``, of which
    the share ``jitter`` is drawn at random ("equal jitter" at 0.5, "full jitter" at 1.0; M. Brooker,
    "Exponential Backoff and Jitter"). A step that waits holds no slot and no limit.

    If the error asks for a wait, by its ``retry_after`` or by the ``Retry-After`` of its ``response``, that much is waited
    first, at most five minutes.

    Args:
        attempts: how often to try in all, the first time included.
        backoff: seconds before the second attempt.
        factor: growth of the wait from attempt to attempt.
        max_backoff: the longest wait in seconds.
        jitter: share of each wait that is random, 0 to 1.
        on: which errors to try again for: a class, a tuple of classes, or a function of the error that
            says True, False or the seconds to wait (a server's ``Retry-After``). It sees the component's own exception.

    >>> Retry(attempts=3, backoff=0.5, jitter=0).delay(2, 0.0)
    1.0
    """

    __slots__ = ("attempts", "backoff", "factor", "jitter", "max_backoff", "on")

    def __init__(
        self,
        attempts: int = 3,
        *,
        backoff: float = 0.1,
        factor: float = 2.0,
        max_backoff: float = 30.0,
        jitter: float = 0.5,
        on: RetryOn = Exception,
    ) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise DefinitionError(
                f"Retry(attempts={attempts!r}): attempts is a whole number from 1, the first try included"
            )
        for name, value, low, high in (
            ("backoff", backoff, 0.0, None),
            ("factor", factor, 1.0, None),
            ("max_backoff", max_backoff, 0.0, None),
            ("jitter", jitter, 0.0, 1.0),
        ):
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not value >= low
                or (high is not None and value > high)
            ):
                raise DefinitionError(
                    f"Retry({name}={value!r}): {name} is a number {'from' if high is None else 'between'} {low:g}{'' if high is None else f' and {high:g}'}"
                )
        self.attempts, self.backoff, self.factor = attempts, float(backoff), float(factor)
        self.max_backoff, self.jitter, self.on = float(max_backoff), float(jitter), _error_filter(on)

    def __repr__(self) -> str:
        return f"Retry(attempts={self.attempts}, backoff={self.backoff:g})"

    def delay(self, failed_attempts: int, draw: float) -> float:
        """Seconds to wait after so many failed attempts; ``draw`` is a random number in [0, 1)."""
        try:
            base = min(self.max_backoff, self.backoff * self.factor ** (failed_attempts - 1))
        except OverflowError:
            base = self.max_backoff if self.backoff else 0.0
        return base * (1.0 - self.jitter * draw)

    def matches(self, error: BaseException) -> bool | float:
        """Whether this error is tried again; a number says how long to wait.

        Classes look into a group: it matches if all that it holds does. A function gets the error itself.

        Raises:
            ValueError: the function answered something else than True, False, None or seconds.
        """
        on = self.on
        if isinstance(on, (tuple, type)):
            return is_one_of(error, on)
        answer = on(error)
        if answer is None or isinstance(answer, bool):
            return bool(answer)
        if not isinstance(answer, (int, float)) or not math.isfinite(answer):
            raise ValueError(f"it answered {answer!r} instead of True, False or the seconds to wait")
        return float(answer)


def is_one_of(error: BaseException, classes: Any) -> bool:
    """Whether an error, or all that a group of errors holds, is of one of these classes."""
    if isinstance(error, classes):
        return True
    return isinstance(error, BaseExceptionGroup) and all(is_one_of(e, classes) for e in error.exceptions)


def _error_filter(on: Any) -> Any:
    classes = on if isinstance(on, tuple) else (on,)
    if all(isinstance(c, type) and issubclass(c, BaseException) for c in classes) and classes:
        return on
    if callable(on) and not isinstance(on, type):
        return on
    raise DefinitionError(
        f"Retry(on={on!r}): on is an exception class, a tuple of them, or a function of the error"
    )


def seconds(value: object, what: str) -> float | None:
    """Check a duration in seconds; None means none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise DefinitionError(f"{what} is {value!r}; it is a number of seconds above 0, or None")
    return float(value)


def whole(value: object, what: str, otherwise: str = ", or None") -> int | None:
    """Check a count of at least one; None means no limit. `otherwise` is what may be said instead of a number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DefinitionError(f"{what} is {value!r}; it is a whole number from 1{otherwise}")
    return value
