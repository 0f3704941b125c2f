"""What a case is, and what is kept of how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.compat.gllm.library import Library

Run = Callable[[Any], Awaitable[Any]]
CASES: dict[str, Case] = {}
"""Every case by its name, in the order in which they are written."""

OURS = ("gllm_pipeline", "gllm_core", "langgraph", "pydantic", "plait")
"""An error that one of these defines is a refusal of the library, not an error of the user's code."""


@dataclass(frozen=True)
class Fault:
    """A fault of the original that Plait does not copy.

    Attributes:
        number: where PARITY lists it.
        was: what the original does, in the words of the migration guide.
        now: what Plait does, likewise.
        outcome: how the case must end on Plait.
    """

    number: str
    was: str
    now: str
    outcome: dict[str, Any]


def refused(says: str, **ran: int) -> dict[str, Any]:
    """The outcome of a case that Plait refuses, with words that its message contains."""
    return {"refused": says, "ran": ran}


def raised(error: str, text: str, **ran: int) -> dict[str, Any]:
    """The outcome of a case in which the user's own error gets out."""
    return {"error": error, "text": text, "ran": ran}


def right(state: Any, **ran: int) -> dict[str, Any]:
    """The outcome of a case that Plait does right."""
    return {"state": state, "ran": ran}


@dataclass(frozen=True)
class Case:
    """A use of the original, written once for both libraries."""

    name: str
    run: Run
    says: tuple[str, ...] = ()
    fault: Fault | None = None
    needs: str | None = None
    lingers: float = 0


def case(
    *,
    says: str | tuple[str, ...] = (),
    fault: Fault | None = None,
    needs: str | None = None,
    lingers: float = 0,
) -> Callable[[Run], Run]:
    """Register a case.

    Args:
        says: words that Plait's refusal has to contain.
        fault: set where the original is wrong.
        needs: what must be importable in the original's environment besides the original.
        lingers: how many seconds the original's left-over work takes; what it does then is part of how it ended.
    """

    def register(run: Run) -> Run:
        name = run.__name__.removeprefix("case_")
        assert name not in CASES, f"two cases are called {name}"
        CASES[name] = Case(name, run, (says,) if isinstance(says, str) else says, fault, needs, lingers)
        return run

    return register


def play(one: Case, library: Library) -> dict[str, Any]:
    """Run a case and tell how it ended: the state that it returned, or the error; and how often each step ran."""
    return asyncio.run(_play(one, library))


async def _play(one: Case, library: Library) -> dict[str, Any]:
    library.ran.clear()
    try:
        ended: dict[str, Any] = {"state": plain(await one.run(library))}
    except (Exception, asyncio.CancelledError) as error:
        ended = _told(error)
    await asyncio.sleep(one.lingers)
    return ended | {"ran": dict(sorted(library.ran.items()))}


def _told(error: BaseException) -> dict[str, Any]:
    original = _original(error)
    if type(original).__module__.split(".")[0] in OURS or _raised_by_a_library(original):
        return {"refused": type(original).__name__, "text": str(original)}
    return {"error": type(original).__name__, "text": _text(original)}


def _original(error: BaseException) -> BaseException:
    """The user's error below what the original wraps it in."""
    found, seen = error, set[int]()
    while True:
        seen.add(id(found))
        if isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
            found = found.exceptions[0]
        elif (
            found.__cause__ is not None
            and id(found.__cause__) not in seen
            and type(found).__module__.split(".")[0] in OURS
        ):
            found = found.__cause__
        else:
            return found


def _raised_by_a_library(error: BaseException) -> bool:
    """Whether a library raised it, perhaps in C: then the last frame is the case's own call."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return False
    name = str(frame.tb_frame.f_globals.get("__name__"))
    return name.split(".", maxsplit=1)[0] in OURS or frame.tb_frame.f_code.co_name.startswith("case_")


def _text(error: BaseException) -> str:
    """What was said when it was raised: notes and later wrapping left out."""
    return str(error.args[0]) if len(error.args) == 1 else str(error)


def plain(value: Any) -> Any:
    """A result as JSON can hold it: tuples become lists, sets become sorted lists, models become dicts."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items() if key != "event_emitter"}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(inner) for inner in value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return f"<{type(value).__name__}>"
