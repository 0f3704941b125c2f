"""``plait new``: a small project that runs at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from plait.cli.problem import Problem
from plait.cli.scaffold import FILES, NAMED

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Create a small project that runs at once.

    NAME is the folder to create. It gets modules/ with components, pipeline.py that joins them, a test, a
    README and three short documents to try it on. Nothing that exists is overwritten.
    """
    folder = Path(name)
    if not _NAME.fullmatch(folder.name):
        raise Problem(
            f"{folder.name!r} is not a name for a project: letters, digits, - and _, the first one a letter"
        )
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir():
            raise Problem(f"{name!r} exists and is not a folder")
        if any(folder.iterdir()):
            raise Problem(f"the folder {name!r} exists and is not empty: choose another name")
    try:
        create(folder)
    except OSError as error:
        raise Problem(f"{name!r} cannot be created: {error.strerror or error}") from error
    click.echo(f"Created {name}: {len(FILES)} files. Try it:\n")
    click.echo(f"    cd {name}\n    plait run pipeline.py --input documents")


def create(folder: Path) -> None:
    """Write the project's files into a folder that is empty or not there yet."""
    for path, text in FILES.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not str.format: the components have braces of their own.
        target.write_text(
            text.replace("{name}", folder.name) if path in NAMED else text, encoding="utf-8", newline="\n"
        )
