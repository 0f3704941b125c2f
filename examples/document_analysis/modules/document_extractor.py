"""DocumentExtractor: a PDF, an HTML page or a text file in, its plain text and some facts out."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

Document = str | os.PathLike[str]


class DocumentInfo(TypedDict):
    """What is known of a document besides its text."""

    name: str
    format: str
    bytes: int
    characters: int
    pages: int | None
    """Of a PDF; None for formats that have no pages."""
    encoding: str | None
    """Of a file that is itself text; None for PDF."""
    title: str | None


class Extraction(TypedDict):
    """A document's plain text, and the facts about it."""

    text: str
    info: DocumentInfo


class RejectedDocument(ValueError):
    """A document that cannot be analysed. `cause` is one word or two for a summary."""

    cause = "rejected"

    def __init__(self, document: Document, problem: str, cure: str) -> None:
        self.document = os.fspath(document)
        self.problem = problem
        self.cure = cure
        super().__init__(f"{Path(document).name}: {problem}; {cure}")

    def __reduce__(self) -> tuple[type[RejectedDocument], tuple[str, str, str]]:
        # The default would call __init__ with the message alone, so the error could not leave a process.
        return type(self), (self.document, self.problem, self.cure)


class EmptyDocument(RejectedDocument):
    """There is no text in it."""

    cause = "empty"


class EncryptedDocument(RejectedDocument):
    """It opens with a password only."""

    cause = "encrypted"


class DamagedDocument(RejectedDocument):
    """It is cut off or broken."""

    cause = "damaged"


class NotADocument(RejectedDocument):
    """It is something else than its name says, or a kind of file that is not read here."""

    cause = "not a document"


class DocumentTooLarge(RejectedDocument):
    """It is beyond the bounds that the extractor was given."""

    cause = "too large"


# The first bytes of what people most often hand in by mistake.
_OTHER_FILES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a ZIP archive (as .docx, .xlsx and .epub files are)",
    b"\x1f\x8b": "gzip-compressed data",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an old Microsoft Office file",
}
_HTML_START = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype html|html)", re.IGNORECASE | re.DOTALL
)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))  # ESC begins the shifts of ISO-2022-JP

_PDFIUM_WRONG_PASSWORD = 4
_PDFIUM_UNSUPPORTED_SECURITY = 5


class DocumentExtractor:
    """Extracts the text of a PDF, an HTML page or a text file.

    PDFium, which reads the PDFs, is not thread-safe: two calls at the same time may crash the process.
    Let one call run at a time, over all pipelines of the process: `step(..., exclusive="pdfium")`.

    Args:
        max_bytes: larger files are refused before they are read.
        max_pages: PDFs with more pages are refused before any page is read.
    """

    def __init__(self, *, max_bytes: int = 20_000_000, max_pages: int = 500) -> None:
        if max_bytes < 1 or max_pages < 1:
            raise ValueError("max_bytes and max_pages must be at least 1")
        self.max_bytes = max_bytes
        self.max_pages = max_pages
        self._libraries: _Libraries | None = None

    def setup(self) -> None:
        """Load the readers."""
        if self._libraries is None:
            self._libraries = _Libraries()

    def __call__(self, document: Document) -> Extraction:
        """The document's text and facts.

        Raises:
            RejectedDocument: one of its subclasses, which say why.
            OSError: the file cannot be read.
        """
        if self._libraries is None:
            raise RuntimeError("DocumentExtractor.setup() has not been called")
        path = Path(document)
        size = path.stat().st_size
        if path.is_dir():
            raise NotADocument(path, "is a folder", "give the files in it one by one")
        if size > self.max_bytes:
            raise DocumentTooLarge(
                path,
                f"has {size:,} bytes, more than the {self.max_bytes:,} allowed",
                "split it, or raise max_bytes",
            )
        data = path.read_bytes()
        if not data.strip():
            raise EmptyDocument(path, "holds nothing", "check how it was saved or fetched")
        read = self._reader(path, data)
        text, info = read(path, data)
        text = _tidy(text)
        if not text:
            raise EmptyDocument(path, "shows a reader no text", _cure_of_no_text(info["format"]))
        info["characters"] = len(text)
        return {"text": text, "info": info}

    def _reader(self, path: Path, data: bytes) -> Callable[[Path, bytes], tuple[str, DocumentInfo]]:
        """The method that reads this content. Content decides, not the name; but a name that lies is refused."""
        if b"%PDF-" in data[:1024]:
            return self._read_pdf
        for magic, what in _OTHER_FILES.items():
            if data.startswith(magic):
                raise NotADocument(path, f"is {what}", "convert it to PDF, HTML or plain text")
        if path.suffix.lower() == ".pdf":
            raise NotADocument(
                path,
                "is named .pdf, but does not begin as a PDF does",
                "check what was saved under this name",
            )
        if data[:3] in _BYTE_ORDER_MARKS or data[:2] in _BYTE_ORDER_MARKS:
            return self._read_html if path.suffix.lower() in {".html", ".htm", ".xhtml"} else self._read_text
        if len(data.translate(None, _CONTROL_BYTES)) < len(data):
            raise NotADocument(
                path, "holds control bytes that no text has", "convert it to PDF, HTML or plain text"
            )
        if path.suffix.lower() in {".html", ".htm", ".xhtml"} or _HTML_START.match(data[:4096]):
            return self._read_html
        return self._read_text

    def _read_pdf(self, path: Path, data: bytes) -> tuple[str, DocumentInfo]:
        assert self._libraries is not None
        # PDFium repairs a PDF that has lost its end, and then shows some of its pages only. Half a text
        # that looks whole is worse than a refusal.
        if b"%%EOF" not in data[-4096:]:
            raise DamagedDocument(path, "ends before its end mark", "fetch or copy it again")
        pdfium: Any = self._libraries.pdfium
        try:
            pdf = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            if error.err_code == _PDFIUM_WRONG_PASSWORD:
                raise EncryptedDocument(path, "needs a password", "save it without one") from error
            if error.err_code == _PDFIUM_UNSUPPORTED_SECURITY:
                raise EncryptedDocument(
                    path, "is protected in a way that cannot be opened", "save it without protection"
                ) from error
            raise DamagedDocument(path, "cannot be opened as a PDF", "fetch or copy it again") from error
        try:
            pages = len(pdf)
            if pages > self.max_pages:
                raise DocumentTooLarge(
                    path,
                    f"has {pages} pages, more than the {self.max_pages} allowed",
                    "split it, or raise max_pages",
                )
            texts = [self._page_text(path, pdf, number) for number in range(pages)]
            title = pdf.get_metadata_value("Title") or None
        finally:
            pdf.close()
        return "\n\n".join(texts), _info(path, "pdf", data, pages=pages, title=title)

    def _page_text(self, path: Path, pdf: Any, number: int) -> str:
        assert self._libraries is not None
        try:
            page = pdf[number]
            textpage = page.get_textpage()
            try:
                text: str = textpage.get_text_bounded()
            finally:
                # Closed here and not by the garbage collector, which may run in any thread.
                textpage.close()
                page.close()
        except self._libraries.pdfium.PdfiumError as error:
            raise DamagedDocument(
                path, f"breaks off at page {number + 1}", "fetch or copy it again"
            ) from error
        # PDFium marks a hyphen at the end of a line, where a word goes on, by U+FFFE or U+0002.
        return re.sub("[\ufffe\x02](\r?\n)?", "", text)

    def _read_html(self, path: Path, data: bytes) -> tuple[str, DocumentInfo]:
        assert self._libraries is not None
        encoding = self._encoding(data, html=True)
        tree = self._libraries.parse_html(_decode(data, encoding))
        text: str = self._libraries.html_to_text(tree, main_content=True, alt_texts=False)
        if not text.strip():  # what looks like navigation may be all there is
            text = self._libraries.html_to_text(tree, alt_texts=False)
        return text, _info(path, "html", data, encoding=encoding, title=_tidy(tree.title or "") or None)

    def _read_text(self, path: Path, data: bytes) -> tuple[str, DocumentInfo]:
        encoding = self._encoding(data)
        return _decode(data, encoding), _info(path, "text", data, encoding=encoding)

    def _encoding(self, data: bytes, *, html: bool = False) -> str:
        """How the bytes are written: their mark, else UTF-8 if they are valid, else a guess."""
        assert self._libraries is not None
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if data.startswith(mark):
                return encoding
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            guess: str | None = self._libraries.detect_encoding(data, from_html_meta=html)
            return guess or "cp1252"
        return "utf-8"


class _Libraries:
    """The readers. Imported when a component is set up, so that checking and drawing a pipeline needs none."""

    def __init__(self) -> None:
        import pypdfium2
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.encoding import detect_encoding
        from resiliparse.parse.html import HTMLTree

        self.pdfium: Any = pypdfium2
        self.html_to_text: Any = extract_plain_text
        self.parse_html: Any = HTMLTree.parse
        self.detect_encoding: Any = detect_encoding


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, errors="replace")
    except LookupError:  # a name that HTML knows and Python does not
        return data.decode("cp1252", errors="replace")


def _info(
    path: Path,
    kind: str,
    data: bytes,
    *,
    pages: int | None = None,
    encoding: str | None = None,
    title: str | None = None,
) -> DocumentInfo:
    return {
        "name": path.name,
        "format": kind,
        "bytes": len(data),
        "characters": 0,
        "pages": pages,
        "encoding": encoding,
        "title": title,
    }


def _tidy(text: str) -> str:
    """One form of every character, no runs of blanks, at most one empty line in a row."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _cure_of_no_text(kind: str) -> str:
    if kind == "pdf":
        return "its pages are pictures: run text recognition (OCR) first"
    return "if a script draws the page, save what the browser shows"
