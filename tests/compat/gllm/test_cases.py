"""The documented uses of the original end on `plait.compat.gllm` as they do on the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.compat.gllm.cases import CASES, Case
from tests.compat.gllm.library import COMPAT, Library, is_there, real
from tests.compat.gllm.playing import play

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
EXPECTED: dict[str, Any] = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))

DIFFERENT: dict[str, str] = {}
"""Cases that end otherwise than on the original and are no fault of it, each with the reason, which the guide names."""


@pytest.fixture(scope="module")
def compat() -> Library:
    return Library(COMPAT)


@pytest.fixture(scope="module")
def original() -> Library:
    library = real()
    if library is None:
        pytest.skip("gllm-pipeline-binary is not installed")
    return library


def agrees(one: Case, outcome: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether a case ended as it has to: a refusal may be worded otherwise, and by another error of the library."""
    if outcome["ran"] != expected["ran"]:
        return False
    if "refused" not in expected:
        return outcome == expected
    says = [expected["refused"]] if one.fault else one.says
    return "refused" in outcome and all(word in outcome["text"] for word in says)


@pytest.mark.parametrize("one", [one for one in CASES.values() if not one.fault], ids=lambda one: one.name)
def test_it_ends_as_on_the_original(compat: Library, one: Case) -> None:
    if one.needs == "gllm_core" and not is_there(one.needs):
        pytest.skip("a tool is gllm_core's own")
    outcome, expected = play(one, compat), EXPECTED[one.name]["outcome"]
    assert agrees(one, outcome, expected) != (one.name in DIFFERENT), (outcome, expected)


@pytest.mark.parametrize("one", [one for one in CASES.values() if one.fault], ids=lambda one: one.name)
def test_a_fault_of_the_original_is_refused_or_done_right(compat: Library, one: Case) -> None:
    assert one.fault
    outcome = play(one, compat)
    assert agrees(one, outcome, one.fault.outcome), (outcome, one.fault.outcome)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("one", CASES.values(), ids=lambda one: one.name)
def test_the_original_still_ends_as_recorded(original: Library, one: Case) -> None:
    if one.needs and not is_there(one.needs):
        pytest.skip(f"{one.needs} is not installed")
    assert play(one, original) == EXPECTED[one.name]["outcome"]


def test_what_differs_is_a_case() -> None:
    assert DIFFERENT.keys() <= CASES.keys()
