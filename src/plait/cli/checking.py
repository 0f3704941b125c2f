"""What every command that runs or plans does first: see that the checks find no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.cli.problem import Exit, Problem, clean

if TYPE_CHECKING:
    from plait.pipeline import Pipeline


def refuse_errors(pipeline: Pipeline[Any]) -> None:
    """Stop with every error that the checks find, before anything runs.

    Raises:
        Problem: there is at least one.
    """
    errors = [finding for finding in pipeline.check() if finding.is_error]
    if errors:
        from plait.core.check import report

        raise Problem(
            f"the checks refuse it, so nothing was run\n{clean(report(errors, pipeline.name))}", Exit.CHECK
        )
