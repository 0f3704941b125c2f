"""Tests of the service that ask no service: the components are replaced, the pipeline is the real one."""

from collections.abc import Callable
from typing import Any

import pytest
from side_by_side import pipeline

from plait import failures
from plait.testing import run_serial


def gives(value: object) -> Callable[..., Any]:
    """A component that gives always the same."""
    return lambda **_inputs: value


fakes = {
    "extract": gives("Hello from Anna"),
    "analyses/sentiment": gives(0.5),
    "analyses/topics": gives(["hello"]),
    "analyses/entities": gives(["Anna"]),
    "analyses/language": gives("en"),
}


def test_the_report_names_what_was_found() -> None:
    result = run_serial(pipeline.with_components(fakes), {"document": "any"})
    assert result.state["report"] == "en, mood +0.50, about hello; names Anna"


def test_a_failing_analysis_is_named() -> None:
    def down(text: str) -> float:
        raise ConnectionError(text)

    broken = pipeline.with_components({**fakes, "analyses/sentiment": down})
    with pytest.raises(ConnectionError) as caught:
        broken.run({"document": "any"})
    assert [failure.path for failure in failures(caught.value)] == ["analyses/sentiment"]
