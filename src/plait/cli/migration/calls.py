"""What a step that is written out in a file reads and writes, as far as it says so in plain words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from plait.cli.migration.names import Names

ORDER: dict[str, tuple[str, ...]] = {
    "step": ("component", "output_state", "input_map"),
    "transform": ("operation", "input_states"),
    "bundle": ("input_states", "output_state"),
    "copy": ("input_state", "output_state"),
    "map_reduce": ("output_state", "map_func", "reduce_func", "input_map"),
    "if_else": ("condition", "if_branch", "else_branch", "output_state", "input_map"),
    "switch": ("condition", "branches", "output_state", "default", "input_map"),
    "toggle": ("condition", "if_branch", "output_state", "input_map"),
    "guard": ("condition", "success_branch", "failure_branch", "output_state", "input_map"),
    "conditional": ("name", "branches", "condition", "output_state", "condition_aggregator", "input_map"),
    "while_do": ("body", "condition", "input_map", "output_state"),
    "try_catch": ("body", "fallback"),
    "subgraph": ("subgraph", "output_state_map", "input_map"),
    "parallel": ("branches", "input_states", "squash"),
    "goto": ("name", "target", "input_map", "output_state"),
}
"""The parameters of each kind that people give by position."""

INSIDE: dict[str, tuple[str, ...]] = {
    "if_else": ("if_branch", "else_branch"),
    "switch": ("branches", "default"),
    "toggle": ("if_branch",),
    "guard": ("success_branch", "failure_branch"),
    "conditional": ("branches",),
    "while_do": ("body",),
    "try_catch": ("body", "fallback"),
    "parallel": ("branches",),
}
"""Where each kind has other steps."""


def argument(call: ast.Call, name: str, kind: str | None = None) -> ast.expr | None:
    """The argument of a call that has this name, however it is given."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    order = ORDER.get(kind or "", ())
    if name in order and order.index(name) < len(call.args):
        found = call.args[order.index(name)]
        return None if isinstance(found, ast.Starred) else found
    return None


def constant(node: ast.expr | None) -> str | None:
    """The text of a string that is written out."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def words(node: ast.expr | None) -> list[str]:
    """The strings of a list that is written out, or the one string."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [text for element in node.elts if (text := constant(element)) is not None]
    text = constant(node)
    return [] if text is None else [text]


@dataclass(frozen=True)
class Use:
    """A key that a step reads or writes, and where it says so."""

    key: str
    line: int


def steps(node: ast.expr, names: Names, *, deep: bool = True) -> Iterator[tuple[str, ast.Call]]:
    """Every step that an expression holds, with its kind: lists, dicts, names given once; inside others if *deep*."""
    node = names.value(node)
    if isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            yield from steps(element, names, deep=deep)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from steps(value, names, deep=deep)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from steps(node.left, names, deep=deep)
        yield from steps(node.right, names, deep=deep)
    elif isinstance(node, ast.Call):
        kind = names.kind(node)
        if kind is None:
            return
        yield kind, node
        if deep:
            for name in INSIDE.get(kind, ()):
                found = argument(node, name, kind)
                if found is not None:
                    yield from steps(found, names)


def writes(kind: str, call: ast.Call) -> Iterator[Use]:
    """The keys that a step says it writes."""
    if kind == "subgraph":
        found = argument(call, "output_state_map", kind)
        if isinstance(found, ast.Dict):
            yield from (Use(text, call.lineno) for key in found.keys if (text := constant(key)) is not None)
        return
    found = argument(call, "output_state", kind)
    if kind == "step" and (
        isinstance(found, ast.Dict) or (isinstance(found, ast.List) and len(call.args) > 2)
    ):
        found = argument(call, "input_map", kind)  # the order of the tutorial: inputs second
    yield from (Use(word, call.lineno) for word in words(found))
    if kind == "try_catch":
        yield from (Use(word, call.lineno) for word in words(argument(call, "caught_exception_state")))
    if kind == "interrupt":
        yield from (Use(word, call.lineno) for word in words(argument(call, "resume_value_map")))


def reads(kind: str, call: ast.Call) -> Iterator[Use]:
    """The keys that a step says it reads; of a dotted path the first word."""
    for name in ("input_map", "input_states", "input_state"):
        found = argument(call, name, kind)
        if (
            kind == "step"
            and name == "input_map"
            and isinstance(argument(call, "output_state", kind), ast.Dict)
        ):
            found = argument(call, "output_state", kind)
        yield from (Use(word.split(".")[0], call.lineno) for word in _keys(found))


def _keys(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        for value in node.values:
            if isinstance(value, ast.Call):  # Group("key") reads it; Val("text") does not
                name = (
                    value.func.attr
                    if isinstance(value.func, ast.Attribute)
                    else getattr(value.func, "id", "")
                )
                if name == "Group" and value.args:
                    yield from words(value.args[0])
            else:
                yield from words(value)
    elif isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            yield from _keys(element) if isinstance(element, ast.Dict) else words(element)
    else:
        yield from words(node)
