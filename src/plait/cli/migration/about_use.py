"""What else a file uses of the original that is not there, or is otherwise."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache

from plait.cli.migration import NEW, OLD
from plait.cli.migration.advice import File, Finding
from plait.cli.migration.calls import argument, constant, words
from plait.cli.migration.names import modules
from plait.core.names import did_you_mean

_ROOT = re.compile(rf"(?:{OLD}|{re.escape(NEW)})(?=\.|$)")
_SAID = re.compile(rf"\b{OLD}\b")
_RUNS = ("invoke", "resume")


@cache
def offered(module: str) -> frozenset[str] | None:
    """The names of a module of ``plait.compat.gllm``; None where there is no such module."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return None
    public = getattr(found, "__all__", None)
    inside = {name for name in vars(found) if not name.startswith("_")}
    return frozenset(
        inside if public is None else {*public} | {name for name in inside if _is_module(module, name)}
    )


def _is_module(parent: str, name: str) -> bool:
    try:
        return importlib.util.find_spec(f"{parent}.{name}") is not None
    except ModuleNotFoundError:
        return False


def _imports(file: File) -> Iterator[tuple[ast.stmt, str, str | None]]:
    """Every import of the original or of what takes its place: (statement, module by its new name, name in it)."""
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and not node.level and _ROOT.match(node.module or ""):
            for alias in node.names:
                yield node, _ROOT.sub(NEW, node.module or ""), alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _ROOT.match(alias.name):
                    yield node, _ROOT.sub(NEW, alias.name), None


def private(file: File) -> Iterator[Finding]:
    """Imports of what the original kept to itself."""
    for node, module, name in _imports(file):
        inner = [part for part in [*module.split("."), name or ""] if part.startswith("_")]
        if inner and name != "*":
            yield Finding(
                node.lineno,
                "private",
                f"{inner[0]} is private to the original, and {NEW} has it nowhere",
                f"import the public name, such as from {NEW}.steps",
            )


def unknown(file: File) -> Iterator[Finding]:
    """Names that the compatibility module does not offer."""
    if offered(NEW) is None:
        return
    for node, module, name in _imports(file):
        if (name is not None and name.startswith("_")) or "._" in module:
            continue
        names = offered(module)
        if names is None:
            yield _no_module(node.lineno, module, name)
        elif name is not None and name != "*" and name not in names and not _is_module(module, name):
            yield Finding(
                node.lineno,
                "not-there",
                f"{module} has no {name!r}{did_you_mean(name, names)}",
                "see the migration guide for what is not there",
            )
    for attribute in file.nodes:
        if isinstance(attribute, ast.Attribute) and (full := file.names.dotted(attribute)) is not None:
            yield from _attribute(attribute, _ROOT.sub(NEW, full))


def _attribute(node: ast.Attribute, full: str) -> Iterator[Finding]:
    module, _, name = full.rpartition(".")
    if not module.startswith(NEW) or (names := offered(module)) is None:
        return
    if name not in names and not _is_module(module, name):
        yield Finding(
            node.lineno,
            "not-there",
            f"{module} has no {name!r}{did_you_mean(name, names)}",
            "see the migration guide for what is not there",
        )


def _no_module(line: int, module: str, name: str | None) -> Finding:
    parent, _, last = module.rpartition(".")
    while offered(parent) is None:
        parent, _, last = parent.rpartition(".")
    if name in (offered(parent) or ()):
        return Finding(line, "not-there", f"there is no {module}", f"from {parent} import {name}")
    return Finding(
        line,
        "not-there",
        f"there is no {module}{did_you_mean(last, _modules(parent))}",
        "see the migration guide for what is not there",
    )


def _modules(parent: str) -> list[str]:
    place = getattr(importlib.import_module(parent), "__path__", ())
    return [found.name for found in pkgutil.iter_modules(place)]


def strings(file: File) -> Iterator[Finding]:
    """The old name inside a string, such as one that a module is loaded or replaced by."""
    docstrings = {
        id(node.body[0].value)
        for node in file.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in file.nodes:
        if (
            id(node) not in docstrings
            and isinstance(node, ast.Constant)
            and _SAID.search(constant(node) or "")
        ):
            yield Finding(
                node.lineno,
                "string",
                f"a string names {OLD!r}, and strings are left as they are",
                f"write {NEW!r} if it names the module",
            )


def operators(file: File) -> Iterator[Finding]:
    """`a >> b` and `a << b`."""
    for node in file.nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.LShift | ast.RShift):
            continue
        if not (file.names.is_flow(node.left) or file.names.is_flow(node.right)):
            continue
        if isinstance(node.op, ast.RShift):
            yield Finding(
                node.lineno,
                "shift-right",
                "a >> b ran b's steps first; now a runs first, as it reads",
                "write b << a if b has to run first",
            )
        else:
            yield Finding(
                node.lineno,
                "shift-left",
                "a << b wrote None to the keys that both have and nobody wrote; now such a key is absent",
                "use state.get(...) where the result of b may be absent",
            )


def settings(file: File) -> Iterator[Finding]:
    """Settings of a run that had no effect, and the limit that is gone."""
    for call in file.methods(*_RUNS):
        found = argument(call, "config")
        if (
            found is None
            and len(call.args) > 1
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "invoke"
        ):
            found = call.args[1]
        value = None if found is None else file.names.value(found)
        if not isinstance(value, ast.Dict):
            continue
        for key in value.keys:
            name = constant(key)
            if key is None or name is None:
                continue
            if name in {"timeout", "max_retries", "retry_config"}:
                yield Finding(
                    key.lineno,
                    "config",
                    f"{name!r} in config= had no effect; now it is refused",
                    "give the steps a retry_config=RetryConfig(timeout=..., max_retries=...)",
                )
            elif name == "recursion_limit":
                yield _recursion(key.lineno)
    for call in file.calls:
        if (
            file.names.ours(call.func) == "Pipeline"
            and (found := argument(call, "recursion_limit")) is not None
        ):
            yield _recursion(found.lineno)


def _recursion(line: int) -> Finding:
    return Finding(
        line,
        "recursion-limit",
        "recursion_limit= does not limit the number of steps any more",
        "remove it; let a loop's own condition end the loop",
    )


def pauses(file: File) -> Iterator[Finding]:
    """A pause without a place to keep the run."""
    kept = any(keyword.arg == "checkpointer" for call in file.calls for keyword in call.keywords)
    assigned = any(
        isinstance(node, ast.Attribute) and node.attr == "checkpointer" and isinstance(node.ctx, ast.Store)
        for node in file.nodes
    )
    if kept or assigned:
        return
    runs = set(file.methods(*_RUNS))
    places = [call.lineno for _, call in file.of_kind("interrupt")]
    places += [
        keyword.value.lineno
        for call in file.calls
        if file.names.ours(call.func) == "Pipeline" or call in runs
        for keyword in call.keywords
        if keyword.arg in {"interrupt_before", "interrupt_after"}
    ]
    for line in places:
        yield Finding(
            line,
            "pause",
            "without a checkpointer the run stopped half way and returned as if all were well; now it is refused",
            "give the Pipeline a checkpointer=",
        )


def excluded(file: File) -> Iterator[Finding]:
    """Excluded branches of a condition."""
    for call in file.methods("exclude"):
        if not (isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Attribute)):
            continue
        if call.func.value.attr != "exclusions":
            continue
        for path in (word for node in call.args for word in words(node)):
            if path.rpartition(".")[2] in {"true", "false"}:
                yield Finding(
                    call.lineno,
                    "exclusion",
                    f"excluding {path!r} made neither branch run; now the other branch runs instead",
                    "exclude the whole condition if neither shall run",
                )


def langgraph(file: File) -> Iterator[Finding]:
    """LangGraph's own objects."""
    for line, module in modules(file.source.tree):
        if module.split(".")[0] == "langgraph":
            yield Finding(
                line,
                "langgraph",
                f"{module}: there is no LangGraph below, and its objects are not understood",
                f"for Command(resume=...) use pipeline.resume(thread_id, value); take savers from {NEW}",
            )
    for node in file.nodes:
        if isinstance(node, ast.Attribute) and (
            node.attr == "add_to_graph" or (node.attr == "graph" and file.names.is_pipeline(node.value))
        ):
            yield Finding(
                node.lineno,
                "graph",
                f".{node.attr} belongs to LangGraph, and there is none",
                "use pipeline.native.plan() or pipeline.get_mermaid_diagram()",
            )


def reducers(file: File) -> Iterator[Finding]:
    """Keys with a reducer, beside branches."""
    if not any(file.of_kind("parallel", "try_catch")):
        return
    for node in file.nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.annotation, ast.Subscript)
                and getattr(statement.annotation.value, "id", getattr(statement.annotation.value, "attr", ""))
                == "Annotated"
                and isinstance(statement.annotation.slice, ast.Tuple)
                and any(
                    isinstance(one, ast.Name | ast.Attribute | ast.Lambda)
                    for one in statement.annotation.slice.elts[1:]
                )
            ):
                key = statement.target.id if isinstance(statement.target, ast.Name) else "a key"
                yield Finding(
                    statement.lineno,
                    "reducer",
                    f"updates of {key!r} were lost in blocks and try_catch, or with squash=False added twice; now each "
                    "is added once, in the listed order",
                    "remove whatever made up for that",
                )


QUESTIONS: tuple[Callable[[File], Iterator[Finding]], ...] = (
    private, unknown, strings, operators, settings, pauses, excluded, langgraph, reducers,
)  # fmt: skip
