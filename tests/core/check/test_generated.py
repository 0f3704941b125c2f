"""Conflicts in pipelines of every shape are found, and clean pipelines raise no alarm."""

from __future__ import annotations

import itertools
import random
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings

from plait.core.check import check
from plait.core.flow import Definition, dataflow, parallel
from plait.core.plan.bind import bind
from plait.core.schema import read_schema
from plait.core.step import step
from plait.testing.strategies import pipelines


def work(**given): ...


class Planted(NamedTuple):
    definition: Definition
    code: str
    key: str
    one: str
    other: str


class Grower:
    """Grows a random pipeline without conflicts, and remembers where one can be planted."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = itertools.count()

    def step(self, reads, *, writes=None, name=None):
        number = next(self.count)
        chosen = self.random.sample(reads, min(len(reads), self.random.randrange(3)))
        # Keys are digits with one letter: no two are near enough for a misspelling.
        key = writes or f"k{number}"
        return step(work, {f"x{i}": k for i, k in enumerate(chosen)}, key, name=name or f"s{number}"), key

    def flows(self, known, depth, *, effects=True):
        """A list of flows and the keys that it adds."""
        flows, added = [], []
        for _ in range(self.random.randrange(1, 4)):
            kind = self.random.random()
            if depth and kind < 0.3:
                branches, inside = [], []
                for _ in range(self.random.randrange(2, 4)):
                    branch, keys = self.flows(known + added, depth - 1)
                    branches.append(branch)
                    inside += keys
                flows.append(parallel(branches, name=self.name()))
                added += inside
            elif depth and kind < 0.4:
                parts, keys = self.flows(known + added, depth - 1)
                flows.append(dataflow(parts, name=self.name()))
                added += keys
            else:
                made, key = self.step(known + added)
                flows.append(made)
                added.append(key)
        return flows, added

    def name(self):
        return f"b{next(self.count)}" if self.random.random() < 0.5 else None

    def wrap(self, flows):
        """Hide a flow inside a branch: in a list, a block or a dataflow of its own."""
        for _ in range(self.random.randrange(3)):
            other, _ = self.flows(["in"], 0)
            kind = self.random.randrange(3)
            if kind == 0:
                flows = [*other, *flows]
            elif kind == 1:
                flows = [parallel([flows, other], name=self.name())]
            else:
                flows = [dataflow([*other, *flows], name=self.name())]
        return flows

    def clean(self):
        flows, _ = self.flows(["in"], 3)
        return self.definition(flows)

    def conflicting(self):
        """A clean pipeline with a block in the middle whose branches conflict over one key."""
        first, known = self.flows(["in"], 2)
        last, _ = self.flows(["in", *known], 2)
        key = f"k{next(self.count)}"
        writes = step(work, {}, key, name="one")
        two_writers = self.random.random() < 0.5
        other = (
            step(work, {}, key, name="other") if two_writers else step(work, {"x": key}, "q", name="other")
        )
        branches = [self.wrap([writes]), self.wrap([other])]
        for _ in range(self.random.randrange(3)):
            branches.append(self.flows(["in"], 1)[0])
        self.random.shuffle(branches)
        definition = self.definition([*first, parallel(branches, name=self.name()), *last])
        code = "E202" if two_writers else "E203"
        return Planted(definition, code, key, "one", "other")

    @staticmethod
    def definition(flows):
        schema = read_schema(None)
        return Definition(
            tuple(flows), order="listed", schema=schema, schema_in=schema, name=None, max_concurrency=None
        )


def errors(definition):
    found = check(bind(definition))
    assert bool(check(bind(definition), refusing=True)) == any(d.is_error for d in found)
    return [d for d in found if d.is_error]


def test_five_hundred_conflicts_are_found_with_both_steps_and_the_key():
    codes = set()
    for seed in range(500):
        planted = Grower(seed).conflicting()
        [one] = errors(planted.definition)
        names = {path.rpartition("/")[2] for path in one.paths}
        assert (one.code, one.key, names) == (planted.code, planted.key, {planted.one, planted.other}), seed
        assert one.hint, seed
        codes.add(one.code)
    assert codes == {"E202", "E203"}


def test_five_hundred_clean_pipelines_raise_no_alarm():
    for seed in range(500):
        assert errors(Grower(seed).clean()) == [], seed


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines())
def test_pipelines_that_run_are_not_refused(case):
    for order in ("listed", "dataflow"):
        found = errors(case.definition(order))
        # Names are drawn without a look at other unnamed blocks, so they may clash.
        assert [d for d in found if d.code != "E110"] == []
