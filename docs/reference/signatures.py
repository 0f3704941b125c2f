"""The signatures on docs/reference/api.md, taken from the library.

    python docs/reference/signatures.py            say which are out of date (exit code 1)
    python docs/reference/signatures.py --write    put them right

A signature stands in a code block after a line `<!-- signature: NAME -->`; NAME is a dotted path below `plait`.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("api.md")
BLOCK = re.compile(r"<!-- signature: (?P<name>[\w.]+) -->\n```python\n(?P<code>.*?)```\n", re.DOTALL)
WIDTH = 100
SPELT_OUT = {
    "Order": "Literal['listed', 'dataflow']",
    "OnError": "Literal['cancel', 'finish', 'collect']",
    "Need": "Literal['all'] | int",
    "Mode": "Literal['events', 'values', 'updates', 'custom', 'tokens']",
    "_Room": "Awaitable[None]",
    "Embed": "Callable[[list[str]], Iterable[Iterable[float]]]",
}
"""Names that a reader need not look up."""


def find(name: str) -> Any:
    """The object behind a dotted path below `plait`: `Pipeline.run`, `testing.run_serial`, `events.Emitted`."""
    found: Any = importlib.import_module("plait")
    path = "plait"
    for part in name.split("."):
        path = f"{path}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(path)
    return found


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for name, meaning in SPELT_OUT.items():
        text = re.sub(rf"\b{name}\b", meaning, text)
    return text.replace("'", '"')


def _from_overloads(call: Callable[..., Any], parameter: str) -> str:
    """What the overloads say of a parameter (or, as "return", of the result): they know more than the implementation."""
    found: dict[str, None] = {}
    for one in typing.get_overloads(call):
        what = inspect.signature(one)
        known = what.parameters.get(parameter)
        if known is not None or parameter == "return":
            text = _annotation(known.annotation if known is not None else what.return_annotation)
            found.update(dict.fromkeys(text.split(" | ")))
    parts = [part for part in found if not any(_says_more(other, part) for other in found)]
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def _says_more(one: str, other: str) -> bool:
    """Whether one list of literals has all that another has, and more."""
    words = [
        set(re.findall(r'"\w+"', part)) if part.startswith("Literal[") else set() for part in (one, other)
    ]
    return bool(words[1]) and words[1] < words[0]


def signature(name: str) -> str:
    """The signature of a public name, as it stands on the page."""
    found = find(name)
    shown = (
        name.rpartition(".")[2]
        if name.startswith(("components.", "events.", "routers.", "testing."))
        else name
    )
    if isinstance(found, property):
        return (
            f"{shown}: {_annotation(inspect.signature(typing.cast('Any', found.fget)).return_annotation)}\n"
        )
    if inspect.isclass(found) and issubclass(found, tuple) and hasattr(found, "_fields"):
        fields = ", ".join(f"{key}: {_annotation(value)}" for key, value in _fields(found).items())
        return f"{shown}({fields})\n"
    call = found.__init__ if inspect.isclass(found) else found
    what = inspect.signature(call)
    parts: list[str] = []
    starred = False
    for parameter in what.parameters.values():
        if parameter.name in {"self", "cls"}:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            parts.append("*")
        text = {parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}.get(
            parameter.kind, ""
        ) + parameter.name
        annotation = _from_overloads(call, parameter.name) or _annotation(parameter.annotation)
        if annotation:
            text += f": {annotation}"
        if parameter.default is not parameter.empty:
            default = parameter.default
            shown_default = default.__name__ if inspect.isclass(default) else repr(default).replace("'", '"')
            text += f" = {shown_default}" if annotation else f"={shown_default}"
        parts.append(text)
    returns = (
        ""
        if inspect.isclass(found)
        else _from_overloads(call, "return") or _annotation(what.return_annotation)
    )
    tail = f" -> {returns}" if returns else ""
    start = "async " if inspect.iscoroutinefunction(found) else ""
    line = f"{start}{shown}({', '.join(parts)}){tail}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    body = "".join(f"    {part},\n" for part in parts)
    return f"{start}{shown}(\n{body}){tail}\n"


def _fields(found: Any) -> dict[str, Any]:
    return {key: value for key, value in inspect.get_annotations(found).items() if key in found._fields}


def renewed(text: str) -> str:
    """The page with every signature as it is now."""
    return BLOCK.sub(
        lambda match: f"<!-- signature: {match['name']} -->\n```python\n{signature(match['name'])}```\n", text
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare the signatures on the page with the library's.")
    parser.add_argument("--write", action="store_true", help="put them right")
    options = parser.parse_args(arguments)
    old = PAGE.read_text("utf-8")
    new = renewed(old)
    if options.write:
        PAGE.write_text(new, "utf-8")
        return 0
    stale = [b["name"] for a, b in zip(BLOCK.finditer(old), BLOCK.finditer(new), strict=True) if a[0] != b[0]]
    for name in stale:
        print(f"{PAGE.name}: the signature of {name} is out of date")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
