"""What a component can know of its run: the step's context.

The current step is found through one context variable per strand; the context object itself is made only when
somebody asks for it.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from plait.errors import PauseError, PlaitError

if TYPE_CHECKING:
    from collections.abc import Generator


class _Room:
    """What ``emit`` returns: nothing to do, unless it is awaited, which waits for room in the stream."""

    __slots__ = ("_wait",)

    def __init__(self, wait: Callable[[], Any] | None) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, None, None]:
        if self._wait is not None:
            waiting = self._wait()
            if waiting is not None:
                yield from waiting.__await__()


class Suspend(BaseException):
    """Raised through a component that waits for an answer. It is no failure, so ``except Exception`` must not see it."""

    def __init__(self, message: Any, number: int) -> None:
        super().__init__(message)
        self.message, self.number = message, number


class StepContext:
    """The step that runs, as seen from inside its component.

    Get it by annotating a parameter (``def work(text: str, context: StepContext)``) or by ``plait.current_step()``.

    Attributes:
        run_id: the run's id.
        path: the step's path, such as ``analyses/sentiment``.
        attempt: which attempt this is, counted from 1.
        config: the run's ``config=`` mapping.
        device: the device assigned to the step, or None.
    """

    __plait_context__ = True
    __slots__ = (
        "_cancelled",
        "_charge",
        "_deadline",
        "_emit",
        "_interrupt",
        "_room",
        "attempt",
        "config",
        "device",
        "path",
        "run_id",
    )

    def __init__(
        self,
        *,
        run_id: str,
        path: str,
        attempt: int = 1,
        config: Mapping[str, Any] | None = None,
        device: str | None = None,
        deadline: Callable[[], float | None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        emit: Callable[[Any], None] | None = None,
        room: Callable[[], Any] | None = None,
        interrupt: Callable[[Any], Any] | None = None,
        charge: Callable[[int, str | None], None] | None = None,
    ) -> None:
        self._interrupt, self._charge = interrupt, charge
        self.run_id, self.path, self.attempt, self.device = run_id, path, attempt, device
        self.config: Mapping[str, Any] = config if config is not None else {}
        self._deadline, self._cancelled, self._emit, self._room = deadline, cancelled, emit, room

    @property
    def deadline(self) -> float | None:
        """Seconds that are left until the attempt's timeout or the run's deadline; None without one."""
        return None if self._deadline is None else self._deadline()

    @property
    def cancelled(self) -> bool:
        """Whether the step was told to stop. A blocking component should look at it now and then."""
        return False if self._cancelled is None else self._cancelled()

    def emit(self, value: Any) -> _Room:
        """Send a value to those who stream the run, in order; ``await`` the result to wait for room.

        Nobody streams: nothing happens.
        """
        if self._emit is not None:
            self._emit(value)
        return _Room(self._room)

    def interrupt(self, message: Any = None) -> Any:
        """Stop until somebody answers, and return the answer: ``if context.interrupt("Publish this?"): ...``.

        The run is paused once nothing else can go on. When the answer is there, the component is called again from its
        beginning, and this call returns; so nothing before it should act on the outside world. Several calls in one
        component are answered one after another.

        Args:
            message: what the person is shown.

        Raises:
            PauseError: where no run can be paused (in a test without answers, for example).
        """
        if self._interrupt is None:
            raise PauseError("interrupt() was called where no run can be paused")
        return self._interrupt(message)

    async def _sleep(self, seconds: float) -> None:
        """Let time pass; for steps of our own, because the core knows no clock."""
        from asyncio import sleep  # not with ``import plait``

        await sleep(seconds)

    def charge(self, *, tokens: int, resource: str | None = None) -> None:
        """Say how many tokens this attempt has used; several calls add up, and what was estimated gives way to the sum.

        Where nothing that the step asks for has tokens per minute (``Limit(tpm=...)``), nothing happens.

        Args:
            tokens: a whole number from 0.
            resource: which of the step's resources; it must be said if several have tokens per minute.

        Raises:
            PlaitError: the resource is not one that the step can charge, or was not said and there are several.
        """
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
            raise PlaitError(f"charge(tokens={tokens!r}): tokens is a whole number from 0")
        if self._charge is not None:
            self._charge(tokens, resource)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry the run id, the step and the attempt."""
        extra = {"run_id": self.run_id, "step": self.path, "attempt": self.attempt}
        return logging.LoggerAdapter(logging.getLogger("plait.step"), extra)

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts of this step in this run, different for any other: give it to services that know such keys."""
        import hashlib

        return hashlib.blake2b(f"{self.run_id}\0{self.path}".encode(), digest_size=16).hexdigest()

    def __repr__(self) -> str:
        return f"<step {self.path} attempt {self.attempt} of run {self.run_id}>"


def is_heard(context: StepContext) -> bool:
    """Whether anybody gets what the step emits: somebody streams its run, or observes it."""
    return context._emit is not None  # noqa: SLF001  (for the run, not for components)


class Cursor:
    """Where a strand stands: the run, the task, the step. Changed in place as the strand goes on.

    Most strands never touch most of these, so the defaults live on the class and making one is cheap.
    """

    step: Any = None
    """The step that runs now."""
    first: Any = None
    """The first step of the segment: its attempt is ``attempt``, the others' is 1."""
    attempt = 1
    atask: Any = None
    """The asyncio Task, unless it is the caller's own."""
    coroutine: Any = None
    """The coroutine that goes through its steps."""
    cancels = 0
    """How often we cancelled it: exactly that often we uncancel it."""
    cause: str | None = None
    stopped = False
    """Whether the step was told to stop."""
    fenced = False
    """Whether it was given up: nothing it does counts any more."""
    abandoned = False
    """Whether its thread was left behind."""
    job: Any = None
    """The job in a thread that it waits for."""
    asked: Any = None
    """Which execution of a step has asked for answers, and how often."""
    nested: Any = None
    """The runs that its step has started and waits for."""

    def __init__(self, run: Any, task: int) -> None:
        self.run, self.task = run, task


class Loading:
    """Whether a worker process loads the script of its parent, to find what the script defines."""

    script: str | None = None


def unguarded(script: str) -> PlaitError:
    """What to say when a script that a worker process only loads runs a pipeline."""
    return PlaitError(
        f"{script} runs a pipeline when it is loaded, and a worker process has to load it for what it defines: put "
        "the run under  if __name__ == '__main__':  or pip install 'plait[process]', which needs neither"
    )


CURRENT: contextvars.ContextVar[Any] = contextvars.ContextVar("plait_current", default=None)
"""The strand (``Cursor``) that runs here; a ``StepContext`` in tests."""


def current_step() -> StepContext:
    """The context of the step that is running here.

    Raises:
        PlaitError: when called outside of a step (``plait.testing.step_context()`` makes one for a test).
    """
    cursor = CURRENT.get()
    if isinstance(cursor, StepContext):
        return cursor
    if cursor is None or cursor.step is None:
        raise PlaitError(
            "current_step() was called outside of a step; in a test, use plait.testing.step_context()"
        )
    context: StepContext = cursor.run.step_context(cursor)
    return context
