"""``plait doctor``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from plait import __version__, settings
from plait.cli import main
from plait.cli.doctor import OPTIONAL, cgroup_cores


def test_a_healthy_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "No problems." in out
    assert all(name in out for name in OPTIONAL)


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = {finding["topic"]: finding for finding in record["findings"]}
    assert record["ok"] is True
    assert found["plait"]["value"] == __version__
    assert found["python"]["value"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert 0 < found["cores usable"]["value"] <= found["cores"]["value"] <= (os.cpu_count() or 1)


def test_a_temp_folder_that_cannot_be_written_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "! temp folder" in out
    assert "Read-only file system" in out
    assert "1 problem" in out


def test_settings_that_are_given_and_settings_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "_found", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAIT_PROGRESS", "plain")
    assert main(["doctor", "--json"]) == 0
    found = {finding["topic"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert found["settings"]["value"]["progress"] == "PLAIT_PROGRESS"
    assert found["terminal"]["value"] == "plain lines"
    monkeypatch.setattr(settings, "_found", None)
    Path("plait.toml").write_text("thread = 3", encoding="utf-8")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "! settings" in out
    assert "did you mean 'threads'?" in out


@pytest.mark.parametrize(
    ("files", "own", "expected"),
    [
        ({}, "0::/", None),
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"cpu.max": "150000 100000"}, "0::/", 1.5),
        (
            {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000", "cpu.max": "200000 100000"},
            "0::/a/b",
            0.5,
        ),
        ({"a/cpu.max": "nonsense"}, "0::/a", None),
        ({"cpu.max": "100000 100000"}, "12:cpu:/old", 1.0),
    ],
)
def test_the_quota_of_a_container(
    tmp_path: Path, files: dict[str, str], own: str, expected: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    (tmp_path / "own").write_text(own + "\n")
    assert cgroup_cores(tmp_path / "fs", tmp_path / "own") == expected


def test_without_a_cgroup(tmp_path: Path) -> None:
    assert cgroup_cores(tmp_path / "nothing", tmp_path / "nowhere") is None


def test_nothing_optional_is_imported() -> None:
    names = list(OPTIONAL)
    code = f"import sys; from plait.cli import main; main(['doctor']); print([n for n in {names!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
