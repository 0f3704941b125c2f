"""docs/reference/steps.md, made of the docstrings of all functions that make steps.

    python docs/reference/steps.py             say whether it is out of date (exit code 1)
    python docs/reference/steps.py --write     put it right

The page is never edited: what reads badly on it is mended in the docstring.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import plait

PAGE = Path(__file__).with_name("steps.md")
HEAD = """# All functions that make steps

Taken from their docstrings by `python docs/reference/steps.py --write`; a test compares them. What they return, and all
other names, are on [the page of the public names](api.md).

"""
GROUPS = {
    "A component as a step": (["step"], "[inputs and outputs](../how-to/inputs-and-outputs.md)"),
    "Small steps": (
        ["transform", "bundle", "copy", "log", "no_op"],
        "[small steps](../how-to/small-steps.md)",
    ),
    "Blocks": (
        ["parallel", "race", "dataflow", "subgraph"],
        "[order steps](../how-to/order-steps.md), [races](../how-to/race.md), [nested pipelines](../how-to/nested-pipelines.md)",
    ),
    "Choices and ends": (
        ["if_else", "switch", "toggle", "guard", "terminate"],
        "[branches](../how-to/branch.md), [early ends](../how-to/guard-and-terminate.md)",
    ),
    "More than once": (
        ["while_do", "goto", "map_reduce"],
        "[loops and jumps](../how-to/repeat.md), [items of a list](../how-to/many-items.md)",
    ),
    "Errors": (["try_catch"], "[handle errors](../how-to/handle-errors.md)"),
    "People": (["interrupt", "pause"], "[pause and resume](../how-to/pause-and-resume.md)"),
}
"""What stands together, and the pages that show how it is used."""


class Documented(NamedTuple):
    """A docstring, taken apart."""

    summary: str
    """Its first sentence, and the example in it."""
    text: list[str]
    """Its other paragraphs."""
    arguments: dict[str, str]
    example: str
    """Its lines with ``>>>``, and what they print."""


def take_apart(docstring: str) -> Documented:
    """The parts of a docstring that is laid out as all of ours are."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    arguments: dict[str, str] = {}
    text: list[str] = []
    example = ""
    for paragraph in paragraphs[1:]:
        first, _, rest = paragraph.partition("\n")
        if first == "Args:":
            for entry in re.split(r"\n(?! )", inspect.cleandoc(rest)):
                name, _, meaning = entry.partition(":")
                arguments[name.strip()] = flowing(meaning)
        elif paragraph.startswith(">>>"):
            example = paragraph
        elif first not in ("Returns:", "Raises:"):
            text.append(flowing(paragraph))
    return Documented(flowing(paragraphs[0]), text, arguments, example)


def flowing(text: str) -> str:
    """A text on one line, with the code marked as Markdown does it."""
    return " ".join(text.split()).replace("``", "`")


def entry(name: str) -> str:
    """What the page says of one function.

    Raises:
        LookupError: when an argument has no line in the docstring, or a line no argument.
    """
    function = getattr(plait, name)
    found = take_apart(function.__doc__ or "")
    parameters = inspect.signature(function).parameters
    if list(found.arguments) != list(parameters):
        raise LookupError(
            f"the docstring of {name} describes {list(found.arguments)}, and it takes {list(parameters)}"
        )
    lines = [f"### `{name}`", "", found.summary, ""]
    for paragraph in found.text:
        lines += [paragraph, ""]
    if found.example:
        lines += ["```python", found.example, "```", ""]
    lines += ["| argument | default | what it is |", "| --- | --- | --- |"]
    for argument, meaning in found.arguments.items():
        default = parameters[argument].default
        shown = "" if default is inspect.Parameter.empty else f"`{shortly(default)}`"
        cells = (f"`{argument}`", shown, meaning[0].upper() + meaning[1:])
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


def shortly(default: Any) -> str:
    """A default as it is written in a call."""
    return default.__name__ if inspect.isclass(default) else repr(default).replace("'", '"')


def page() -> str:
    """The whole page, as it should be."""
    parts = [HEAD]
    parts.append(" · ".join(f"[`{name}`](#{name})" for names, _ in GROUPS.values() for name in names) + "\n")
    for title, (names, shown) in GROUPS.items():
        parts.append(f"\n## {title}\n\nHow to: {shown}\n")
        parts += [f"\n{entry(name)}" for name in names]
    return "".join(parts)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare the page of steps with the docstrings.")
    parser.add_argument("--write", action="store_true", help="put it right")
    options = parser.parse_args(arguments)
    now = page()
    if options.write:
        PAGE.write_text(now, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == now:
        return 0
    print(f"{PAGE.name} is out of date: python docs/reference/steps.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
