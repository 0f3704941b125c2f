"""``plait migrate``: the difference first, files only with --write, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.cli import main

Write = Callable[[str, str], Path]

SERVICE = """
    from gllm_core.schema import Component
    from gllm_pipeline.pipeline import Pipeline
    from gllm_pipeline.steps import goto  # jumps
    jump = goto("j", "k")
"""


@pytest.fixture
def here(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write("service.py", SERVICE)
    write("other.py", "import os\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_difference_is_shown_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (here / "service.py").read_text()
    assert main(["migrate", "service.py"]) == 0
    out = capsys.readouterr().out
    assert "--- a/service.py\n+++ b/service.py\n" in out
    assert "\n-from gllm_pipeline.steps import goto  # jumps\n" in out
    assert "\n+from plait.compat.gllm.steps import goto  # jumps\n" in out
    assert "service.py: 2 imports to change; --write does it; 1 place needs a person\n" in out
    assert "service.py:4: goto did not jump" in out
    assert "      do: see that" in out
    assert (here / "service.py").read_text() == before


def test_write_writes_once_and_the_second_time_there_is_nothing_to_do(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "service.py", "other.py", "--write"]) == 0
    out = capsys.readouterr().out
    assert "service.py: 2 imports changed; 1 place needs a person\n" in out
    assert "other.py: no import of gllm_pipeline, nothing to write\n" in out
    assert "---" not in out
    now = (here / "service.py").read_text()
    assert now.count("plait.compat.gllm.") == 2
    assert "from gllm_core.schema import Component\n" in now
    assert main(["migrate", "service.py", "--write"]) == 0
    out = capsys.readouterr().out
    assert "service.py: already moved, nothing to write; 1 place needs a person\n" in out
    assert (here / "service.py").read_text() == now


def test_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "service.py", "other.py", "--json"]) == 0
    service, other = json.loads(capsys.readouterr().out)["files"]
    assert (service["file"], service["imports"], service["written"]) == ("service.py", 2, False)
    assert "+from plait.compat.gllm.pipeline import Pipeline" in service["diff"]
    (found,) = service["findings"]
    assert (found["line"], found["kind"]) == (4, "goto")
    assert found["reason"]
    assert found["cure"]
    assert other == {"file": "other.py", "imports": 0, "written": False, "diff": "", "findings": []}
    assert main(["migrate", "service.py", "--json", "--write"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["written"] is True


def test_a_file_that_cannot_be_read_stops_all_of_it(
    here: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("broken.py", "import gllm_pipeline\nx = (\n")
    before = (here / "service.py").read_text()
    assert main(["migrate", "service.py", "broken.py", "absent.py", "--write"]) == 2
    err = capsys.readouterr().err
    assert "broken.py:2: " in err
    assert "'absent.py'" in err
    assert "nothing was written" in err
    assert (here / "service.py").read_text() == before


@pytest.mark.parametrize(("name", "says"), [(".", "is a folder"), ("notes.txt", "is not a Python file")])
def test_what_is_no_python_file_is_refused(
    here: Path, write: Write, capsys: pytest.CaptureFixture[str], name: str, says: str
) -> None:
    write("notes.txt", "import gllm_pipeline")
    assert main(["migrate", name]) == 2
    assert says in capsys.readouterr().err


def test_a_file_named_twice_is_moved_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "service.py", "service.py", "--write"]) == 0
    assert capsys.readouterr().out.count("2 imports changed") == 1


def test_without_a_file_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 2
    assert "FILE" in capsys.readouterr().err
