"""DocumentExtractor: formats, encodings, bounds, and files that are not what they seem."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.demo

DOCUMENTS = Path(__file__).parents[2] / "examples" / "document_analysis" / "documents"


def test_a_pdf_gives_text_pages_and_title(components: SimpleNamespace) -> None:
    extraction = components.extract(DOCUMENTS / "debian-history.en.pdf")
    info = extraction["info"]
    assert (info["format"], info["pages"], info["encoding"], info["title"]) == (
        "pdf",
        27,
        None,
        "A Brief History of Debian",
    )
    assert "The Debian Project was officially founded by Ian Murdock" in " ".join(extraction["text"].split())


def test_words_cut_at_the_end_of_a_line_are_whole_again(components: SimpleNamespace) -> None:
    text = components.extract(DOCUMENTS / "debian-history.de.pdf")["text"]
    assert "\ufffe" not in text
    assert "\x02" not in text


def test_an_html_page_gives_what_a_reader_sees(components: SimpleNamespace) -> None:
    extraction = components.extract(DOCUMENTS / "manifesto.it.html")
    assert extraction["info"]["format"] == "html"
    assert extraction["info"]["title"] == "Appendice A. Il manifesto Debian"
    assert "Debian Linux è un tipo del tutto nuovo di distribuzione Linux" in " ".join(
        extraction["text"].split()
    )
    assert "<" not in extraction["text"]


@pytest.mark.parametrize(
    ("name", "encoding", "words"),
    [
        ("dedication.fr.latin1.txt", "cp1252", "communauté du Logiciel Libre"),
        ("dedication.ja.eucjp.txt", "euc_jp", "デュシェンヌ筋ジストロフィー"),
        ("dedication.zh.gb2312.txt", "gb18030", "自由软件社团"),
        ("dedication.sv.txt", "utf-8", "Debian-utvecklarna"),
    ],
)
def test_the_encoding_of_a_text_file_is_found(
    name: str, encoding: str, words: str, components: SimpleNamespace
) -> None:
    extraction = components.extract(DOCUMENTS / name)
    assert extraction["info"]["encoding"] == encoding
    assert words in " ".join(extraction["text"].split())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-with-mark"])
def test_unicode_text_is_read_in_every_form(
    encoding: str, tmp_path: Path, components: SimpleNamespace
) -> None:
    text = "Zażółć gęślą jaźń, und auch Größe.\n"
    data = (
        b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-with-mark" else text.encode(encoding)
    )
    path = tmp_path / "note.txt"
    path.write_bytes(data)
    assert components.extract(path)["text"] == text.strip()


def test_html_says_its_encoding_in_a_meta_element(tmp_path: Path, components: SimpleNamespace) -> None:
    path = tmp_path / "page.html"
    page = '<html><head><meta charset="koi8-r"><title>Привет</title></head><body><p>Свободное программное обеспечение</p></body></html>'
    path.write_bytes(page.encode("koi8-r"))
    extraction = components.extract(path)
    assert extraction["text"] == "Свободное программное обеспечение"
    assert extraction["info"]["title"] == "Привет"


def test_content_decides_and_not_the_name(tmp_path: Path, components: SimpleNamespace) -> None:
    pdf = tmp_path / "history.txt"
    pdf.write_bytes((DOCUMENTS / "debian-history.ja.pdf").read_bytes())
    page = tmp_path / "page.txt"
    page.write_bytes(b"<!DOCTYPE html><html><body><p>Seen as a page.</p></body></html>")
    assert components.extract(pdf)["info"]["format"] == "pdf"
    assert components.extract(page)["text"] == "Seen as a page."


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_pdf_cut_anywhere_is_damaged_and_never_half_read(
    share: float, tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    whole = (DOCUMENTS / "debian-history.en.pdf").read_bytes()
    path = tmp_path / "cut.pdf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(modules.DamagedDocument):
        components.extract(path)


def test_a_pdf_with_a_destroyed_middle_is_read_or_refused_but_nothing_else(
    tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    whole = (DOCUMENTS / "debian-history.es.pdf").read_bytes()
    dice = random.Random(7)
    path = tmp_path / "broken.pdf"
    refused = 0
    for _ in range(25):
        broken = bytearray(whole)
        start = dice.randrange(len(broken) - 3_000)
        broken[start : start + 3_000] = dice.randbytes(3_000)
        path.write_bytes(bytes(broken))
        try:
            assert components.extract(path)["text"]
        except modules.RejectedDocument:
            refused += 1
    assert refused < 25, "no damage at all was survived"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"\x1f\x8b\x08" + bytes(40), "gzip"),
        (b"\x7fELF" + bytes(40), "program"),
        (b"GIF89a" + bytes(40), "GIF"),
        (b"text and then \x00\x01\x02", "control bytes"),
    ],
)
def test_other_files_are_named(
    data: bytes, what: str, tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    with pytest.raises(modules.NotADocument, match=what):
        components.extract(path)


def test_plain_text_with_the_name_of_a_pdf_is_refused(
    tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    path = tmp_path / "letter.pdf"
    path.write_text("Dear reader")
    with pytest.raises(modules.NotADocument, match="does not begin as a PDF"):
        components.extract(path)


def test_files_and_pdfs_beyond_the_bounds_are_refused(
    tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    small = modules.DocumentExtractor(max_bytes=100, max_pages=5)
    small.setup()
    with pytest.raises(modules.DocumentTooLarge, match="bytes"):
        small(DOCUMENTS / "manifesto.it.html")
    short = modules.DocumentExtractor(max_pages=5)
    short.setup()
    with pytest.raises(modules.DocumentTooLarge, match="27 pages, more than the 5"):
        short(DOCUMENTS / "debian-history.en.pdf")


def test_a_folder_is_refused_and_a_missing_file_is_an_ordinary_error(
    tmp_path: Path, modules: Any, components: SimpleNamespace
) -> None:
    with pytest.raises(modules.NotADocument, match="is a folder"):
        components.extract(tmp_path)
    with pytest.raises(FileNotFoundError):
        components.extract(tmp_path / "nowhere.txt")


@pytest.mark.parametrize("settings", [{"max_bytes": 0}, {"max_pages": -1}])
def test_senseless_bounds_are_refused_at_once(settings: dict[str, int], modules: Any) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        modules.DocumentExtractor(**settings)


def test_without_setup_the_component_says_so(modules: Any) -> None:
    with pytest.raises(RuntimeError, match=r"DocumentExtractor.setup\(\) has not been called"):
        modules.DocumentExtractor()(DOCUMENTS / "manifesto.it.html")
