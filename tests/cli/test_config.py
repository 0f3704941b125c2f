"""``plait config``, and ``plait run`` under settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plait import settings as module
from plait.cli import main
from plait.core.settings import TABLE

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process in the test's folder, in which nothing was read yet and nothing is set."""
    for setting in TABLE.values():
        monkeypatch.delenv(setting.environment, raising=False)
    for name in ("PLAIT_EXAMPLES", "PLAIT_PROFILE", "PLAIT_TEST_WHEEL"):  # of those who test Plait
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_found", None)
    monkeypatch.chdir(tmp_path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_what_holds(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    write("plait.toml", "grace = 2\nlimits.gpu = 1")
    assert main(["config", "show"]) == 0
    assert lines(capsys) == [
        ["max_concurrency", "none"],
        ["threads", "256"],
        ["processes", "0"],
        ["grace", "2"],
        ["stall_after", "0.1"],
        ["limits.gpu", "1"],
        ["progress", "auto"],
    ]


def test_where_it_comes_from(
    capsys: pytest.CaptureFixture[str], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("plait.toml", "grace = 2\nlimits.gpu = 1")
    monkeypatch.setenv("PLAIT_LIMITS", "openai=8")
    assert main(["config", "show", "--sources"]) == 0
    shown = {name: (value, " ".join(source)) for name, value, *source in lines(capsys)}
    assert shown["grace"] == ("2", str(file))
    assert shown["limits.gpu"] == ("1", str(file))
    assert shown["limits.openai"] == ("8", "PLAIT_LIMITS")
    assert shown["threads"] == ("256", "default")


def test_as_json(capsys: pytest.CaptureFixture[str], write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("pyproject.toml", "[tool.plait]\nthreads = 3")
    assert main(["config", "show", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["settings"] | {"threads": 3, "limits": {}, "max_concurrency": None} == record["settings"]
    assert "sources" not in record
    monkeypatch.setenv("PLAIT_THREDS", "3")
    assert main(["config", "show", "--json", "--sources"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["sources"]["threads"] == f"{file} [tool.plait]"
    assert record["unknown"] == ["PLAIT_THREDS"]
    assert "did you mean 'PLAIT_THREADS'" in captured.err


def test_a_file_that_cannot_be_used_is_one_line(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    file = write("plait.toml", "thread = 3")
    assert main(["config", "show"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"error: {file}: there is no setting 'thread'; did you mean 'threads'?\n"


def test_a_run_tells_what_is_wrong_with_the_settings(
    plait: Callable[..., tuple[int, str, str]], write: Write
) -> None:
    write("p.py", "from plait import Pipeline, step\npipeline = Pipeline([step(len, {'obj': 'text'}, 'n')])")
    code, _, err = plait("run", "p.py", "-i", '{"text": "a"}', env={"PLAIT_GRACE": "soon"})
    assert code == 2
    assert "PLAIT_GRACE is 'soon'; it is a number of seconds above 0" in err


def test_progress_of_a_run_is_as_the_settings_say_unless_it_is_told(
    plait: Callable[..., tuple[int, str, str]], write: Write
) -> None:
    write("p.py", "from plait import Pipeline, step\npipeline = Pipeline([step(len, {'obj': 'text'}, 'n')])")
    write("plait.toml", "progress = 'none'")
    words = ("run", "p.py", "-i", '{"text": "a"}')
    _, _, quiet = plait(*words)
    _, _, told = plait(*words, "--progress", "plain")
    _, _, by_environment = plait(*words, env={"PLAIT_PROGRESS": "plain"})
    assert "finished" not in quiet
    assert "finished" in told
    assert "finished" in by_environment
