"""The set of documents: what is promised about it, and that each bad one is refused for its own reason."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.demo

EXAMPLE = Path(__file__).parents[2] / "examples" / "document_analysis"
DOCUMENTS = EXAMPLE / "documents"

ROW = re.compile(r"^\| `(?P<name>[^`]+\.(?:pdf|html|txt))` \| (?P<language>[a-z]{2}) \|.*\|$", re.MULTILINE)
SOURCES = (DOCUMENTS / "SOURCES.md").read_text(encoding="utf-8")
LANGUAGES = {row["name"]: row["language"] for row in ROW.finditer(SOURCES)}
GOOD = sorted(LANGUAGES)
BAD = {
    "bad-empty.pdf": "empty",
    "bad-blank.txt": "empty",
    "bad-no-text.html": "empty",
    "bad-scanned.pdf": "empty",
    "bad-encrypted.pdf": "encrypted",
    "bad-truncated.pdf": "damaged",
    "bad-not-a-document.pdf": "not a document",
}


def test_the_set_is_what_the_readme_promises() -> None:
    assert len(GOOD) >= 22
    assert {Path(name).suffix for name in GOOD} == {".pdf", ".html", ".txt"}
    assert len(set(LANGUAGES.values())) >= 5
    assert sum(path.stat().st_size for path in DOCUMENTS.rglob("*") if path.is_file()) <= 3_000_000


def test_every_file_has_its_origin_and_every_origin_its_file() -> None:
    there = {path.name for path in DOCUMENTS.iterdir() if path.suffix in {".pdf", ".html", ".txt"}}
    assert there == set(GOOD) | set(BAD)
    assert all(f"`{name}`" in SOURCES for name in BAD)


def test_every_licence_notice_is_in_the_repository() -> None:
    named = re.findall(r"`(licences/[^`]+)`", SOURCES)
    assert len(named) >= 5
    assert all((DOCUMENTS / notice).stat().st_size > 0 for notice in named)
    packages = {
        re.sub(r"-[a-z]{2}(-cn)?$", "", package)
        for package in re.findall(r"\| `([a-z-]+)` \| `usr/", SOURCES)
    }
    assert packages == {Path(notice).stem for notice in named}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_document_gives_text_in_its_language(name: str, components: SimpleNamespace) -> None:
    extraction = components.extract(DOCUMENTS / name)
    assert extraction["info"]["name"] == name
    assert extraction["info"]["characters"] == len(extraction["text"]) > 500
    assert "\ufffd" not in extraction["text"]
    assert components.language(extraction["text"])["code"] == LANGUAGES[name]


@pytest.mark.parametrize(("name", "cause"), BAD.items())
def test_a_bad_document_is_refused_for_its_own_reason(
    name: str, cause: str, modules: Any, components: SimpleNamespace
) -> None:
    with pytest.raises(modules.RejectedDocument) as caught:
        components.extract(DOCUMENTS / name)
    assert caught.value.cause == cause
    kinds = {
        "empty": modules.EmptyDocument,
        "encrypted": modules.EncryptedDocument,
        "damaged": modules.DamagedDocument,
        "not a document": modules.NotADocument,
    }
    assert type(caught.value) is kinds[cause]
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "; " in message, "what to do is missing"


def test_a_refusal_can_leave_a_process(modules: Any, components: SimpleNamespace) -> None:
    with pytest.raises(modules.EncryptedDocument) as caught:
        components.extract(DOCUMENTS / "bad-encrypted.pdf")
    # The classes are importable as `modules` only while the example's folder is on the path.
    kind, arguments = caught.value.__reduce__()
    copied = kind(*pickle.loads(pickle.dumps(arguments)))
    assert (str(copied), copied.cause, copied.cure) == (str(caught.value), "encrypted", caught.value.cure)


def test_the_script_makes_the_same_bad_documents_again(
    tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    (tmp_path / "debian-history.en.pdf").write_bytes((DOCUMENTS / "debian-history.en.pdf").read_bytes())
    script = EXAMPLE / "tools" / "make_bad_documents.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60, capture_output=True)
    made = {path.name for path in tmp_path.iterdir()} - {"debian-history.en.pdf"}
    assert made == set(BAD)
    for name, cause in BAD.items():
        with pytest.raises(modules.RejectedDocument) as caught:
            components.extract(tmp_path / name)
        assert caught.value.cause == cause
