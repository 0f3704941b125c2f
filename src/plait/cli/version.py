"""``plait version``."""

from __future__ import annotations

import json
import platform

import click

from plait._version import __version__


def version() -> str:
    """The version of Plait that runs."""
    return __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, as_json: bool) -> None:
    """Show the version.

    The versions of Plait and of the Python that runs it.
    """
    if as_json:
        click.echo(json.dumps({"plait": version(), "python": platform.python_version()}))
    else:
        click.echo(f"plait {version()} (Python {platform.python_version()})")
