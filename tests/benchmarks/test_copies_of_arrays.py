"""How many copies of a large array there are when several processes read it: one, however many they are."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks.work import read_array

from plait import Limits, Pipeline, parallel, step

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="needs /proc to see where an array lies"
)


class ReadsWithOthers:
    """Reads the array when as many others have got it; what they got can't be given back before."""

    def __init__(self, folder: Path, others: int) -> None:
        self.folder, self.others = folder, others

    def __call__(self, value: Any) -> tuple[float, str]:
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < self.others:
            time.sleep(0.001)
        return read_array(value)


@pytest.mark.parametrize("branches", [2, 4])
def test_branches_that_read_one_array_share_one_copy(tmp_path: Path, branches: int) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(100_000, dtype="float64")
    reads = ReadsWithOthers(tmp_path, branches)
    parts = [
        step(reads, {"value": "value"}, f"found_{i}", name=f"branch_{i}", executor="process")
        for i in range(branches)
    ]
    state = Pipeline([parallel(parts)], limits=Limits({"cpu": branches})).run({"value": array}).state
    found = [state[f"found_{i}"] for i in range(branches)]
    assert [total for total, _ in found] == [float(array.sum())] * branches
    (place,) = {place for _, place in found}
    assert not place.startswith("process"), "each has a copy of its own"
