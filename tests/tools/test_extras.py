"""The environments that the tools make ask for extras that the project has."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def asked() -> set[str]:
    """The extras in every call of `environment(name, [extras], ...)`."""
    found: set[str] = set()
    for path in (ROOT / "tools").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("environment"):
                for argument in node.args[1:2]:
                    found |= {
                        c.value
                        for c in ast.walk(argument)
                        if isinstance(c, ast.Constant) and isinstance(c.value, str)
                    }
    return found


def test_every_extra_that_a_tool_asks_for_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert {"test", "demo"} <= asked() <= set(declared)
