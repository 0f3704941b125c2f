"""``race``: several ways to the same end, of which the first success counts, and second attempts that start later.

A race is a ``parallel`` block with ``need=1``. A hedge is one branch more: it waits, then does the same. So nothing that
plans, runs or replays knows of races:

    race([ask], hedge_after=2)   =   parallel([ask, {"ask~hedge": [wait 2 s, ask]}], need=1)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from plait.core.flow import Chain, Parallel, named_branches, retry_of, steps_of
from plait.core.plan.naming import Names, branch_members, is_single
from plait.core.policy import Retry, seconds, whole
from plait.core.step import Step, check_name, checked, make_step
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.context import StepContext
    from plait.core.handlers import ErrorHandler

MARK: Final = "~hedge"
"""What stands behind the name of a branch whose second attempt it is."""


def race(
    branches: Sequence[Any] | Mapping[str, Any],
    hedge_after: float | None = None,
    *,
    name: str | None = None,
    max_concurrency: int | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    error_handler: ErrorHandler | None = None,
) -> Parallel:
    """Take the first success and stop the rest: ``race([ask_here, ask_there])``, or ``race([ask], hedge_after=2)``.

    Branches may write the same keys: only what the winner wrote counts. Those that lose are cancelled, and the result's
    report says who won. The block fails if all fail, with all their errors.

    Args:
        branches: as for ``parallel``; one is enough with ``hedge_after``.
        hedge_after: seconds after which each branch gets a second attempt beside the first, unless one has succeeded by
            then. In paths it is ``ask~hedge``.
        name: the block's name, part of its steps' paths.
        max_concurrency: the most steps of the block that run at once.
        timeout: seconds that the whole race may take per attempt, second attempts included.
        retry: run the whole race again.
        error_handler: what to do when all branches have failed for good, as for ``step``.

    Raises:
        DefinitionError: for a wrong argument, and for a second attempt at what may happen only once: an effect that is not
            ``idempotent=True``, or a question to a person.
    """
    where = f"race {name!r}" if name else "race"
    check_name(name, where)
    named = named_branches(branches, where, "race")
    after = seconds(hedge_after, f"{where}: hedge_after")
    if after is not None and not math.isfinite(after):
        raise DefinitionError(f"{where}: hedge_after is {hedge_after!r}; leave it out for no second attempt")
    block = Parallel(
        tuple(named),
        name=name,
        need=1,
        on_error="cancel",
        max_concurrency=whole(max_concurrency, f"{where}: max_concurrency"),
        timeout=seconds(timeout, f"{where}: timeout"),
        retry=retry_of(retry, where),
        error_handler=error_handler and checked(error_handler, where),
    )
    if after is not None:
        block.branches += _hedges(block, after, where)
        block.hedge_after = after
    return block


def _hedges(block: Parallel, after: float, where: str) -> tuple[tuple[str, Chain], ...]:
    """The second attempts: for each branch one that waits, then does the same."""
    names = iter(Names.of(list(branch_members(block)), "").names)
    found: list[tuple[str, Chain]] = []
    for name, branch in block.branches:
        for step in steps_of(branch):
            _refuse(step, where)
        alone = Parallel(
            ((name, branch),),
            name=None,
            need=1,
            on_error="cancel",
            max_concurrency=None,
            timeout=None,
            retry=None,
        )
        label, *_ = [next(names) for _ in branch_members(alone)]
        again = branch
        if is_single(branch, name):  # it has the name of its branch there, and so here
            (single,) = branch.parts
            assert isinstance(single, Step)
            again = Chain((single.replace(name=name),))
        found.append((f"{label}{MARK}", Chain((_wait(after), again))))
    return tuple(found)


def _refuse(step: Step[..., Any], where: str) -> None:
    if step.kind in ("interrupt", "pause"):
        raise DefinitionError(
            f"{where}: hedge_after would ask a second time what {step.label!r} asks; put it before the race or after it, or leave hedge_after out"
        )
    if step.effect and not step.idempotent:
        why = "" if step.outputs else ": it has no output_state"
        raise DefinitionError(
            f"{where}: with hedge_after {step.label!r} can run twice, and it is an effect{why}. Put it behind the race; "
            f"if running it twice does no harm, say so with idempotent=True; if it is no effect, with effect=False"
        )


def _wait(after: float) -> Step[..., Any]:
    label = f"wait {after:g} s"
    return make_step(_Wait(after, label), {}, None, kind="hedge", name=label, effect=False)


class _Wait:
    """Waits on the loop of the run; it holds no place meanwhile (``core.plan.lower``)."""

    __slots__ = ("__name__", "seconds")

    def __init__(self, seconds: float, name: str) -> None:
        self.seconds, self.__name__ = seconds, name

    async def __call__(self, *, _context: StepContext) -> None:
        await _context._sleep(self.seconds)  # noqa: SLF001  (for steps of our own)
