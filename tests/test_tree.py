"""What is in the repository could be anybody's: no place of one machine, no registry's host, no leftovers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 2 * 1024 * 1024
"""Bytes of one file."""

DOCUMENTS = "examples/document_analysis/documents/"
"""Texts of other people, kept as they are."""

# Written in pieces, so that this file is not a finding of its own.
HOSTS = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "index" + "-url",
    "registry" + ".npm",
    "deb.debian" + ".org",
]
PLACES = [
    r"(?<![\w.~-])/" + "work" + r"/(?:main|shared|\.)",
    r"(?<![\w.~-])/" + "root" + r"\b",
    r"/" + "tmp" + r"/plait",
    r"(?<![\w.~-])/" + "opt" + r"/(?:wheels|pypi)",
    r"(?<![\w.~-])/" + "home" + r"/\w+",
    r"(?<![\w.~-])/" + "Users" + r"/\w+",
]
FORBIDDEN = re.compile("|".join([f"(?i:{re.escape(host)})" for host in HOSTS] + PLACES))
MERGE = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.MULTILINE)


def tracked() -> list[Path]:
    """The files that git knows, or none where this is no checkout."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


FILES = tracked()
OURS = [path for path in FILES if not path.relative_to(ROOT).as_posix().startswith(DOCUMENTS)]

pytestmark = pytest.mark.skipif(not FILES, reason="this is not a checkout")


def text_of(path: Path) -> str:
    """The text of a file, or nothing where it is not text."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Where the pattern is found, as `file:line: text`."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:160]}"
        for path in paths
        if pattern.search(text := text_of(path))
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    assert not lines_with(FORBIDDEN, OURS)


@pytest.mark.parametrize(
    "line",
    [
        "see https://" + "pypi" + ".org/project/x",
        "cd /" + "work/main",
        '"/' + 'root/.cache"',
        "in /" + "tmp/plait/x",
        "/" + "home/someone/x.py",
    ],
)
def test_the_patterns_find_what_they_should(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "benchmarks/work.py",
        "/Root 1 0 R",
        "the /work of a step",
        "https://example.com/root/x",
        "~/root",
        "a/home/x",
    ],
)
def test_the_patterns_leave_other_text_alone(line: str) -> None:
    assert not FORBIDDEN.search(line)


def test_no_conflict_was_left_in_a_file() -> None:
    assert not lines_with(MERGE, OURS)


def test_no_file_is_very_large() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in FILES}
    assert not {name: size for name, size in sizes.items() if size > LARGEST}


def test_nothing_that_is_made_is_kept() -> None:
    made = {
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".ipynb_checkpoints",
        "dist",
    }
    assert not [path for path in FILES if made & set(path.relative_to(ROOT).parts) or path.suffix == ".pyc"]


def test_the_pins_are_names_and_versions_only() -> None:
    pin = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*==[0-9][0-9a-z.]*")
    for path in (ROOT / "constraints").glob("*.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert lines
        assert [line for line in lines if not pin.fullmatch(line)] == []


def test_the_examples_and_the_tests_run_with_the_same_versions() -> None:
    pinned = set((ROOT / "constraints" / "dev.txt").read_text().splitlines())
    for path in (ROOT / "examples").rglob("requirements*.txt"):
        wanted = [
            line.lower()
            for line in path.read_text().splitlines()
            if "==" in line and not line.startswith("#")
        ]
        assert wanted
        assert [line for line in wanted if line not in pinned] == []


def test_every_text_file_ends_with_one_line_end() -> None:
    ours = [path for path in OURS if path.suffix in {".md", ".toml", ".txt", ".ini"} or path.name == "run"]
    bad = [
        path.relative_to(ROOT).as_posix()
        for path in ours
        if (t := text_of(path)) and not re.search(r"[^\n]\n\Z", t)
    ]
    assert not bad
