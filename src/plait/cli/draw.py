"""``plait draw``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from plait.cli.problem import Problem

_SUFFIXES: Final = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".md": "mermaid",
    ".txt": "text",
    ".svg": "svg",
    ".json": "json",
}


@click.command()
@click.argument("target")
@click.option(
    "--format",
    "-f",
    "chosen",
    type=click.Choice(["mermaid", "text", "svg", "json"]),
    help="Which form.  [default: by the suffix of --output, else text]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write it to a file: .mmd, .md, .txt, .svg or .json.",
)
def command(*, target: str, chosen: str | None, output: str | None) -> None:
    """Draw a pipeline as text, Mermaid, SVG or JSON.

    No network and no other program is used. JSON lists the steps with what they read, write and wait for.

    TARGET is path/to/pipeline.py[:NAME] or package.module[:NAME].
    """
    from plait.cli.target import load_pipeline

    form = chosen or _form(output)
    text = draw(load_pipeline(target), form)
    if output is None:
        click.echo(text)
        return
    path = Path(output)
    if form == "mermaid" and path.suffix == ".md":
        text = f"```mermaid\n{text}\n```"
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Problem(f"--output {output}: {error.strerror or error}") from error
    click.echo(f"{form} written to {output}", err=True)


def _form(output: str | None) -> str:
    if output is None:
        return "text"
    suffix = Path(output).suffix
    if suffix not in _SUFFIXES:
        raise Problem(
            f"--output {output}: the form can't be told from {suffix or 'a name without suffix'!r}; name a {', '.join(_SUFFIXES)} file, or say --format"
        )
    return _SUFFIXES[suffix]


def draw(pipeline: Any, form: str) -> str:
    """The drawing of a pipeline in one of the forms."""
    match form:
        case "mermaid":
            text: str = pipeline.to_mermaid()
        case "svg":
            text = pipeline.to_svg()
        case "json":
            from plait.cli.checking import refuse_errors
            from plait.cli.describe import describe
            from plait.cli.encode import dumps

            refuse_errors(pipeline)
            text = dumps(describe(pipeline), indent=2)
        case _:
            text = pipeline.to_text()
    return text.rstrip("\n")
