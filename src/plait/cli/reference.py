"""The reference page of the command line, made from the commands themselves.

    python -m plait.cli.reference > docs/reference/cli.md

It is made from what ``--help`` shows and not of its layout, which differs between versions of click.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import click

from plait.cli.app import COMMANDS

_HEAD = """# Command line

<!-- Made by `python -m plait.cli.reference`; a test holds it to the program. -->

`plait COMMAND --help` shows the same on a terminal. Exit codes:

| code | meaning |
| --- | --- |
| 0 | everything succeeded |
| 1 | the run failed |
| 2 | the command line, the input or the file cannot be used; nothing was run |
| 3 | the pipeline or its inputs were refused by the checks; nothing was run |
| 4 | finished, but some items failed (0 with `--allow-failures`) |
| 130 | interrupted by Ctrl-C: the run was cancelled and waited for; a second Ctrl-C leaves at once |
| 143 | terminated by SIGTERM: likewise |

`TARGET` is `path/to/pipeline.py[:NAME]` or `package.module[:NAME]`. `NAME` is the pipeline's name in that module: by
default `pipeline`, or the only one there is. The folder of the file comes first on the import path, as with
`python pipeline.py`; for a module it is the current folder, as with `python -m`.

`NO_COLOR`, `FORCE_COLOR`, `TERM=dumb` and `CI` are honoured: no colours, colours, plain lines, no progress.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for name in COMMANDS for line in _command(name))]).rstrip() + "\n"


def _command(name: str) -> Iterator[str]:
    yield from _page(name, import_module(f"plait.cli.{name}").command)


def _page(name: str, command: click.Command) -> Iterator[str]:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    words = [_word(argument) for argument in arguments]
    if isinstance(command, click.Group):
        words.append("COMMAND")
    yield f"## plait {name}\n"
    yield "```text\n" + " ".join(["plait", name, *(["[OPTIONS]"] if options else []), *words]) + "\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield "```text\n" + paragraph.removeprefix("\b\n") + "\n```\n"
        else:
            yield paragraph + "\n"
    if options:
        yield "| option | |"
        yield "| --- | --- |"
        for option in options:
            yield f"| {_names(option)} | {_help(option)} |"
        yield ""
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _page(f"{name} {part}", inner)


def _word(argument: click.Argument) -> str:
    word = (argument.name or "").upper() + ("..." if argument.nargs < 0 else "")
    return word if argument.required else f"[{word}]"


def _names(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} `{'|'.join(option.type.choices)}`".replace("|", "\\|")
    return f"{names} `{option.metavar or 'TEXT'}`"


def _help(option: click.Option) -> str:
    text = (option.help or "").replace("  [", " [")
    if option.show_default and option.default is not None:
        text += f" [default: {option.default}]"
    return text.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    print(reference(), end="")
