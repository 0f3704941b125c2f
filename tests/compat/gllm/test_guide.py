"""The migration guide says what the cases hold."""

from __future__ import annotations

import pytest
from tests.compat.gllm.cases import CASES
from tests.compat.gllm.table import GUIDE, PART, TITLES, differences

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="this is no checkout")


def test_the_differences_on_the_page_are_those_of_the_cases() -> None:
    found = PART.search(GUIDE.read_text("utf-8"))
    assert found
    assert found[0] == differences(), "python -m tests.compat.gllm.table --write"


def test_every_fault_stands_below_a_heading() -> None:
    known = {number for numbers in TITLES.values() for number in numbers}
    assert not {one.fault.number for one in CASES.values() if one.fault} - known
