"""The one command that checks everything: what it counts, and when it says no."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(name="tool")
def the_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """``tools/test.py`` as a module, at work in a folder of its own and with this Python."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    spec = importlib.util.spec_from_file_location("plait_tools_test", ROOT / "tools" / "test.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.workshop, "WORKSHOP", tmp_path)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "python_of", lambda _: Path(sys.executable))
    monkeypatch.setattr(module, "clean_environ", lambda _=None: {"PYTHONNOUSERSITE": "1"})
    return module


def a_file_with(folder: Path, text: str) -> list[str]:
    file = folder / "test_it.py"
    file.write_text(text)
    return ["-q", "-p", "no:cacheprovider", str(file)]


def test_a_run_is_counted(tool: Any, tmp_path: Path) -> None:
    text = """
import pytest
def test_good(): pass
def test_other(): pass
def test_bad(): assert False
def test_left_out(): pytest.skip("not here")
"""
    log = tmp_path / "log"
    ending = tool.pytest("tests on x", tmp_path, a_file_with(tmp_path, text), log=log)
    assert not ending.good
    assert str(ending.counts) == "2 passed, 1 failed, 1 skipped"
    assert ending.counts.executed == 3
    assert "assert False" in log.read_text()


@pytest.mark.parametrize(
    "text", ["", "import pytest\ndef test_left_out(): pytest.skip('not here')"], ids=["none", "all skipped"]
)
def test_a_run_of_no_test_has_failed(tool: Any, tmp_path: Path, text: str) -> None:
    arguments = a_file_with(tmp_path, text)
    ending = tool.pytest("tests on x", tmp_path, arguments, log=tmp_path / "log")
    assert (ending.good, ending.remark) == (False, "no test was run")
    # who chose tests by hand may have chosen none of this kind
    assert tool.pytest("tests on x", tmp_path, arguments, log=tmp_path / "log", may_be_empty=True).good


def test_tests_that_cannot_be_collected_are_no_empty_run(tool: Any, tmp_path: Path) -> None:
    arguments = a_file_with(tmp_path, "import nothing_of_this_name")
    ending = tool.pytest("tests on x", tmp_path, arguments, log=tmp_path / "log", may_be_empty=True)
    assert not ending.good


def test_how_many_examples_is_told_to_the_tests(tool: Any, tmp_path: Path) -> None:
    text = "import os\ndef test_it(): assert os.environ['PLAIT_EXAMPLES'] == '15'"
    arguments = a_file_with(tmp_path, text)
    assert tool.pytest("x", tmp_path, arguments, log=tmp_path / "log", examples="15").good


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_ctrl_c_reaches_the_tests_also_in_the_background_of_a_shell() -> None:
    program = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts with `&`
import workshop
workshop.hear_interrupts()
asked = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
print(subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "tools", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def test_one_check_that_failed_fails_all(tool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    checks = tool.Checks()
    checks.add(tool.Ending("style", good=True, seconds=1.0))
    assert checks.summary(61.0) == 0
    checks.add(tool.Ending("types", good=False, seconds=2.0, remark="exit code 1"))
    assert checks.summary(63.0) == 1
    out = capsys.readouterr().out
    assert "all 1 checks passed, in 1 min 1 s" in out
    assert "FAILED: types, in 1 min 3 s" in out


def test_coverage_is_summed_over_lines_and_branches_of_each_part(tool: Any) -> None:
    def found(lines: int, of: int, branches: int, out_of: int) -> dict[str, Any]:
        return {
            "summary": {
                "covered_lines": lines,
                "num_statements": of,
                "covered_branches": branches,
                "num_branches": out_of,
            }
        }

    files = {
        "src/plait/core/plan/bind.py": found(80, 100, 10, 20),
        "src/plait/core/step.py": found(50, 50, 30, 30),
        "src/plait/run/drive.py": found(9, 10, 0, 0),
        "src/plait/errors.py": found(1, 2, 0, 0),
        "src/plait/core/__init__.py": found(0, 0, 0, 0),
    }
    shares = tool.covered(json.loads(json.dumps({"files": files})))
    assert shares["core/plan/bind.py"] == 75.0
    assert shares["core"] == 100.0 * 170 / 200
    assert shares["run"] == 90.0
    assert shares["errors.py"] == 50.0
    assert shares["core/__init__.py"] == 100.0
    assert shares[""] == 100.0 * 180 / 212
