"""Conditions: components whose answer is the key of a branch, and nothing else.

given                                                     called with
a function of one parameter, without an input map         the state, as a dict
the same, annotated with something else than a mapping    the key of that name
anything else                                             its arguments, like the component of a step
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from plait.core.component import Component
from plait.core.control import FALSE, TRUE
from plait.core.names import did_you_mean, listing
from plait.errors import ConditionError, TooManyTurns

if typing.TYPE_CHECKING:
    from plait.core.step import Step


class Condition(Component):
    """A component with a verdict on what it returns.

    Attributes:
        verdict: makes the key of a branch out of what the component returned, or raises ``ConditionError``.
        whole: the component gets the state as one dict.
    """

    __slots__ = ("called", "verdict", "whole")

    def __init__(self, given: Any, verdict: Callable[[Any], str], *, mapped: bool) -> None:
        super().__init__(given)
        self.verdict = verdict
        self.whole = not mapped and takes_state(given, self)
        self.called: Callable[..., Any] = self.entry
        if self.kind == "async":
            self.entry = self._whole_later if self.whole else self._later
        else:
            self.entry = self._whole_now if self.whole else self._now
        if self.whole:
            self.params, self.takes_any = (), True
        self.returns = str

    def again(self, given: Any) -> Condition:
        """Another condition in the same role; it is called as this one is."""
        made = Condition(given, self.verdict, mapped=not self.whole)
        made.name = self.name
        return made

    def _now(self, *args: Any, **kwargs: Any) -> Any:
        answer = self.called(*args, **kwargs)
        return self._awaited(answer) if inspect.isawaitable(answer) else self.verdict(answer)

    def _whole_now(self, **state: Any) -> Any:
        answer = self.called(state)
        return self._awaited(answer) if inspect.isawaitable(answer) else self.verdict(answer)

    async def _later(self, *args: Any, **kwargs: Any) -> str:
        return self.verdict(await self.called(*args, **kwargs))

    async def _whole_later(self, **state: Any) -> str:
        return self.verdict(await self.called(state))

    async def _awaited(self, answer: Awaitable[Any]) -> str:
        return self.verdict(await answer)


def takes_state(given: Any, component: Component) -> bool:
    """Whether a condition is a function of the whole state."""
    if component.single or component.context_param is not None or hasattr(type(given), "__main_method__"):
        return False
    if len(component.params) != 1 or component.takes_any or component.params[0].keyword_only:
        return False
    return _may_be_a_mapping(component.params[0].annotation)


def _may_be_a_mapping(annotation: Any) -> bool:
    if annotation in (inspect.Parameter.empty, Any):
        return True
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_may_be_a_mapping(part) for part in typing.get_args(annotation))
    found = origin or annotation
    if isinstance(found, str):  # could not be resolved; state types end like this
        return found.endswith(("State", "dict", "Mapping"))
    return isinstance(found, type) and issubclass(found, Mapping)


class Truth:
    """The verdict of ``if_else`` and its like: a bool, or "true" and "false" in any case."""

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __call__(self, answer: Any) -> str:
        """The key of the branch."""
        if answer is True:
            return TRUE
        if answer is False:
            return FALSE
        if isinstance(answer, str) and answer.strip().lower() in (TRUE, FALSE):
            return answer.strip().lower()
        if type(answer).__name__ in ("bool_", "bool") and type(answer).__module__ == "numpy":
            return TRUE if answer else FALSE
        raise ConditionError(
            f"{self.where}: the condition returned {_short(answer)}; it returns True or False (or 'true' or 'false')"
        )


class Case:
    """The verdict of ``switch``: one of the branches' keys, or any other string if there is a default."""

    __slots__ = ("cases", "default", "where")

    def __init__(self, where: str, cases: tuple[str, ...], default: str | None) -> None:
        self.where, self.cases, self.default = where, cases, default

    def __call__(self, answer: Any) -> str:
        """The key of the branch."""
        if isinstance(answer, bool):
            answer = TRUE if answer else FALSE
        if isinstance(answer, str):
            key = str(getattr(answer, "value", answer))  # also of an enum of strings
            if key in self.cases or self.default is not None:
                return key
            raise ConditionError(
                f"{self.where}: the condition returned {key!r}, and there is no such branch and no default; "
                f"the branches are {listing(self.cases)}{did_you_mean(key, self.cases)}"
            )
        raise ConditionError(
            f"{self.where}: the condition returned {_short(answer)}; it returns the key of a branch, one of {listing(self.cases)}"
        )


class Flag:
    """The verdict of ``toggle("key")``: whether a value counts as true in Python."""

    __slots__ = ()

    def __call__(self, answer: Any) -> str:
        """The key of the branch."""
        return TRUE if answer else FALSE


def _short(answer: Any) -> str:
    if inspect.isawaitable(answer):
        return "something to await"
    kind = type(answer).__name__
    return (
        kind
        if kind in ("dict", "list", "set", "tuple", "str") and len(answer) > 3
        else f"{answer!r} ({kind})"
    )


TURN = "~turn"
"""The argument through which a loop's condition learns which turn it is."""


def limited(step: Step[..., Any], path: str, most: int) -> Step[..., Any]:
    """The condition of a loop that may have so many turns."""
    component = step.component
    assert isinstance(component, Condition)
    made = component.again(component.given)
    made.entry = (_AsyncLimit if made.kind == "async" else _Limit)(made.entry, path, most)
    copied = step.replace()
    copied.component = made
    return copied


class _Limit:
    """Asks a loop's condition, and refuses one turn too many."""

    __slots__ = ("entry", "most", "path")

    def __init__(self, entry: Callable[..., Any], path: str, most: int) -> None:
        self.entry, self.path, self.most = entry, path, most

    def checked(self, answer: str, turn: int) -> str:
        if answer == TRUE and turn >= self.most:
            raise TooManyTurns(
                f"'{self.path}#{turn}/condition' wants one more turn, and max_turns is {self.most}"
            )
        return answer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        turn = kwargs.pop(TURN)
        answer = self.entry(*args, **kwargs)
        return self.later(answer, turn) if inspect.isawaitable(answer) else self.checked(answer, turn)

    async def later(self, answer: Awaitable[str], turn: int) -> str:
        return self.checked(await answer, turn)


class _AsyncLimit(_Limit):
    __slots__ = ()

    async def __call__(self, *args: Any, **kwargs: Any) -> str:
        turn = kwargs.pop(TURN)
        return self.checked(await self.entry(*args, **kwargs), turn)
