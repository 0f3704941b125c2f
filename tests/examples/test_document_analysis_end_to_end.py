"""The command that the README shows, from outside."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.demo

EXAMPLE = Path(__file__).parents[2] / "examples" / "document_analysis"
DOCUMENTS = EXAMPLE / "documents"
GOOD = sorted(
    p.name
    for p in DOCUMENTS.iterdir()
    if p.suffix in {".pdf", ".html", ".txt"} and not p.name.startswith("bad-")
)
BAD = sorted(path.name for path in DOCUMENTS.glob("bad-*"))


@pytest.fixture(autouse=True)
def installed(example: Callable[[str], ModuleType]) -> None:
    """Skips these tests where the demo extra is missing."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(EXAMPLE / "main.py"), *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, encoding="utf-8", timeout=240, check=False
    )


def copy(names: list[str], folder: Path) -> Path:
    folder.mkdir()
    for name in names:
        shutil.copy(DOCUMENTS / name, folder)
    return folder


@pytest.mark.timeout(300)
def test_the_whole_folder(tmp_path: Path) -> None:
    output = tmp_path / "reports"
    done = run(DOCUMENTS, "--output", output)
    assert done.returncode == 4, done.stderr
    assert (
        f"{len(GOOD)} reports, 7 rejected: 4 empty, 1 damaged, 1 encrypted, 1 not a document" in done.stdout
    )

    reports = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in output.glob("*.json")}
    assert set(reports) == {f"{name}.json" for name in GOOD}
    for name in GOOD:
        report = reports[f"{name}.json"]
        assert report["document"]["name"] == name
        assert {"language", "sentiment", "topics", "entities", "summary"} <= report.keys()
        assert report["language"]["code"] == name.split(".")[1]
        assert report["topics"]
        assert report["entities"]["characters_read"] > 0

    rejected = [
        json.loads(line) for line in (output / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert sorted(one["name"] for one in rejected) == BAD
    for one in rejected:
        assert one["message"] in done.stdout
    assert not [path for path in output.iterdir() if path.name.startswith(".")], "a temporary file was left"

    elapsed, work, longest = (
        float(re.search(rf"{words} +([0-9.]+) s", done.stdout).group(1))  # type: ignore[union-attr]
        for words in ("elapsed", "sum of all steps", "longest critical path")
    )
    assert 0 < longest <= elapsed
    assert work > 0
    share = re.search(r"entity_extractor is (\d+)% of all work\. It dominates", done.stdout)
    assert share is not None
    assert int(share.group(1)) > 50


def test_documents_that_all_succeed_end_with_0_and_a_comparison(tmp_path: Path) -> None:
    folder = copy(["dedication.de.txt", "manifesto.ko.html", "debian-history.ja.pdf"], tmp_path / "in")
    done = run(folder, "--output", tmp_path / "out", "--compare", "--show", "manifesto.ko.html")
    assert done.returncode == 0, done.stderr
    assert "3 reports, 0 rejected\n" in done.stdout
    assert "One document, alone: manifesto.ko.html" in done.stdout
    assert re.search(r"results: the same", done.stdout)
    assert re.search(r"one after another +[0-9.]+ s", done.stdout)


def test_rejected_documents_may_be_allowed(tmp_path: Path) -> None:
    folder = copy(["dedication.de.txt", "bad-empty.pdf"], tmp_path / "in")
    done = run(folder, "--output", tmp_path / "out", "--allow-failures")
    assert done.returncode == 0, done.stderr
    assert "1 report, 1 rejected: 1 empty" in done.stdout


def test_a_folder_of_bad_documents_only_still_has_a_summary(tmp_path: Path) -> None:
    folder = copy(BAD[:2], tmp_path / "in")
    done = run(folder, "--output", tmp_path / "out")
    assert done.returncode == 4, done.stderr
    assert "0 reports, 2 rejected" in done.stdout


def test_a_report_of_an_earlier_run_goes_when_its_document_is_rejected_now(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "bad-empty.pdf.json").write_text("{}")
    run(DOCUMENTS / "bad-empty.pdf", "--output", output)
    assert not (output / "bad-empty.pdf.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no such file or folder"),
        ([DOCUMENTS / "licences"], "no document in this folder"),
        ([DOCUMENTS / "dedication.de.txt", DOCUMENTS / "dedication.de.txt"], "two documents have this name"),
        ([DOCUMENTS, "--max-concurrency", "0"], "at least 1"),
        ([DOCUMENTS, "--show", "unknown.txt"], "no document of this name"),
        ([], "required"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments: list[object], words: str, tmp_path: Path) -> None:
    done = run(*arguments, "--output", tmp_path / "out")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_ctrl_c_half_way_leaves_whole_reports_only(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with subprocess.Popen(
        command(DOCUMENTS, "--output", output), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not list(output.glob("*.json")):
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    written = list(output.glob("*.json"))
    assert 0 < len(written) < len(GOOD)
    for path in written:
        assert json.loads(path.read_text(encoding="utf-8"))["summary"]
    assert not [path for path in output.iterdir() if path.name.startswith(".")]
