"""The programs beside the pages, and the folders of the examples on the path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load(path: str) -> ModuleType:
    """A program of the documentation, as a module."""
    name = f"docs_{Path(path).stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def program() -> Callable[[str], ModuleType]:
    """`program("docs/refresh.py")`: a program of the documentation."""
    return load


@pytest.fixture
def tutorial() -> Iterator[Callable[[str], ModuleType]]:
    """`tutorial("services")`: a file of the tutorial, fresh for each test."""
    folder = ROOT / "examples" / "tutorial"
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
                del sys.modules[name]
