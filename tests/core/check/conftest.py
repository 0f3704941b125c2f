"""How these tests make pipelines: bound, without the façade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plait.core.check import Diagnostic, check
from plait.core.flow import Definition, as_parts
from plait.core.plan.bind import bind
from plait.core.schema import read_schema


def define(
    steps: Any,
    *,
    state_type: Any = None,
    input_type: Any = None,
    name: str | None = None,
    order: Any = "listed",
    max_concurrency: int | None = None,
) -> Definition:
    """What ``Pipeline(...)`` holds."""
    return Definition(
        as_parts(steps, "Pipeline"),
        order=order,
        schema=read_schema(state_type),
        schema_in=read_schema(input_type, "input_type"),
        name=name,
        max_concurrency=max_concurrency,
    )


class Embeddable:
    """A definition that can stand in a list, like a pipeline."""

    def __init__(self, steps: Any, **options: Any) -> None:
        self.__plait_definition__ = define(steps, **options)


@pytest.fixture
def pipeline() -> type[Embeddable]:
    """``pipeline([...], order=...)``, to be checked or embedded."""
    return Embeddable


@pytest.fixture
def found() -> Callable[..., list[Diagnostic]]:
    """``found([...], code="E203")``: the diagnostics of a pipeline, all or those of some codes."""

    def run(
        steps: Any, *, code: str = "", durations: Any = None, limits: Any = None, **options: Any
    ) -> list[Diagnostic]:
        bound = bind(define(steps, **options))
        diagnostics = check(bound, durations=durations, limits=limits)
        # A run refuses for the same reasons, and says as much when it does.
        refusal = check(bound, durations=durations, limits=limits, refusing=True)
        assert refusal == (diagnostics if any(d.is_error for d in diagnostics) else [])
        return [d for d in diagnostics if d.code.startswith(code)]

    return run
