"""``plait new``: the project runs and checks clean at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.cli import main
from plait.cli.scaffold import FILES

Run = Callable[..., tuple[int, str, str]]


def test_the_project_runs_checks_clean_and_passes_its_tests(
    plait: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    code, out, _ = plait("new", "letters")
    assert code == 0
    assert "cd letters" in out
    folder = tmp_path / "letters"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == set(FILES)
    assert "{name}" not in (folder / "README.md").read_text() + (folder / "pipeline.py").read_text()

    code, out, _ = plait("check", "pipeline.py", "--json", cwd=folder)
    assert code == 0
    assert json.loads(out)["diagnostics"] == []
    assert json.loads(out)["pipeline"] == "letters"

    code, out, err = plait("run", "pipeline.py", "--input", "documents", "--json", cwd=folder)
    assert code == 0, err
    reports = {record["source"]: record["state"]["report"] for record in map(json.loads, out.splitlines())}
    assert {name: (report["language"], report["mood"]) for name, report in reports.items()} == {
        "bad.txt": ("en", "negative"),
        "deutsch.txt": ("de", "neutral"),
        "good.txt": ("en", "positive"),
    }

    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout.decode()
    assert "3 passed" in tests.stdout.decode()


def test_the_commands_of_its_readme_work(plait: Run, tmp_path: Path) -> None:
    plait("new", "letters")
    commands = [
        line.split("#")[0].split() for line in FILES["README.md"].splitlines() if line.startswith("    plait")
    ]
    assert len(commands) == 5
    for words in commands:
        if words[1] == "draw":
            pytest.importorskip("plait.core.draw")
        code, _, err = plait(*words[1:], cwd=tmp_path / "letters")
        assert code == 0, (words, err)
    assert len(list((tmp_path / "letters" / "reports").iterdir())) == 3


@pytest.mark.parametrize("name", ["1st", "my project", "-", ".hidden", "a/b c", "naïve", ".."])
def test_a_name_that_would_trouble_later(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--", name]) == 2
    assert "not a name for a project" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_exists_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pipeline.py").write_text("mine")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert main(["new", "mine"]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main(["new", "file"]) == 2
    assert main(["new", "link"]) == 2
    assert main(["new", "file/below"]) == 2
    assert "cannot be created" in capsys.readouterr().err
    assert (tmp_path / "mine" / "pipeline.py").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert main(["new", "empty"]) == 0
    assert main(["new", "deep/er/project"]) == 0
    assert (tmp_path / "deep/er/project/pipeline.py").read_text().count('name="project"') == 1
