"""``plait run``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext, redirect_stdout
from typing import Any

import click

from plait.cli.problem import Exit, Problem

EPILOG = """\b
Exit codes:
  0    everything succeeded
  1    the run failed
  2    the command line, the input or the file cannot be used; nothing was run
  3    the pipeline or its inputs were refused; nothing was run
  4    finished, but some items failed (0 with --allow-failures)
  130  interrupted (Ctrl-C); a second Ctrl-C leaves at once
  143  terminated
"""


def _concurrency(_: click.Context, __: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"a number from 1, or auto, not {value!r}")


def parse_config(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``k=v`` settings; a value that is JSON is taken as such, any other as text.

    >>> parse_config(["model=small", "beam=4", 'stop=["a"]'])
    {'model': 'small', 'beam': 4, 'stop': ['a']}
    """
    config: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Problem(f"--config {pair!r}: a setting is written key=value")
        try:
            config[key] = json.loads(value)
        except ValueError:
            config[key] = value
    return config


@click.command(epilog=EPILOG)
@click.argument("target")
@click.option(
    "--input",
    "-i",
    "input_text",
    metavar="INPUT",
    help="A JSON object; a .json file; a .jsonl file (one run a line); a folder (one run a file); - for standard input.",
)
@click.option(
    "--glob",
    default="*",
    show_default=True,
    help="Which files of an input folder, such as '*.pdf' or '**/*.txt'.",
)
@click.option(
    "--input-key",
    metavar="KEY",
    help="Which input gets the path of a file.  [default: the only required one]",
)
@click.option(
    "--output",
    "-o",
    metavar="PLACE",
    help="Where results go: a .jsonl file, a .json file (one run), or a folder (one file an item).",
)
@click.option(
    "--max-concurrency",
    default="auto",
    show_default=True,
    metavar="N",
    callback=_concurrency,
    help="How many items at once.",
)
@click.option("--allow-failures", is_flag=True, help="Exit with 0 although some items failed.")
@click.option(
    "--config",
    "-c",
    "config_pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the runs (repeatable).",
)
@click.option("--serial", is_flag=True, help="One step after another in one thread, for a debugger.")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="The longest that each run may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Every item on standard output as a line of JSON.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    help="How to show progress, on standard error.  [default: the setting progress: auto]",
)
@click.option("--report", is_flag=True, help="Show where the time went (of many runs, in the slowest).")
def command(*, config_pairs: tuple[str, ...], **chosen: Any) -> int:
    """Run a pipeline on one input or on many.

    TARGET is path/to/pipeline.py[:NAME] or package.module[:NAME]; NAME is the pipeline's name in it, by
    default "pipeline", or the only one there is.

    \b
    plait run pipeline.py --input '{"text": "hello"}'
    plait run pipeline.py --input documents/ --glob '*.pdf' --output reports/
    plait run company.jobs:nightly --input items.jsonl --json --max-concurrency 8
    """  # noqa: D301  (\b is click's mark for lines to leave as they are)
    from plait.cli.running import Request, carry_out
    from plait.cli.stopping import Stopper

    request = Request(config=parse_config(config_pairs), **chosen)
    out = sys.stdout
    # What components print must not come between the lines of JSON.
    with redirect_stdout(sys.stderr) if request.as_json else nullcontext(), Stopper() as stopper:
        try:
            return carry_out(request, out, stopper)
        except KeyboardInterrupt:  # while files were being loaded: nothing was run
            return int(stopper.code or Exit.INTERRUPTED)
