"""``plait check``."""

from __future__ import annotations

import sys

import click

from plait.cli.problem import Exit, clean, fitted


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, target: str, as_json: bool) -> int:
    """Check a pipeline without running it.

    Every finding has a code that `plait rule CODE` explains, names the steps and the key, and says what to do.
    The exit code is 3 if the pipeline would be refused; advice alone leaves it at 0.

    TARGET is path/to/pipeline.py[:NAME] or package.module[:NAME].
    """
    from plait.cli.encode import dumps
    from plait.cli.target import load_pipeline
    from plait.core.check import report
    from plait.core.names import listing

    pipeline = load_pipeline(target)
    findings = pipeline.check()
    refused = any(finding.is_error for finding in findings)
    required, optional = list(pipeline.input_keys), list(pipeline.optional_input_keys)
    if as_json:
        record = {
            "pipeline": pipeline.name,
            "ok": not refused,
            "inputs": required,
            "optional_inputs": optional,
            "diagnostics": [finding.to_dict() for finding in findings],
        }
        click.echo(dumps(record, indent=2))
        return int(Exit.CHECK if refused else Exit.OK)
    click.echo(fitted(clean(report(findings, pipeline.name)), sys.stdout, 6))
    if not refused:
        click.echo(
            f"inputs: {listing(required) if required else 'none'}"
            + (f"; optional: {listing(optional)}" if optional else "")
        )
    return int(Exit.CHECK if refused else Exit.OK)
