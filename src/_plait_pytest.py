"""The fixtures of ``plait.testing.pytest_plugin``, outside of the package.

pytest loads what an installed package offers it in every session, also in those that have nothing to do with Plait. A
module inside the package would load all of Plait with it; this one loads nothing until a fixture is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plait.testing._fixtures import Serially, Virtually


@pytest.fixture
def plait_run() -> Virtually:
    """Run a pipeline on a virtual clock, where hours pass at once and a seed repeats exactly.

    `result = plait_run(pipeline, {"text": "hello"}, seed=3)`
    """
    from plait.testing._fixtures import run_virtually

    return run_virtually


@pytest.fixture
def plait_serial() -> Serially:
    """Run a pipeline one step at a time, in the thread of the test.

    `result = plait_serial(pipeline, {"text": "hello"})`
    """
    from plait.testing._fixtures import run_serially

    return run_serially
