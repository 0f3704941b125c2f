"""Pauses: who waits for an answer, and how a run goes on when it is there.

A step that asks ends with ``Suspend``; its task is then suspended, and nothing of it stays on the stack. Once nothing else
can go on, the run is paused: it is a scheduler's state and values in slots, bound to no loop. With an answer the step is
called again, and gets it where it had asked.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.context import Cursor, Suspend
from plait.core.names import did_you_mean, listing
from plait.core.schedule.events import Quiet, Resumed, Stopped, Suspended
from plait.errors import PauseError
from plait.run.finish import around
from plait.run.options import NO_ANSWERS

if TYPE_CHECKING:
    from plait.core.plan.model import PlannedStep
    from plait.core.schedule.commands import Command
    from plait.run.drive import Run
    from plait.run.values import Frame


class Pause:
    """Where a paused run waits for an answer.

    Attributes:
        id: the step's path, with ``:2`` for a second question of the same step: the same in every run.
        path: the step's path.
        message: what the person is shown.
        wants_answer: whether an answer is needed, or only the word to go on.
        token: a secret that stands for this question of this run; whoever has it may answer, once.
    """

    __slots__ = (
        "id",
        "message",
        "number",
        "path",
        "place",
        "run_id",
        "step",
        "task",
        "token",
        "wants_answer",
    )

    def __init__(
        self,
        *,
        run_id: str,
        path: str,
        number: int,
        message: Any,
        task: int,
        step: int,
        wants_answer: bool,
        place: tuple[int, ...],
    ) -> None:
        self.place = place
        self.run_id, self.path, self.number, self.message = run_id, path, number, message
        self.id = path if number == 1 else f"{path}:{number}"
        self.task, self.step, self.wants_answer = task, step, wants_answer
        self.token = secrets.token_urlsafe(_TOKEN)

    def __repr__(self) -> str:
        return f"<pause {self.id}: {self.message!r}>"

    def is_meant(self, key: object) -> bool:
        """Whether somebody names this pause, by its id, its token or itself."""
        if key is self:
            return True
        if not isinstance(key, str):
            return False
        return key == self.id or hmac.compare_digest(key.encode(), self.token.encode())


class Pauses:
    """The questions of one run, and the answers that were given."""

    __slots__ = ("answers", "lock", "open", "taken")

    def __init__(self) -> None:
        self.answers: dict[tuple[int, int], list[Any]] = {}
        self.open: dict[int, Pause] = {}
        """Task -> what it waits for."""
        self.lock = threading.Lock()
        self.taken = False
        """Whether somebody goes on with the run just now."""

    def claim(self, pauses: tuple[Pause, ...], answers: Any) -> list[Pause]:
        """Take in answers, all or none, each only once; gives the pauses that end by that.

        Raises:
            PauseError: when something names no pause of this run, or one was answered before.
        """
        with self.lock:
            if self.taken or any(self.open.get(pause.task) is not pause for pause in pauses):
                raise PauseError(
                    "this result was resumed before: the run went on, and what it still waits for, if anything, is in the "
                    "result of that"
                )
            given = self._by_pause(pauses, answers)
            for pause, value in given.items():
                self.answers.setdefault((pause.task, pause.step), []).append(value)
                del self.open[pause.task]
            self.taken = True
            return list(given)

    def _by_pause(self, pauses: tuple[Pause, ...], answers: Any) -> dict[Pause, Any]:
        wanting = [pause for pause in pauses if pause.wants_answer]
        given: dict[Pause, Any] = {pause: None for pause in pauses if not pause.wants_answer}
        if answers is NO_ANSWERS:
            if not given:
                raise PauseError(
                    f"the run waits for answers: resume({{{', '.join(f'{p.id!r}: ...' for p in wanting)}}})"
                )
            return given
        ids = [pause.id for pause in pauses]
        if not isinstance(answers, Mapping):
            if len(wanting) == 1:
                return {**given, wanting[0]: answers}
            raise PauseError(
                f"the run waits for {len(wanting)} answers; say which is which: resume({{{', '.join(f'{i!r}: ...' for i in ids)}}})"
            )
        if not answers and wanting:
            raise PauseError(f"the run waits for {len(wanting)} answers: {listing(ids)}")
        answered: set[Pause] = set()
        for key, answer in answers.items():
            found = next((pause for pause in pauses if pause.is_meant(key)), None)
            if found is None:
                shown = "a token of another run or pause" if _is_token(key) else repr(key)
                raise PauseError(
                    f"{shown} is no open pause of this run; it waits at {listing(ids)}{did_you_mean(str(key), ids)}. An answer "
                    f"that is a mapping itself is given as resume({{{ids[0]!r}: {{...}}}})"
                )
            if found in answered:
                raise PauseError(
                    "one pause is answered twice: by its id, its token or itself, only one of them"
                )
            answered.add(found)
            given[found] = answer
        return given


_TOKEN = 24
"""Bytes of chance in a token."""


def _is_token(key: object) -> bool:
    """Whether it may be somebody's token, which an error must not show. (All of it in base 16 is more likely some other id.)"""
    return (
        isinstance(key, str)
        and re.fullmatch(r"[\w-]{32}", key) is not None
        and re.fullmatch(r"[\da-f]+", key) is None
    )


def ask(run: Run, cursor: Cursor, step: PlannedStep, attempt: int, message: Any) -> Any:
    """Give the answer to a step's question, or suspend the step.

    Raises:
        Suspend: when there is no answer yet.
    """
    frame = run.frames[cursor.task]
    key = (cursor.task, frame.plan.units[cursor.task - frame.base].steps.index(step), attempt)
    number = cursor.asked[1] + 1 if cursor.asked is not None and cursor.asked[0] == key else 1
    cursor.asked = (key, number)
    answers = run.pauses.answers.get(key[:2], ()) if run.pauses is not None else ()
    if number <= len(answers):
        return answers[number - 1]
    cursor.asked = None
    raise Suspend(message, number)


def suspended(
    run: Run, cursor: Cursor, frame: Frame, task: int, step: PlannedStep, error: Suspend, now: float
) -> list[Command]:
    """Tell the scheduler that a step waits for an answer."""
    k = frame.plan.units[task - frame.base].steps.index(step)
    if cursor.stopped:
        return run.handle(Stopped(now, task))
    if run.pauses is None:
        run.pauses = Pauses()
    run.pauses.open[task] = Pause(
        run_id=run.run_id,
        path=frame.path(step.path),
        number=error.number,
        message=error.message,
        task=task,
        step=k,
        wants_answer=step.kind != "pause",
        place=(*around(frame), step.index),
    )
    return run.handle(Suspended(now, task, k))


def look_for_quiet(run: Run) -> list[Command]:
    """Some wait for answers: if nothing else is left, the run is paused."""
    if run.strands or run.todo or run.finished:
        return []
    return run.handle(Quiet(run.clock()))


class Shifted:
    """A clock that stood while a run was paused."""

    __slots__ = ("by", "clock")

    def __init__(self, clock: Callable[[], float], by: float) -> None:
        before = clock if isinstance(clock, Shifted) else None  # paused before: one clock, however often
        self.clock: Callable[[], float] = clock if before is None else before.clock
        self.by: float = by if before is None else before.by + by

    def __call__(self) -> float:
        """The time of the run."""
        return self.clock() - self.by


def go_on(run: Run, resumed: Sequence[int]) -> list[Command]:
    """Let a paused run go on with the tasks whose answers are there. The time in which it was paused does not count."""
    run.clock = Shifted(run.clock, run.clock() - run.ended)
    assert run.pauses is not None
    run.finished, run.outcome, run.pauses.taken = False, "", False
    commands: list[Command] = []
    for task in resumed:
        commands += run.handle(Resumed(run.clock(), task))
    return commands
