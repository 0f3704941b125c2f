"""Finding the pipeline that the operator named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.cli.problem import Problem
from plait.cli.target import Target, load_pipeline, parse_target

PIPELINE = "from plait import Pipeline, step\n"
ONE = PIPELINE + 'pipeline = Pipeline([step(len, {"obj": "text"}, "length")], name="one")\n'
TWO = (
    PIPELINE
    + 'a = Pipeline([step(len, {"obj": "text"}, "length")])\nb = Pipeline([step(len, {"obj": "text"}, "size")])\n'
)

Write = Callable[[str, str], Path]


def refusal(text: str, code: int = 2) -> str:
    before = list(sys.path)
    with pytest.raises(Problem) as caught:
        load_pipeline(text)
    assert caught.value.code == code
    assert len(str(caught.value).splitlines()) <= 24, "one screen"
    sys.path[:] = before
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pipeline.py", Target("pipeline.py", None, is_file=True)),
        ("a/b/x.py:night", Target("a/b/x.py", "night", is_file=True)),
        (r"C:\jobs\x.py", Target(r"C:\jobs\x.py", None, is_file=True)),
        (r"C:\jobs\x.py:night", Target(r"C:\jobs\x.py", "night", is_file=True)),
        ("jobs", Target("jobs", None, is_file=False)),
        ("company.jobs:night", Target("company.jobs", "night", is_file=False)),
        ("./jobs", Target("./jobs", None, is_file=True)),
        ("my-jobs", Target("my-jobs", None, is_file=True)),
    ],
)
def test_a_file_or_a_module_and_perhaps_a_name(text: str, expected: Target) -> None:
    assert parse_target(text) == expected


def test_a_name_that_python_could_not_have() -> None:
    with pytest.raises(Problem, match="not a Python name"):
        parse_target("pipeline.py:my-pipeline")
    with pytest.raises(Problem, match="not a Python name"):
        parse_target("pipeline.py:")


def test_the_folder_of_the_file_is_where_it_imports_from(fresh_imports: Path, write: Write) -> None:
    write("jobs/modules/__init__.py", "")
    write("jobs/modules/size.py", "def size(text: str) -> int: return len(text)\n")
    write(
        "jobs/pipeline.py",
        PIPELINE + "from modules.size import size\npipeline = Pipeline([step(size, output_state='n')])\n",
    )
    assert load_pipeline("jobs/pipeline.py").run({"text": "abc"}).state["n"] == 3


def test_a_module_is_found_from_the_current_folder(fresh_imports: Path, write: Write) -> None:
    write("company/__init__.py", "")
    write("company/jobs.py", ONE + "other = pipeline | step(str, {'object': 'length'}, 'shown')\n")
    assert load_pipeline("company.jobs").name == "one"
    assert load_pipeline("company.jobs:other").run({"text": "abc"}).state["shown"] == "3"


def test_a_file_that_is_called_like_a_module_in_use_does_not_replace_it(
    fresh_imports: Path, write: Write
) -> None:
    import json

    write("json.py", ONE)
    assert load_pipeline("json.py").name == "one"
    assert sys.modules["json"] is json


def test_the_only_pipeline_needs_no_name_of_its_own(fresh_imports: Path, write: Write) -> None:
    write("only.py", ONE.replace("pipeline =", "analysis ="))
    assert load_pipeline("only.py").name == "one"
    write("twice.py", ONE.replace("pipeline =", "analysis = same ="))
    assert load_pipeline("twice.py").name == "one"


def test_of_several_pipelines_one_must_be_named(fresh_imports: Path, write: Write) -> None:
    write("two.py", TWO)
    assert "choose one of two.py:a, two.py:b" in refusal("two.py")
    assert load_pipeline("two.py:b").run({"text": "x"}).state["size"] == 1
    message = refusal("two.py:c")
    assert "there is no 'c' in 'two.py'" in message
    assert "two.py:a, two.py:b" in message


def test_what_is_no_pipeline_is_named(fresh_imports: Path, write: Write) -> None:
    write("none.py", "pipeline = [1]\n")
    assert "its 'pipeline' is a list" in refusal("none.py")
    assert "'pipeline' in 'none.py' is a list, not a Pipeline" in refusal("none.py:pipeline")
    write("empty.py", "")
    assert "defines no Pipeline: assign one" in refusal("empty.py")
    write("near.py", ONE)
    assert "did you mean 'pipeline'" in refusal("near.py:pipelin")


def test_what_is_not_there_is_named_with_its_neighbour(fresh_imports: Path, write: Write) -> None:
    write("jobs/pipeline.py", ONE)
    assert "did you mean 'pipeline.py'" in refusal("jobs/pipelne.py")
    assert "there is no folder 'nowhere'" in refusal("nowhere/pipeline.py")
    assert "is a folder; did you mean 'jobs/pipeline.py'" in refusal("./jobs")
    assert "is a folder" in refusal("jobs")
    assert "there is no module 'nothing_of_the_kind'" in refusal("nothing_of_the_kind")
    write("spam_of_mine.py/x", "")
    assert "is a folder" in refusal("spam_of_mine.py")
    write("company/__init__.py", "")
    assert "there is no module 'company.jobs'" in refusal("company.jobs")
    write("notes.txt", "hello")
    assert "is not a Python file" in refusal("notes.txt")


def test_a_module_that_raises_shows_the_lines_of_its_author(fresh_imports: Path, write: Write) -> None:
    write("modules/__init__.py", "")
    write("modules/broken.py", "import json\n\ndef load():\n    return json.loads('{')\n\nload()\n")
    write("pipeline.py", "import modules.broken\n")
    message = refusal("pipeline.py")
    assert "raised an error while it was loaded" in message
    assert "  pipeline.py:1 in <module>" in message
    assert "  modules/broken.py:4 in load\n      return json.loads('{')" in message
    assert "JSONDecodeError" in message
    assert "importlib" not in message
    assert "decoder.py" not in message, "the standard library's lines are not the author's"


def test_a_long_way_to_an_error_is_shortened(fresh_imports: Path, write: Write) -> None:
    write("deep.py", "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(50)\n")
    message = refusal("deep.py")
    assert "calls before these" in message
    assert "ZeroDivisionError" in message


def test_other_ways_of_not_loading(fresh_imports: Path, write: Write) -> None:
    write("syntax.py", "x = 1\nif x\n    pass\n")
    message = refusal("syntax.py")
    assert "syntax.py:2" in message
    assert "      if x\n          ^" in message
    write("missing.py", "import no_such_package_at_all\n")
    message = refusal("missing.py")
    assert "missing.py:1" in message
    assert "Install what provides 'no_such_package_at_all'" in message
    write("exits.py", "import sys\nsys.exit(0)\n")
    assert "sys.exit(0)" in refusal("exits.py")
    write("pack/relative.py", "from .modules import x\n")
    assert "name it as a module" in refusal("pack/relative.py")
    write("wrong.py", PIPELINE + "step(3)\n")
    assert "wrong.py:2" in refusal("wrong.py")


def test_what_caused_an_error_and_what_is_in_a_group(fresh_imports: Path, write: Write) -> None:
    write(
        "chain.py",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('no model') from e\n",
    )
    assert refusal("chain.py").splitlines()[-2:] == [
        "RuntimeError: no model",
        "caused by ZeroDivisionError: division by zero",
    ]
    write("group.py", "raise ExceptionGroup('two', [ValueError('a'), KeyError()])\n")
    assert refusal("group.py").splitlines()[-2:] == ["  - ValueError: a", "  - KeyError"]


def test_a_package_of_the_current_folder_is_a_module(fresh_imports: Path, write: Write) -> None:
    write("company/__init__.py", ONE)
    assert load_pipeline("company").name == "one"


def test_a_name_that_is_too_long_for_a_file(fresh_imports: Path) -> None:
    assert "cannot be looked up" in refusal("x" * 5000)


def test_control_characters_of_an_error_do_not_reach_the_terminal(fresh_imports: Path, write: Write) -> None:
    write("rude.py", "raise ValueError('\\x1b[2Jgone')\n")
    message = refusal("rude.py")
    assert "\x1b" not in message
    assert "\\x1b[2Jgone" in message
