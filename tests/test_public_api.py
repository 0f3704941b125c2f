"""The front door: which names it offers, what each of them brings along, and what importing it costs."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import plait

FROZEN = Path(__file__).with_name("public_names.txt")
"""One name a line. A name that goes or comes is a change that people see: it belongs in CHANGELOG.md."""

NOT_LOADED = {
    "anyio",
    "click",
    "httpx",
    "hypothesis",
    "langchain_core",
    "langgraph",
    "msgspec",
    "multiprocessing",
    "numpy",
    "openai",
    "pydantic",
    "pytest",
    "rich",
    "sqlite3",
    "unittest",
}
"""What `import plait` leaves to those who use it."""


def in_a_child(code: str) -> str:
    """Run a program of its own, without anything that the tests have loaded; what it printed."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that are there after a statement, in a fresh process."""
    return set(
        json.loads(
            in_a_child(
                f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
            )
        )
    )


def frozen() -> list[str]:
    """The names that were promised."""
    lines = (line.strip() for line in FROZEN.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_public_names_are_the_promised_ones() -> None:
    assert sorted(plait.__all__) == sorted(frozen())
    assert len(set(plait.__all__)) == len(plait.__all__)


def test_every_public_name_is_there() -> None:
    assert [name for name in plait.__all__ if not hasattr(plait, name)] == []


def test_the_names_are_listed_for_completion() -> None:
    assert set(plait.__all__) <= set(dir(plait))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="paralel"):
        plait.paralel  # noqa: B018


def public_objects() -> Iterator[tuple[str, object]]:
    """Every function and class of the front door."""
    for name in plait.__all__:
        found = getattr(plait, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            yield name, found


@pytest.mark.parametrize(
    ("name", "found"), list(public_objects()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_public_function_and_class_says_what_it_is(name: str, found: object) -> None:
    text = inspect.getdoc(found)
    assert text, f"{name} has no docstring"
    assert text[0].isupper() or text.startswith("`"), f"{name}: {text.splitlines()[0]!r} is no sentence"


@pytest.mark.parametrize(
    ("name", "found"), list(public_objects()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_arguments_with_defaults_are_annotated(name: str, found: object) -> None:
    if inspect.isclass(found) and issubclass(found, (BaseException, tuple)):
        return
    bare = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()  # type: ignore[arg-type]
        if parameter.annotation is inspect.Parameter.empty
        and parameter.kind not in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    ]
    assert not bare, f"{name}: {bare}"


def test_importing_loads_nothing_that_is_optional() -> None:
    before = loaded_by("pass")
    assert not (loaded_by("import plait") - before) & NOT_LOADED


def test_using_the_common_names_loads_nothing_that_is_optional() -> None:
    program = """
from plait import Pipeline, parallel, step
def double(x: int) -> int: return 2 * x
assert Pipeline([parallel([step(double, ["x"], "y"), step(double, ["x"], "z")])]).run({"x": 2}).state["z"] == 4
"""
    assert not (loaded_by(program) - loaded_by("pass")) & NOT_LOADED


def test_importing_everything_public_loads_nothing_that_is_optional() -> None:
    assert not (loaded_by("from plait import *") - loaded_by("pass")) & NOT_LOADED


def test_importing_prints_nothing_and_sets_up_no_logging() -> None:
    code = "import plait, logging; print(logging.getLogger().handlers, [type(h).__name__ for h in logging.getLogger('plait').handlers])"
    assert in_a_child(code) in {"[] ['NullHandler']\n", "[] []\n"}


def test_importing_starts_no_thread_and_no_loop() -> None:
    assert in_a_child("import plait, threading; print(threading.active_count())") == "1\n"


def test_the_version_is_the_one_of_the_package() -> None:
    from importlib import metadata

    assert plait.__version__ == metadata.version("plait")


def test_types_are_shipped() -> None:
    assert Path(plait.__file__).with_name("py.typed").is_file()


@pytest.mark.parametrize("module", ["plait.testing", "plait.cli"])
def test_the_other_doors_open(module: str) -> None:
    assert importlib.import_module(module).__doc__
