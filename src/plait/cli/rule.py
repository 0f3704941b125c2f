"""``plait rule``."""

from __future__ import annotations

import json

import click

from plait.cli.problem import Problem


@click.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, code: str | None, as_json: bool) -> None:
    """Explain a rule of the checks, such as E202.

    What it finds, why that is bad, an example, and what to write instead. Without CODE, every rule is listed.
    """
    from plait.core.check import RULES, explain_rule
    from plait.errors import DefinitionError

    if code is None:
        rules = [(rule.code, rule.name) for rule in RULES.values()]
        if as_json:
            click.echo(json.dumps([{"code": code, "name": name} for code, name in rules], indent=2))
        else:
            click.echo("\n".join(f"{code}  {name}" for code, name in rules))
        return
    try:
        page = explain_rule(code)
    except DefinitionError as error:
        raise Problem(str(error)) from error
    rule = RULES[code.strip().upper()]
    click.echo(
        json.dumps({"code": rule.code, "name": rule.name, "page": page}, indent=2)
        if as_json
        else page.rstrip()
    )
