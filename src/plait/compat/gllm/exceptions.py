"""The exceptions of the original, under their names: ``except PipelineRuntimeError`` goes on to work.

What a step raises arrives as an instance of both its own class and ``PipelineRuntimeError``, so that it can be caught as
either; its ``__cause__`` is the very object that was raised, and ``plait.failures(error)`` tells the step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from plait.errors import PipelineErrors, PlaitError, attach, failures


class BasePipelineError(Exception):
    """The base of them.

    Attributes:
        code: a stable code.
        message: the text.
    """

    code: ClassVar[str | None] = None

    @property
    def message(self) -> str:
        """The text."""
        return str(self)


class PipelineKeyError(BasePipelineError, KeyError):
    """A key is missing, or unknown."""

    code: ClassVar[str | None] = "GLLM-PIPE-KEY"

    def __str__(self) -> str:  # that of KeyError has quotes around it
        return str(self.args[0]) if self.args else ""


class PipelineNotImplementedError(BasePipelineError, NotImplementedError):
    """A method that must be overridden was not."""

    code: ClassVar[str | None] = "GLLM-PIPE-NOT-IMPLEMENTED"


class PipelineRuntimeError(BasePipelineError, RuntimeError):
    """A step failed; see the module."""

    code: ClassVar[str | None] = "GLLM-PIPE-RUNTIME"


class PipelineTypeError(BasePipelineError, TypeError):
    """Something has an unexpected type."""

    code: ClassVar[str | None] = "GLLM-PIPE-TYPE"


class PipelineValueError(BasePipelineError, ValueError):
    """Something has an invalid value."""

    code: ClassVar[str | None] = "GLLM-PIPE-VALIDATION"


class PipelineSchemaError(BasePipelineError, ValueError):
    """The keys of a pipeline can't be told from its steps."""

    code: ClassVar[str | None] = "GLLM-PIPE-SCHEMA-INFERENCE"


class RouterProviderError(BasePipelineError, RuntimeError):
    """What a router asks failed."""

    code: ClassVar[str | None] = "GLLM-PIPE-ROUTER-PROVIDER"


_HELD = ("filename", "filename2", "name", "path")
"""What built-in errors keep besides their arguments."""


@lru_cache(maxsize=256)
def _both(ours: Any, theirs: Any) -> type[BaseException]:
    own = {"__module__": theirs.__module__, "__qualname__": theirs.__qualname__, "__doc__": theirs.__doc__}
    return type(theirs.__name__, (theirs, ours), {**own, "__reduce__": _reduce})


def _made(kind: type[BaseException], error: BaseException) -> BaseException:
    """An instance of another class with all that the error holds; no ``__init__`` of the user's is called."""
    built_in: Any = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
    made: Any = built_in.__new__(kind, *error.args)
    built_in.__init__(made, *error.args)
    made.args = error.args
    for name in _HELD:
        if hasattr(error, name) and getattr(made, name, None) is not getattr(error, name):
            setattr(made, name, getattr(error, name))
    made.__dict__.update(error.__dict__)
    return made  # type: ignore[no-any-return]  # an exception, as its class is


def _reduce(self: BaseException) -> Any:
    return (_again, (self.__cause__,))


def _again(cause: BaseException) -> BaseException:
    return as_pipeline_error(cause)


def as_pipeline_error(error: BaseException) -> BaseException:
    """The error of a run as one that also has a name of the original.

    Its class is a subclass of both; where Python can't make such a class, the error stays what it is.
    """
    if isinstance(error, BasePipelineError) or not isinstance(error, Exception):
        return error
    ours: type[BaseException] = PipelineRuntimeError
    if isinstance(error, PlaitError) and isinstance(error, ValueError):
        ours = PipelineValueError
    try:
        if isinstance(error, PipelineErrors):
            made: Any = PipelineErrorGroup(error.message, error.exceptions)
            made.report = error.report
        else:
            kind: Any = type(error)
            made = _made(_both(ours, kind), error)  # type: ignore[arg-type]  # classes are hashable
    except Exception:  # noqa: BLE001  (a class that can't be mixed, or whose making needs more)
        return error
    if found := failures(error):
        attach(made, found)
    made.__cause__ = error
    made.__traceback__ = error.__traceback__
    return made  # type: ignore[no-any-return]  # what _both makes is an exception


class PipelineErrorGroup(PipelineRuntimeError, PipelineErrors):
    """Several steps failed; ``except*`` picks them by type, and ``except PipelineRuntimeError`` catches all of them."""

    message: Any = BaseExceptionGroup.message  # that of the group, not of our base

    def derive(self, excs: Any, /) -> PipelineErrors:  # type: ignore[override]  # a part has the plain type
        """The part that ``split`` or ``except*`` takes."""
        return PipelineErrors.derive(self, excs)
