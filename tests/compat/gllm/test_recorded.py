"""The cases and what was recorded of them belong together, also where neither library is installed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.compat.gllm.cases import CASES, MODULES, Case
from tests.compat.gllm.playing import plain

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text("utf-8"))
FAULTS = [one for one in CASES.values() if one.fault]


def test_every_case_was_recorded_and_nothing_else() -> None:
    assert list(EXPECTED) == list(CASES)
    for recorded in EXPECTED.values():
        assert re.search(r"gllm-pipeline-binary \d", recorded["library"])


def test_every_module_of_cases_is_loaded() -> None:
    assert {Path(str(module.__file__)).name for module in MODULES} == {
        path.name for path in (HERE / "uses").glob("*.py")
    }


@pytest.mark.parametrize("one", FAULTS, ids=lambda one: one.name)
def test_a_fault_is_one(one: Case) -> None:
    # The original was seen to do otherwise than Plait has to; else the case is no fault, or the fault is gone.
    assert one.fault is not None
    recorded = EXPECTED[one.name]["outcome"]
    if "refused" in one.fault.outcome:
        assert "state" in recorded
    else:
        assert recorded != one.fault.outcome
    assert {"state", "error", "refused"} & set(one.fault.outcome)
    assert one.fault.outcome == plain(one.fault.outcome)


def test_every_silent_fault_of_the_list_has_a_case() -> None:
    assert {one.fault.number for one in FAULTS if one.fault} >= {f"3.1.{n}" for n in range(1, 14)}


def test_no_case_of_the_ordinary_ones_is_a_misuse_of_the_original() -> None:
    # An AttributeError or TypeError is the original falling over, not an answer of it.
    for one in CASES.values():
        if not one.fault:
            assert EXPECTED[one.name]["outcome"].get("refused") not in {"AttributeError", "TypeError"}, (
                one.name
            )
