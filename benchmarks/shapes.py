"""The shapes of the workloads, as data: an irregular graph, and the tutorial's pipeline with its delays."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from functools import cached_property

from benchmarks.work import combine

START = "start"
"""The key under which a graph's first steps find their input."""


@dataclass(frozen=True)
class GraphNode:
    """One step of the irregular graph. *inputs* are names of earlier nodes, or `START`."""

    name: str
    inputs: tuple[str, ...]
    seconds: float

    @property
    def after(self) -> tuple[str, ...]:
        """The nodes it must wait for."""
        return tuple(name for name in self.inputs if name != START)


@dataclass(frozen=True)
class Graph:
    """An irregular graph in an order in which every node comes after its inputs."""

    nodes: tuple[GraphNode, ...]

    @cached_property
    def critical_path(self) -> float:
        """Seconds that no schedule can beat, however many slots it has."""
        return max(self.remaining.values())

    @cached_property
    def remaining(self) -> dict[str, float]:
        """For each node, the longest way from its start to the end of the run."""
        longest = {node.name: 0.0 for node in self.nodes}
        for node in reversed(self.nodes):
            longest[node.name] += node.seconds
            for name in node.after:
                longest[name] = max(longest[name], longest[node.name])
        return longest

    @cached_property
    def total(self) -> float:
        """Seconds of work, summed."""
        return sum(node.seconds for node in self.nodes)

    @cached_property
    def answer(self) -> dict[str, int]:
        """The value of every node that no other node reads, when the start value is 1."""
        values = {START: 1}
        for node in self.nodes:
            values[node.name] = combine(*(values[name] for name in node.inputs))
        return {name: values[name] for name in self.outputs}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The nodes that no other node reads."""
        read = {name for node in self.nodes for name in node.after}
        return tuple(node.name for node in self.nodes if node.name not in read)

    @cached_property
    def levels(self) -> list[list[GraphNode]]:
        """The nodes by depth: what a library without data flow can run side by side."""
        depth: dict[str, int] = {}
        levels: list[list[GraphNode]] = []
        for node in self.nodes:
            depth[node.name] = max((depth[name] + 1 for name in node.after), default=0)
            if depth[node.name] == len(levels):
                levels.append([])
            levels[depth[node.name]].append(node)
        return levels

    def lower_bound(self, slots: int) -> float:
        """Seconds that no schedule with *slots* slots can beat."""
        return max(self.critical_path, self.total / slots)

    def list_schedule(self, slots: int) -> float:
        """The makespan of "longest remaining way first" without any overhead: what a good scheduler can reach."""
        waiting = {node.name: len(node.after) for node in self.nodes}
        readers: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in node.after:
                readers[name].append(node.name)
        seconds = {node.name: node.seconds for node in self.nodes}
        ready = [(-self.remaining[name], name) for name, count in waiting.items() if not count]
        heapq.heapify(ready)
        running: list[tuple[float, str]] = []
        now = 0.0
        while ready or running:
            while ready and len(running) < slots:
                _, name = heapq.heappop(ready)
                heapq.heappush(running, (now + seconds[name], name))
            now, ended = heapq.heappop(running)
            for name in readers[ended]:
                waiting[name] -= 1
                if not waiting[name]:
                    heapq.heappush(ready, (-self.remaining[name], name))
        return now


def irregular_graph(seed: int, *, size: int = 200, seconds: float = 1.0, slots: int | None = None) -> Graph:
    """A seeded graph with heavy-tailed durations whose lower bound is *seconds*.

    The bound is the critical path, or with *slots* the larger of that and the work per slot.
    """
    rng = random.Random(seed)
    nodes = []
    for i in range(size):
        earlier = range(max(0, i - 40), i)
        count = min(len(earlier), rng.choice((0, 1, 1, 2, 3)))
        inputs = tuple(f"n{j}" for j in sorted(rng.sample(earlier, count))) or (START,)
        nodes.append(GraphNode(f"n{i}", inputs, min(rng.paretovariate(1.3), 40.0)))
    raw = Graph(tuple(nodes))
    scale = seconds / (raw.critical_path if slots is None else raw.lower_bound(slots))
    return Graph(tuple(GraphNode(node.name, node.inputs, node.seconds * scale) for node in nodes))


@dataclass(frozen=True)
class Delays:
    """How long each step of the tutorial's pipeline takes; `None` means that it never suspends."""

    extract: float | None = None
    sentiment: float | None = None
    topics: float | None = None
    entities: float | None = None
    language: float | None = None
    report: float | None = None

    @classmethod
    def equal(cls, seconds: float) -> Delays:
        """The same delay for every step."""
        return cls(seconds, seconds, seconds, seconds, seconds, seconds)

    @classmethod
    def stated(cls, scale: float = 1.0) -> Delays:
        """The delays that the tutorial states, times *scale*."""
        return cls(0.5 * scale, 2.5 * scale, 2.5 * scale, 2.5 * scale, 1.5 * scale, 0.5 * scale)

    @property
    def analyses(self) -> dict[str, float | None]:
        """The four analyses in listed order."""
        return {
            "sentiment": self.sentiment,
            "topics": self.topics,
            "entities": self.entities,
            "language": self.language,
        }

    @property
    def critical_path(self) -> float:
        """Seconds that no order can beat."""
        return (self.extract or 0.0) + max(v or 0.0 for v in self.analyses.values()) + (self.report or 0.0)

    @property
    def total(self) -> float:
        """Seconds one step after the other."""
        return (self.extract or 0.0) + sum(v or 0.0 for v in self.analyses.values()) + (self.report or 0.0)
