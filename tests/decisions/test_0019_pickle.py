"""Record 0019: pickle only on private pipes between our own processes."""

from __future__ import annotations

import ast
from pathlib import Path

import plait

PICKLING = {
    "pickle",
    "_pickle",
    "pickletools",
    "marshal",
    "shelve",
    "copyreg",
    "dill",
    "cloudpickle",
    "joblib",
}
ALLOWED = {"executors/transfer.py", "executors/worker.py"}
"""Modules that own a private pipe: the process executor's."""


def pickling(source: str) -> set[str]:
    """Which modules that pickle a source imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found & PICKLING


def test_only_the_process_executor_pickles():
    place = Path(plait.__file__).parent
    files = sorted(place.rglob("*.py"))
    assert len(files) > 50
    guilty = {
        str(file.relative_to(place)): found for file in files if (found := pickling(file.read_text("utf-8")))
    }
    assert guilty.keys() == ALLOWED, guilty


def test_the_search_finds_what_it_looks_for():
    assert pickling("def f():\n    import pickle as p\n") == {"pickle"}
    assert pickling("from shelve import open") == {"shelve"}
    assert pickling("from . import pickle\nimport picklejar") == set()
