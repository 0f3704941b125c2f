"""What to do when a step (or block) has failed for good: ``Keep``, ``Empty``, ``Fallback``, ``Raise``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from plait.errors import DefinitionError


class ErrorHandler:
    """The base of ``Raise``, ``Keep``, ``Empty`` and ``Fallback``.

    Args:
        catch: the exception class, or a tuple of them, that it handles; all else is raised.
    """

    __slots__ = ("catch",)

    def __init__(self, *, catch: type[BaseException] | tuple[type[BaseException], ...] = Exception) -> None:
        self.catch = exception_classes(catch, f"{type(self).__name__}: catch")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Raise(ErrorHandler):
    """Let the run fail: what happens without a handler."""

    __slots__ = ()


class Keep(ErrorHandler):
    """Go on; the keys keep the values that they had before.

    >>> Keep()
    Keep()
    """

    __slots__ = ()


class Empty(ErrorHandler):
    """Go on with None in the keys that would have been written."""

    __slots__ = ()


class Fallback(ErrorHandler):
    """Go on with what a function makes of the error.

    Args:
        function: called with the error, and with the state that the failed step would have seen if it takes a second
            argument (a dict). A ``def`` or ``async def``. For a step it returns what the step would have returned;
            for a block a mapping of the block's keys. Keys that it leaves out keep their values.
        catch: the exception class, or a tuple of them, that it handles; all else is raised.
    """

    __slots__ = ("function",)

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    ) -> None:
        super().__init__(catch=catch)
        if not callable(function):
            raise DefinitionError(
                f"Fallback({function!r}): it takes a function of the error, or of the error and the state"
            )
        self.function = function

    def __repr__(self) -> str:
        return f"Fallback({getattr(self.function, '__name__', self.function)!s})"


def exception_classes(catch: object, what: str) -> tuple[type[BaseException], ...]:
    """An exception class, or some of them, as a tuple."""
    classes = catch if isinstance(catch, (tuple, list)) else (catch,)
    if not classes or not all(isinstance(c, type) and issubclass(c, BaseException) for c in classes):
        raise DefinitionError(f"{what} is {catch!r}; it is an exception class, or a tuple of them")
    return tuple(cast("tuple[type[BaseException], ...]", classes))


def check_handler(handler: object, where: str) -> ErrorHandler | None:
    """Check an ``error_handler=``; ``Raise()`` without more is the same as none."""
    if handler is None or isinstance(handler, Raise):
        return None
    if isinstance(handler, ErrorHandler):
        return handler
    if isinstance(handler, type) and issubclass(handler, ErrorHandler):
        raise DefinitionError(
            f"{where}: error_handler is the class {handler.__name__}; write {handler.__name__}(...)"
        )
    raise DefinitionError(
        f"{where}: error_handler is {handler!r}; it is Raise(), Keep(), Empty() or Fallback(function)"
    )
