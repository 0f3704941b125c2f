"""``plait plan``."""

from __future__ import annotations

import sys
from typing import Any

import click

from plait.cli.problem import Exit, Problem, clean, fitted


@click.command()
@click.argument("target")
@click.option("--explain", "step", metavar="STEP", help="Say what one step waits for, and why.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, target: str, step: str | None, as_json: bool) -> None:
    """Show what a run would do, and what each step waits for.

    Nothing is run. STEP is a step's path as it is listed, such as analyses/sentiment_analyzer.

    TARGET is path/to/pipeline.py[:NAME] or package.module[:NAME].
    """
    from plait.cli.checking import refuse_errors
    from plait.cli.describe import describe
    from plait.cli.encode import dumps
    from plait.cli.target import load_pipeline
    from plait.errors import DefinitionError

    pipeline = load_pipeline(target)
    refuse_errors(pipeline)
    if step is not None:
        try:
            text = pipeline.plan().explain(step)
        except DefinitionError as error:
            raise Problem(clean(str(error)), Exit.USAGE) from error
        click.echo(
            dumps({"step": step, "explanation": text}, indent=2)
            if as_json
            else fitted(clean(text), sys.stdout, 4)
        )
        return
    description = describe(pipeline)
    click.echo(
        dumps(description, indent=2) if as_json else fitted(clean(to_text(description)), sys.stdout, 5)
    )


def to_text(description: dict[str, Any]) -> str:
    """The description as a person reads it: two lines a step."""
    steps = description["steps"]
    name = f"pipeline {description['pipeline']}" if description["pipeline"] else "pipeline"
    count = sum(step["kind"] == "step" for step in steps)
    lines = [
        f"{name}: {count} step{'' if count == 1 else 's'}",
        f"inputs: {', '.join(description['inputs']) or 'none'}",
    ]
    if description["optional_inputs"]:
        lines[-1] += f"; optional: {', '.join(description['optional_inputs'])}"
    width = len(str(len(steps)))
    for number, step in enumerate(steps, 1):
        flow = (
            f"{', '.join(step['reads']) or 'nothing'} → {', '.join(step['writes']) or 'nothing'}"
            if step["kind"] == "step"
            else "(block)"
        )
        lines += ["", f"{number:>{width}}  {step['path']}  {flow}"]
        waits = ", ".join(wait["path"] for wait in step["waits_for"])
        when = f"after {waits}" if waits else "at once"
        where = f"{step['runs']}, " if step["kind"] == "step" else ""
        lines.append(f"{' ' * width}  {where}{when}")
    return "\n".join(lines)
