"""``plait config``."""

from __future__ import annotations

import json
from typing import Any

import click

from plait.cli.problem import Problem, clean


@click.group()
def command() -> None:
    """Show the settings, and where each one comes from.

    An argument in the code goes before the environment, that before the file, that before the default. The file is
    the first plait.toml, or pyproject.toml with a table [tool.plait], from the working directory upwards.
    """


@command.command()
@click.option("--sources", "with_sources", is_flag=True, help="Say of each where it comes from.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(*, with_sources: bool, as_json: bool) -> None:
    """Show the settings that hold here.

    \b
    plait config show --sources
    PLAIT_THREADS=32 plait config show
    """  # noqa: D301  (\b is click's mark for lines to leave as they are)
    import os

    from plait.core.settings import not_settings, value_of
    from plait.errors import DefinitionError
    from plait.settings import settings, sources

    try:
        found, origins = settings(), sources()
    except DefinitionError as error:
        raise Problem(clean(str(error))) from error
    values = {name: value_of(found, name) for name in origins}
    strays = not_settings(os.environ)
    if as_json:
        record: dict[str, Any] = {"settings": values, "unknown": list(strays)}
        # ``limits`` without any is an empty mapping, of a type that JSON does not know.
        click.echo(
            json.dumps(record | ({"sources": origins} if with_sources else {}), indent=2, default=dict)
        )
    else:
        rows = [(name, _shown(value), clean(origins[name])) for name, value in values.items()]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        for name, value, origin in rows:
            line = f"{name:<{first}}  {value:<{second}}"
            click.echo(f"{line}  {origin}" if with_sources else line.rstrip())
    for name, meant in strays.items():
        click.echo(f"note: {clean(name)} is in the environment, and no setting{meant}", err=True)


def _shown(value: Any) -> str:
    """A value as it is written in a file; a limit or a bound that nobody set is none."""
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None or value == {} else str(value)
