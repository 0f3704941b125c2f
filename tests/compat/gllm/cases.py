"""The documented uses of the original, each written once for both libraries.

`CASES` has them by name. A case is a coroutine function that takes a `Library` and returns a state; the modules
below `uses/` are sorted as the original's own documentation is.
"""

from __future__ import annotations

from tests.compat.gllm.playing import CASES, Case
from tests.compat.gllm.uses import (
    blocks,
    conditions,
    errors,
    faults,
    faults_of_state,
    faults_of_use,
    loops,
    pausing,
    pipelines,
    steps,
    tutorial,
)

MODULES = (
    steps,
    conditions,
    loops,
    blocks,
    pipelines,
    errors,
    pausing,
    tutorial,
    faults,
    faults_of_state,
    faults_of_use,
)

__all__ = ["CASES", "MODULES", "Case"]
