"""The layers of the package hold: what each part of it may import, and how long a file may be.

Read from the source of the installed package, so it sees imports inside functions too. Imports under
`if TYPE_CHECKING:` do not count: they name a type and load nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import plait

PACKAGE = Path(plait.__file__).resolve().parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 600
"""Lines. Well before, ask whether a file both decides and acts."""

LONGER = {"plait.pipeline": 740}
"""Files that are too long, and may not grow further. Whoever takes one apart takes it off this list."""

ACTING = {
    "asyncio",
    "concurrent",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "queue",
    "random",
    "secrets",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
"""Modules of the standard library with which one acts, waits, or gets another answer the next time."""

CORE = {"plait.core", "plait.errors", "plait.typing"}
SHARED = CORE | {"plait._version", "plait.context", "plait.events", "plait.settings"}
"""Plain values that all parts may speak of, and what holds for the whole process."""

MAY_IMPORT = {
    "plait.core": CORE,
    "plait.executors": SHARED | {"plait.executors"},
    "plait.observers": SHARED | {"plait.observers"},
    "plait.stores": SHARED | {"plait.stores"},
    "plait.routers": CORE | {"plait.routers"},
    "plait.components": SHARED | {"plait.components"},
    # The loop hands jobs to executors and keeps results in stores; those are the arrows between shells.
    "plait.run": SHARED | {"plait.run", "plait.executors", "plait.stores"},
}
"""For each layer, the parts of Plait it may import; what is not named here stands above the layers."""

MAY_NOT_IMPORT = {
    "plait.executors": {"plait.core.plan", "plait.core.schedule", "plait.core.flow", "plait.core.report"},
    "plait.stores": {"plait.core.flow", "plait.core.check"},
    "plait.routers": {"plait.core.plan", "plait.core.schedule", "plait.core.flow", "plait.core.check"},
    "plait.components": {"plait.core.plan", "plait.core.schedule", "plait.core.flow", "plait.core.check"},
}
"""Exceptions within what is allowed: an executor knows no plan, a store and a router no pipeline."""

TOP = {"plait.cli", "plait.compat", "plait.components", "plait.routers", "plait.testing", "plait.web"}
"""Nothing below imports these."""


def module_name(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = ("plait", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(test: ast.expr) -> bool:
    """Whether this is the condition that only type checkers find true."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def imports(tree: ast.AST, module: str, *, package: bool = False) -> Iterator[str]:
    """Every module that this one may load when it runs; `from a import b` gives `a` and `a.b`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and is_type_checking(node.test):
            for alternative in node.orelse:
                yield from imports(ast.Module([alternative], []), module, package=package)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                up = here[: len(here) - node.level + (1 if package else 0)]
                base = ".".join([*up, base] if base else up)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node, module, package=package)


def imports_of(path: Path) -> set[str]:
    """Every module that this file may load."""
    return set(
        imports(ast.parse(path.read_text("utf-8")), module_name(path), package=path.name == "__init__.py")
    )


def within(module: str, parts: set[str]) -> bool:
    """Whether a module is one of these or lies inside one of them."""
    return any(module == part or module.startswith(f"{part}.") for part in parts)


def layer(name: str) -> list[Path]:
    """The files of one layer."""
    return [path for path in FILES if within(module_name(path), {name})]


def test_the_core_is_pure() -> None:
    guilty = {
        module_name(path): bad
        for path in layer("plait.core")
        if (bad := {name for name in imports_of(path) if name.split(".")[0] in ACTING})
    }
    assert layer("plait.core")
    assert not guilty


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_layer_imports_only_what_it_may(name: str) -> None:
    allowed = MAY_IMPORT[name]
    # `from plait import events` names `plait` and `plait.events`: the package itself is no finding.
    guilty = {
        module_name(path): bad
        for path in layer(name)
        if (
            bad := {
                found
                for found in imports_of(path)
                if found.startswith("plait.")
                and (not within(found, allowed) or within(found, MAY_NOT_IMPORT.get(name, set())))
            }
        )
    }
    assert not guilty


def test_nothing_imports_the_parts_on_top() -> None:
    guilty = {
        module_name(path): bad
        for path in FILES
        if not within(module_name(path), TOP)
        and (bad := {found for found in imports_of(path) if within(found, TOP)})
    }
    assert not guilty


def test_the_core_asks_for_no_package_from_outside() -> None:
    import sys

    known = sys.stdlib_module_names | {"plait", "typing_extensions"}
    guilty = {
        module_name(path): bad
        for path in layer("plait.core")
        if (bad := {found for found in imports_of(path) if found.split(".")[0] not in known})
    }
    assert not guilty


def test_no_file_is_too_long() -> None:
    lengths = {module_name(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGER.get(name, LONGEST)}
    assert not {name for name in LONGER if lengths.get(name, 0) <= LONGEST}, (
        "short enough: take it off the list"
    )


def test_an_executor_knows_no_plan() -> None:
    # Not by import, and not by asking what it was given either.
    forbidden = {"plan", "scheduler", "frame", "program", "units"}
    guilty = [
        f"{module_name(path)}:{node.lineno}: .{node.attr}"
        for path in layer("plait.executors")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]
    assert layer("plait.executors")
    assert not guilty


# The page says what is true

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its head."""
    text = PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_part_on_the_map_is_there_and_every_part_is_on_the_map() -> None:
    on_the_map: set[str] = set()
    for part, _ in rows("The map"):
        for name in re.findall(r"`([^`]+)`", part):
            found = list(PACKAGE.glob(name.rstrip("/")))
            assert found, f"{name} is on the map, and not in the package"
            on_the_map.update(path.relative_to(PACKAGE).as_posix() for path in found)
    missing = [
        module
        for path in FILES
        if (module := path.relative_to(PACKAGE).as_posix()).rpartition("/")[2]
        not in {"__init__.py", "__main__.py"}
        and not any(module == part or module.startswith(f"{part}/") for part in on_the_map)
    ]
    assert not missing, "not on the map"


def test_every_invariant_names_a_test_that_exists() -> None:
    table = rows("Invariants")
    assert len(table) >= 12
    for invariant, tests in table:
        named = NAMED.findall(tests)
        assert named, f"nothing holds {invariant!r}"
        for file, test in named:
            path = ROOT / file
            assert path.is_file(), f"{invariant}: there is no {file}"
            if test:
                defined = {
                    n.name
                    for n in ast.walk(ast.parse(path.read_text("utf-8")))
                    if isinstance(n, ast.FunctionDef)
                }
                assert test in defined, f"{invariant}: {file} has no {test}"


# The tests above are as good as `imports`


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {"time"}),
        ("import os.path as p", {"os.path"}),
        ("from plait.core import plan", {"plait.core", "plait.core.plan"}),
        ("from . import plan", {"plait.core", "plait.core.plan"}),
        ("from .plan import model", {"plait.core.plan", "plait.core.plan.model"}),
        ("from ..run import drive", {"plait.run", "plait.run.drive"}),
        ("def f():\n    if True:\n        import time", {"time"}),
        ("try:\n    import time\nexcept ImportError:\n    import random", {"time", "random"}),
        ("if TYPE_CHECKING:\n    import time", set()),
        ("if typing.TYPE_CHECKING:\n    import time\nelse:\n    import random", {"random"}),
    ],
)
def test_every_form_of_import_is_seen(source: str, found: set[str]) -> None:
    assert set(imports(ast.parse(source), "plait.core.step")) == found


def test_relative_imports_of_a_package_start_from_itself() -> None:
    assert set(imports(ast.parse("from . import plan"), "plait.core", package=True)) == {
        "plait.core",
        "plait.core.plan",
    }
