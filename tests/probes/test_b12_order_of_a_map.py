"""B12: the results of a map come in input order, while the items end in another one."""

from __future__ import annotations

import random
import time

import pytest

from plait import Pipeline, step

pytestmark = pytest.mark.timing


def test_input_order_from_threads_that_end_in_any_order():
    draw = random.Random(12)
    waits = [draw.random() * 0.04 for _ in range(60)]
    ended = []

    def work(n):
        time.sleep(waits[n])
        ended.append(n)
        return n * n

    began = time.perf_counter()
    pipeline = Pipeline([step(work, output_state="square")])
    items = list(pipeline.map(({"n": n} for n in range(60)), max_concurrency=12))
    took = time.perf_counter() - began
    assert [item.index for item in items] == list(range(60))
    assert [item.result.state["square"] for item in items] == [n * n for n in range(60)]
    assert ended != sorted(ended)  # or nothing would be shown
    assert took < sum(waits) / 3  # and they were side by side
