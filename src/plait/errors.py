"""Every error that Plait raises by itself. A step's own error is raised as it is, with notes.

PlaitError
  DefinitionError   (TypeError, ValueError)  a wrong argument, refused where it is written
  InvalidPipeline   (ValueError)             the checks found errors: nothing was run
  InputError        (ValueError)             the inputs of a run don't fit: nothing was run
  OutputError       (TypeError)              a component returned something else than it declared
  ConditionError    (OutputError)            a condition returned something that chooses no branch
  TooManyTurns      (RuntimeError)           a loop did not end within its ``max_turns``
  PauseError        (RuntimeError)           a pause was answered twice, or by something that does not belong to it
  StepTimeout       (TimeoutError)           an attempt took longer than its timeout
  DeadlineExceeded  (TimeoutError)           the whole run took longer than its deadline
  StepCancelled                              a step raised CancelledError by itself
  StepWouldNotStop                           a step ignored cancellation through its whole grace period
  MissingExtra      (ImportError)            an optional package is not installed
PipelineErrors      (ExceptionGroup)         two or more steps failed on their own
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from plait.core.check.diagnostic import Diagnostic
    from plait.core.report.report import Report


class PlaitError(Exception):
    """The base of Plait's own errors."""


class DefinitionError(PlaitError, TypeError, ValueError):
    """A pipeline was written with a wrong argument; the message says what, where and what to do."""


class InvalidPipeline(PlaitError, ValueError):
    """The checks found errors, so nothing was run; ``diagnostics`` holds all of them."""

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class InputError(PlaitError, ValueError):
    """The inputs of a run are not what the pipeline needs; nothing was run."""


class OutputError(PlaitError, TypeError):
    """A component returned something that does not fit its ``output_state``."""


class ConditionError(OutputError):
    """A condition returned something that chooses no branch."""


class TooManyTurns(PlaitError, RuntimeError):
    """A loop wanted one more turn than its ``max_turns`` allows."""


class PauseError(PlaitError, RuntimeError):
    """A pause was answered twice, by something that does not belong to it, or where the run can't pause."""


class StepTimeout(PlaitError, TimeoutError):
    """One attempt of a step (or block) took longer than its timeout."""


class DeadlineExceeded(PlaitError, TimeoutError):
    """The run as a whole took longer than its deadline."""


class StepCancelled(PlaitError, RuntimeError):
    """A step raised ``CancelledError`` although nobody had cancelled it: that is a failure of the step."""


class StepWouldNotStop(PlaitError, RuntimeError):
    """A step ignored cancellation through its whole grace period; what it does later can't be committed."""


class NotSendable(PlaitError, TypeError):
    """Something can't go to a worker process or come back from there."""


class WorkerDied(PlaitError, RuntimeError):
    """A step's worker process ended before it answered: a crash, an exit, or somebody's signal.

    Attributes:
        status: its exit code; negative: the signal that ended it; None when nobody knows.
        attempt: the attempt that it was.
    """

    def __init__(self, message: str, status: int | None = None, attempt: int = 1) -> None:
        super().__init__(message)
        self.status, self.attempt = status, attempt


class MissingExtra(PlaitError, ImportError):
    """Something optional was asked for and its package is not installed."""


class Failure:
    """One step that failed on its own.

    Attributes:
        path: the step's path in the pipeline, such as ``analyses/sentiment``.
        attempt: which attempt failed last, counted from 1.
        error: the original exception object.
    """

    __slots__ = ("attempt", "error", "path")

    def __init__(self, path: str, attempt: int, error: BaseException) -> None:
        self.path, self.attempt, self.error = path, attempt, error

    def __repr__(self) -> str:
        return f"Failure({self.path!r}, attempt={self.attempt}, error={self.error!r})"


class Failures(Sequence[Failure]):
    """The failures behind an error, in listed order, and the report of the run they ended."""

    __slots__ = ("_items", "report", "run_id")

    def __init__(
        self, items: Sequence[Failure] = (), report: Report | None = None, run_id: str | None = None
    ) -> None:
        self._items, self.report, self.run_id = tuple(items), report, run_id

    @overload
    def __getitem__(self, index: int) -> Failure: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Failure]: ...
    def __getitem__(self, index: int | slice) -> Failure | Sequence[Failure]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"Failures({list(self._items)!r})"


class PipelineErrors(ExceptionGroup[Exception]):
    """Two or more steps failed on their own; ``except*`` picks them by type, in listed order.

    Attributes:
        report: the report of the run.
    """

    report: Report | None = None

    def derive(self, excs: Sequence[Any], /) -> PipelineErrors:  # type: ignore[override]  # a part has the same type
        """Keep the type and the report when ``split`` or ``except*`` takes a part."""
        part = PipelineErrors(self.message, excs)
        part.report = self.report
        known, taken = failures(self), set(_leaves(part))
        mine = [failure for failure in known if not taken.isdisjoint(_leaves(failure.error))]
        attach(part, Failures(mine, known.report, known.run_id))
        return part


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, however deep; for one that stands for a step's own, that one as well."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
        return
    yield error
    if isinstance(error, StepCancelled) and error.__cause__ is not None:
        yield error.__cause__


_ATTRIBUTE = "__plait_failures__"


def attach(error: BaseException, found: Failures) -> None:
    """Remember on the error itself which steps failed (for ``failures``)."""
    try:
        setattr(error, _ATTRIBUTE, found)
    except AttributeError:  # an exception class with slots only: its notes still tell
        return


def annotate(error: BaseException, note: str) -> None:
    """Add a note to an error of the user's, which may be of a class that has no room for one."""
    with suppress(Exception):
        error.add_note(note)


def failures(error: BaseException) -> Failures:
    """Tell which steps failed, from whatever a run raised.

    Works for the original exception of a single failure, for the group of several, and for what ``except*``
    took of either. An error that did not come from a run gives an empty list.

    >>> failures(ValueError("not from a run"))
    Failures([])
    """
    found = getattr(error, _ATTRIBUTE, None)
    if isinstance(found, Failures):
        return found
    if isinstance(error, BaseExceptionGroup):  # `except*` puts a single error into a group of its own
        for part in error.exceptions:
            if inside := failures(part):
                return inside
    return Failures()


def extra(package: str, extra_name: str, purpose: str) -> MissingExtra:
    """The one sentence for a missing optional package."""
    return MissingExtra(
        f"{purpose} needs {package}, which is not installed: pip install 'plait[{extra_name}]'"
    )
