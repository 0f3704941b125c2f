"""``plait migrate``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from plait.cli.problem import Exit, Problem, clean, fitted

if TYPE_CHECKING:
    from plait.cli.migration.moving import Moved


@click.command()
@click.argument("file", nargs=-1, required=True)
@click.option("--write", is_flag=True, help="Write the files, instead of showing what would change.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, file: tuple[str, ...], write: bool, as_json: bool) -> int:
    """Move files from gllm-pipeline to plait.compat.gllm.

    Imports are rewritten, and nothing else: formatting and comments stay. Without --write the difference is shown.
    Then comes what a person has to look at, each with its line, the reason and what to do. Components and
    everything of gllm_core stay as they are.

    \b
    plait migrate service.py
    plait migrate *.py --write
    """  # noqa: D301  (\b is click's mark for lines to leave as they are)
    from plait.cli.migration.moving import move, put

    moved, problems = [], []
    for name in dict.fromkeys(file):
        try:
            moved.append(move(name))
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        # All or nothing: half of a service on another library is worse than none of it.
        raise Problem("\n".join([*problems, *(["nothing was written"] if write else [])]))
    if write:
        for one in moved:
            put(one)
    if as_json:
        from plait.cli.encode import dumps

        click.echo(dumps({"files": [_record(one, written=write) for one in moved]}, indent=2))
    else:
        for one in moved:
            _show(one, written=write)
    return int(Exit.OK)


def _record(one: Moved, *, written: bool) -> dict[str, Any]:
    return {
        "file": one.source.path.as_posix(),
        "imports": one.imports,
        "written": written and one.is_new,
        "diff": one.diff,
        "findings": [
            {"line": f.line, "kind": f.kind, "reason": f.reason, "cure": f.cure} for f in one.findings
        ],
    }


def _show(one: Moved, *, written: bool) -> None:
    name = one.source.path.as_posix()
    if one.is_new and not written:
        click.echo(clean(one.diff.replace("\r\n", "\n")), nl=False)
    if not one.is_new:
        said = (
            f"{name}: {'already moved' if one.is_moved else 'no import of gllm_pipeline'}, nothing to write"
        )
    else:
        imports = "1 import" if one.imports == 1 else f"{one.imports} imports"
        said = f"{name}: {imports} {'changed' if written else 'to change; --write does it'}"
    if one.findings:
        count = len(one.findings)
        said += f"; {count} place{'s need' if count > 1 else ' needs'} a person"
    lines = [said]
    for found in one.findings:
        lines += [f"{name}:{found.line}: {found.reason}", f"      do: {found.cure}"]
    click.echo(fitted(clean("\n".join(lines)), sys.stdout, 6))
