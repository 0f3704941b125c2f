"""One file per workload; the names are those of the figures to reach (M1 ... M13; V: the other kinds of steps)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from benchmarks.session import Workload

MODULES = {
    "M1": "m01_chain",
    "M2": "m02_suspending_chain",
    "M3": "m03_fan_out",
    "M4": "m04_wide_fan_out",
    "M5": "m05_irregular_graph",
    "M6": "m06_many_documents",
    "M7": "m07_invocations",
    "M8": "m08_blocking",
    "M9": "m09_cpu_bound",
    "M10": "m10_large_array",
    "M11": "m11_first_result",
    "M12": "m12_large_state",
    "M13": "m13_tutorial",
    "V1": "v1_choices",
    "V2": "v2_maps",
    "V3": "v3_loops",
    "V4": "v4_handlers",
}


def load(key: str) -> Workload:
    """The workload called *key*."""
    return cast("Workload", import_module(f"benchmarks.workloads.{MODULES[key]}"))
