"""The group of commands: a table of names, so that ``plait --help`` loads none of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from plait.cli.problem import Exit, Problem, fitted

COMMANDS: Final = {
    "run": "Run a pipeline on one input or on many.",
    "check": "Check a pipeline without running it.",
    "plan": "Show what a run would do, and what each step waits for.",
    "draw": "Draw a pipeline as text, Mermaid, SVG or JSON.",
    "rule": "Explain a rule of the checks, such as E202.",
    "new": "Create a small project that runs at once.",
    "migrate": "Move files from gllm-pipeline to plait.compat.gllm.",
    "config": "Show the settings, and where each one comes from.",
    "doctor": "Tell what this machine and this installation can do.",
    "version": "Show the version.",
}
"""Every command and its one-line help; the command itself is ``plait.cli.NAME.command``."""


class _Lazy(click.Group):
    """A group that loads a command's module when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's shape)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"plait.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from plait.core.names import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from plait.cli.version import version

        click.echo(f"plait {version()}")
        ctx.exit()


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="plait COMMAND --help tells more about a command.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def root() -> None:
    """Run AI pipelines in parallel."""


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every way to end becomes an exit code here and nowhere else."""
    try:
        code = root.main(
            args=None if arguments is None else list(arguments), prog_name="plait", standalone_mode=False
        )
    except Problem as problem:
        click.echo(fitted(f"error: {problem}", sys.stderr, 6), err=True)
        return int(problem.code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone (`plait … | head`). The interpreter would complain once more
        # when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.FAILED)
    return code if isinstance(code, int) else int(Exit.OK)
