"""The work that every contender does: the same coroutine functions, whoever calls them.

A contender may wrap these in what its library asks for (a class, a node that reads a state), but it
never replaces them. So a difference between two rows is the library, not the step.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, int]
Analysis: TypeAlias = Callable[[str], Awaitable[str]]


async def inc(x: int) -> int:
    """The cheapest step there is: it never suspends."""
    return x + 1


async def inc_later(x: int) -> int:
    """The cheapest step that gives the loop a turn."""
    await asyncio.sleep(0)
    return x + 1


def combine(*values: int) -> int:
    """What a step of the irregular graph returns; any missing or swapped input shows in it."""
    total = 7
    for value in values:
        total = (total * 31 + value) % 1_000_003
    return total


def graph_step(seconds: float, arity: int) -> Callable[..., Awaitable[int]]:
    """A step of the irregular graph with one, two or three named inputs."""

    async def one(a: int) -> int:
        await asyncio.sleep(seconds)
        return combine(a)

    async def two(a: int, b: int) -> int:
        await asyncio.sleep(seconds)
        return combine(a, b)

    async def three(a: int, b: int, c: int) -> int:
        await asyncio.sleep(seconds)
        return combine(a, b, c)

    return (one, two, three)[arity - 1]


ARGUMENTS = ("a", "b", "c")


def analysis(name: str, seconds: float | None) -> Analysis:
    """One analysis of the tutorial: text in, a short finding out. `None` means it never suspends."""
    if seconds is None:

        async def at_once(text: str) -> str:
            return f"{name}({text})"

        return at_once
    delay = seconds

    async def later(text: str) -> str:
        await asyncio.sleep(delay)
        return f"{name}({text})"

    return later


def reporter(seconds: float | None) -> Callable[[str, str, str, str], Awaitable[str]]:
    """The tutorial's last step: the four findings in, one report out."""
    if seconds is None:

        async def at_once(sentiment: str, topics: str, entities: str, language: str) -> str:
            return f"{sentiment} {topics} {entities} {language}"

        return at_once
    delay = seconds

    async def later(sentiment: str, topics: str, entities: str, language: str) -> str:
        await asyncio.sleep(delay)
        return f"{sentiment} {topics} {entities} {language}"

    return later


def expected_report(document: str) -> str:
    """The report that every contender must return for *document*."""
    text = f"text({document})"
    return f"sentiment({text}) topics({text}) entities({text}) language({text})"


def blocking(seconds: float) -> Callable[[int], int]:
    """A plain `def` component that blocks its thread, as most client libraries do."""

    def block(x: int) -> int:
        time.sleep(seconds)
        return x + 1

    return block


async def rises(x: int) -> bool:
    """A condition of a component: it holds for every value that these workloads have."""
    return x >= 0


def rises_now(state: Mapping[str, Any]) -> bool:
    """The same as people write it most: a plain function of the state."""
    return bool(state["x"] >= 0)


ROUTES: tuple[str, ...] = ("red", "green", "blue", "white", "black")


async def route(x: int) -> str:
    """One of five routes."""
    return ROUTES[x % len(ROUTES)]


def more_turns(turns: int) -> Callable[[Mapping[str, Any]], bool]:
    """The condition of a loop that begins at 0 and ends after so many turns."""
    return lambda state: bool(state["x"] < turns)


def more_turns_later(turns: int) -> Callable[[int], Awaitable[bool]]:
    """The same as a coroutine function."""

    async def again(x: int) -> bool:
        return x < turns

    return again


def inc_now(x: int) -> int:
    """The cheapest blocking step."""
    return x + 1


class Inc:
    """The cheapest component: an object, as real ones are."""

    async def __call__(self, x: int) -> int:
        return x + 1


async def breaks(x: int) -> int:
    """A step that always fails."""
    raise ValueError(x)


def make_rows(count: int) -> list[Row]:
    """A list of *count* small dicts."""
    return [{"id": i, "group": i % 7, "score": (i * 7919) % 1000} for i in range(count)]


def reader(group: int, *, whole: bool) -> Callable[[list[Row]], Coroutine[Any, Any, int]]:
    """A branch that reads the list, all of it or two places, and changes nothing."""

    async def read_all(rows: list[Row]) -> int:
        return sum(row["score"] for row in rows if row["group"] == group)

    async def peek(rows: list[Row]) -> int:
        return rows[group]["score"] + rows[-1 - group]["score"]

    return read_all if whole else peek


def churn(value: int) -> int:
    """A computation in Python that holds Python's lock: so many rounds."""
    total = 7
    for i in range(value):
        total = (total * 31 + i) % 1_000_003
    return total


def read_array(value: Any) -> tuple[float, str]:
    """Read an array of numpy whole, and say in whose memory it lies."""
    return float(value.sum()), memory_of(value.__array_interface__["data"][0])


def memory_of(address: int) -> str:
    """What is mapped at an address: a file or shared memory by its numbers, or memory of this process alone."""
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        for line in maps:
            where, _, _, device, inode, *_ = line.split()
            first, last = (int(part, 16) for part in where.split("-"))
            if first <= address < last and inode != "0":
                return f"{device} {inode}"
    return f"process {os.getpid()}"
