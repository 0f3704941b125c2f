"""Every form of import is rewritten, and nothing else of a file changes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from plait.cli.migration.moving import move
from plait.cli.migration.rewrite import rewrite
from plait.cli.migration.source import read, write
from plait.cli.problem import Problem


def rewritten(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "service.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return rewrite(read(path)).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import gllm_pipeline", "import plait.compat.gllm"),
        ("import gllm_pipeline as g", "import plait.compat.gllm as g"),
        ("import gllm_pipeline.steps as s", "import plait.compat.gllm.steps as s"),
        ("import os, gllm_pipeline.steps, sys", "import os, plait.compat.gllm.steps, sys"),
        ("from gllm_pipeline import steps", "from plait.compat.gllm import steps"),
        ("from gllm_pipeline.steps import *", "from plait.compat.gllm.steps import *"),
        (
            "from gllm_pipeline.steps import step as st, log",
            "from plait.compat.gllm.steps import step as st, log",
        ),
        ("from   gllm_pipeline . steps import step", "from   plait.compat.gllm . steps import step"),
        (
            "from \\\n  gllm_pipeline.steps \\\n  import step",
            "from \\\n  plait.compat.gllm.steps \\\n  import step",
        ),
        (
            "from gllm_pipeline.steps import (  # all\n    step,   # one\n    log,\n)",
            "from plait.compat.gllm.steps import (  # all\n    step,   # one\n    log,\n)",
        ),
        (
            "def f():\n    from gllm_pipeline.types import Val; x = 1",
            "def f():\n    from plait.compat.gllm.types import Val; x = 1",
        ),
        (
            "if TYPE_CHECKING:\n\tfrom gllm_pipeline.types import Val",
            "if TYPE_CHECKING:\n\tfrom plait.compat.gllm.types import Val",
        ),
        (
            "try:\n    from gllm_pipeline.types import Val\nexcept ImportError:\n    Val = None",
            "try:\n    from plait.compat.gllm.types import Val\nexcept ImportError:\n    Val = None",
        ),
        (
            "import gllm_pipeline.types\nx = [gllm_pipeline . types.Val(1), gllm_pipeline.types.Val(2)]",
            "import plait.compat.gllm.types\nx = [plait.compat.gllm . types.Val(1), plait.compat.gllm.types.Val(2)]",
        ),
        (
            "'äöü'; import gllm_pipeline.types; 'ß', gllm_pipeline.types",
            "'äöü'; import plait.compat.gllm.types; 'ß', plait.compat.gllm.types",
        ),
    ],
)
def test_every_form_of_import_is_rewritten(tmp_path: Path, old: str, new: str) -> None:
    assert rewritten(tmp_path, old) == new
    assert rewritten(tmp_path, new) == new, "and a second time changes nothing"
    ast.parse(new)


@pytest.mark.parametrize(
    "text",
    [
        "from gllm_core.schema import Component\n",
        "import gllm_pipelines, gllm_pipeline_extra\n",
        "from .gllm_pipeline import step\n",
        "from . import gllm_pipeline\n",
        "# import gllm_pipeline\n",
        "text = 'import gllm_pipeline'\n",
        "gllm_pipeline = 1\nprint(gllm_pipeline)\n",
        "import x as gllm_pipeline\ngllm_pipeline.steps\n",
        "",
    ],
)
def test_what_is_no_import_of_it_is_left_alone(tmp_path: Path, text: str) -> None:
    assert rewritten(tmp_path, text) == text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import gllm_pipeline", "import plait.compat.gllm as gllm_pipeline"),
        ("import gllm_pipeline.steps", "import plait.compat.gllm.steps, plait.compat.gllm as gllm_pipeline"),
    ],
)
def test_a_name_that_is_also_given_to_something_else_stays(tmp_path: Path, old: str, new: str) -> None:
    rest = "\nexcept ImportError:\n    gllm_pipeline = None\nif gllm_pipeline:\n    gllm_pipeline.steps\n"
    assert rewritten(tmp_path, f"try:\n    {old}{rest}") == f"try:\n    {new}{rest}"


def test_line_ends_and_the_encoding_stay(tmp_path: Path) -> None:
    text = "# coding: latin-1\r\nimport gllm_pipeline.steps as s  # für alle\r\nx = '\x0c'\r\n"
    path = tmp_path / "service.py"
    path.write_bytes(text.encode("latin-1"))
    source = read(path)
    write(source, rewrite(source).text)
    assert path.read_bytes().decode("latin-1") == text.replace("gllm_pipeline", "plait.compat.gllm")


def test_a_mark_of_utf_8_at_the_beginning_stays(tmp_path: Path) -> None:
    path = tmp_path / "service.py"
    path.write_bytes(b"\xef\xbb\xbfimport gllm_pipeline\n")
    source = read(path)
    write(source, rewrite(source).text)
    assert path.read_bytes() == b"\xef\xbb\xbfimport plait.compat.gllm\n"


def test_a_use_inside_an_f_string_is_rewritten_or_pointed_at(tmp_path: Path) -> None:
    # Python 3.11 does not say where in the text it stands; later ones do.
    path = tmp_path / "service.py"
    path.write_text("import gllm_pipeline.types\n\n\nprint(f'{1}: {gllm_pipeline.types.Val(1)}')\n")
    moved = move(str(path))
    by_hand = [found.line for found in moved.findings if found.kind == "by-hand"]
    assert ("plait.compat.gllm.types.Val" in moved.text) != (by_hand == [4])


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_text("import gllm_pipeline\n")
    real.chmod(0o750)
    link.symlink_to(real)
    source = read(link)
    write(source, rewrite(source).text)
    assert link.is_symlink()
    assert real.read_text() == "import plait.compat.gllm\n"
    assert real.stat().st_mode & 0o777 == 0o750
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.py", "real.py"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"x = (\n", "service.py:1: "),
        (b"x = 1\nfor\n", "service.py:2: "),
        (b"x = '\xff'\n", "service.py:1: "),
        (b"# coding: nonsense\n", "service.py:1: "),
        (b"x = 1\0\n", "service.py:1: "),
    ],
)
def test_what_python_cannot_read_is_refused_with_its_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "service.py"
    path.write_bytes(data)
    with pytest.raises(Problem, match=says):
        read(path)
