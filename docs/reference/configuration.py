"""docs/reference/configuration.md, made of the table of settings.

    python docs/reference/configuration.py             say whether it is out of date (exit code 1)
    python docs/reference/configuration.py --write     put it right

The page is never edited: what reads badly on it is mended in `plait.core.settings`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from plait.core.settings import TABLE

PAGE = Path(__file__).with_name("configuration.md")
HEAD = """# Settings of a process

Made of the table in `plait.core.settings` by `python docs/reference/configuration.py --write`; a test compares them.
How they are used: [configure a process](../how-to/configure.md).

The first of these that says something wins: the argument in the code; the environment; the file, which is the nearest
`plait.toml`, or `pyproject.toml` with a table `[tool.plait]`, from the working directory upwards; the default. Two files are
never mixed. Of `limits` this holds for each name. What is set to nothing in the environment is not set. All of it is
read once in a process, when the first pipeline is made: not by `import plait`, and not again.

A name that no setting has and a value that does not fit are errors that name the file or the environment name. Other names
that begin with `PLAIT_` are left alone; `plait config show` tells of them.

"""
TAIL = """
`plait.settings.settings()` gives the values, `plait.settings.sources()` where each one comes from, and
[`plait config show --sources`](cli.md#plait-config-show) both.
"""


def written(default: Any) -> str:
    """A default as it is written in a file; what is none is not written."""
    if default is None or default == {}:
        return "none"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def page() -> str:
    """The whole page, as it should be."""
    rows = [
        f"| `{name}` | `{setting.environment}` | {written(setting.default)} | {setting.form} | {setting.meaning} |"
        for name, setting in TABLE.items()
    ]
    head = "| in a file | in the environment | default | what it may be | what it does |"
    return "\n".join([HEAD.rstrip("\n"), "", head, "| --- | --- | --- | --- | --- |", *rows, TAIL])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare the page of settings with their table.")
    parser.add_argument("--write", action="store_true", help="put it right")
    options = parser.parse_args(arguments)
    now = page()
    if options.write:
        PAGE.write_text(now, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == now:
        return 0
    print(f"{PAGE.name} is out of date: python docs/reference/configuration.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
