"""Rebuild the good documents of `documents/` and its SOURCES.md from Debian packages.

The packages are downloaded and unpacked, never installed. On a Debian or Ubuntu machine:

    apt-get download debian-history debian-faq debian-faq-de debian-faq-fr debian-faq-nl debian-faq-ru \
        debian-policy debian-reference-es debian-reference-zh-cn developers-reference dict-devil
    for package in *.deb; do dpkg -x "$package" unpacked; done
    python tools/collect_documents.py unpacked documents

Most files are taken as they are. What is changed is said in the table below and again in
SOURCES.md: some PDFs are cut to a few pages (needs pypdfium2), two texts are cut to a few
letters of the alphabet. The bad documents are made by `make_bad_documents.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sys
from pathlib import Path
from typing import NamedTuple

DOC = "usr/share/doc"
HISTORY = f"{DOC}/debian-history"
FAQ = f"{DOC}/debian/FAQ"


class Document(NamedTuple):
    """One document of the set: where it comes from and what was done to it."""

    target: str
    language: str
    package: str
    path: str
    title: str
    pages: tuple[int, int] | None = None  # first and last, counted from 1
    letters: str | None = None  # of a dictionary: "A-C"


DOCUMENTS = (
    Document("debian-history.en.pdf", "en", "debian-history", f"{HISTORY}/docs/project-history.en.pdf", "A Brief History of Debian"),
    Document("debian-history.fr.pdf", "fr", "debian-history", f"{HISTORY}/docs/project-history.fr.pdf", "Bref historique de Debian"),
    Document("debian-history.de.pdf", "de", "debian-history", f"{HISTORY}/docs/project-history.de.pdf", "Eine kurze Geschichte von Debian", pages=(5, 12)),
    Document("debian-history.es.pdf", "es", "debian-history", f"{HISTORY}/docs/project-history.es.pdf", "Una breve historia de Debian", pages=(5, 12)),
    Document("debian-history.it.pdf", "it", "debian-history", f"{HISTORY}/docs/project-history.it.pdf", "Breve storia di Debian", pages=(13, 18)),
    Document("debian-history.ru.pdf", "ru", "debian-history", f"{HISTORY}/docs/project-history.ru.pdf", "Краткая история Debian", pages=(5, 12)),
    Document("debian-history.ja.pdf", "ja", "debian-history", f"{HISTORY}/docs/project-history.ja.pdf", "Debian 小史", pages=(5, 7)),
    Document("filesystem-hierarchy.en.pdf", "en", "debian-policy", f"{DOC}/debian-policy/fhs/fhs-3.0.pdf.gz", "Filesystem Hierarchy Standard 3.0"),
    Document("manifesto.it.html", "it", "debian-history", f"{HISTORY}/docs/manifesto.it.html", "Il manifesto Debian"),
    Document("manifesto.ko.html", "ko", "debian-history", f"{HISTORY}/docs/manifesto.ko.html", "데비안 선언문"),
    Document("manifesto.pt.html", "pt", "debian-history", f"{HISTORY}/docs/manifesto.pt.html", "O Manifesto Debian"),
    Document("manifesto.lt.html", "lt", "debian-history", f"{HISTORY}/docs/manifesto.lt.html", "Debian manifestas"),
    Document("choosing.en.html", "en", "debian-faq", f"{FAQ}/choosing.en.html", "Choosing a Debian distribution"),
    Document("support.de.html", "de", "debian-faq-de", f"{FAQ}/de/support.de.html", "Unterstützung für Debian"),
    Document("basic-defs.fr.html", "fr", "debian-faq-fr", f"{FAQ}/fr/basic-defs.fr.html", "Définitions et vue d'ensemble"),
    Document("compatibility.nl.html", "nl", "debian-faq-nl", f"{FAQ}/nl/compatibility.nl.html", "Compatibiliteitskwesties"),
    Document("customizing.ru.html", "ru", "debian-faq-ru", f"{FAQ}/ru/customizing.ru.html", "Настройка Debian"),
    Document("preface.es.html", "es", "debian-reference-es", "usr/share/debian-reference/pr01.es.html", "Guía de referencia Debian, prefacio"),
    Document("i18n.zh.html", "zh", "debian-reference-zh-cn", "usr/share/debian-reference/ch08.zh-cn.html", "Debian 参考手册: 国际化和本地化"),
    Document("developer-duties.en.html", "en", "developers-reference", "usr/share/developers-reference/developer-duties.html", "Debian Developer's Duties"),
    Document("devils-dictionary-a.en.txt", "en", "dict-devil", "usr/share/dictd/devil.dict.dz", "The Devil's Dictionary, A", letters="A"),
    Document("devils-dictionary-l-m.en.txt", "en", "dict-devil", "usr/share/dictd/devil.dict.dz", "The Devil's Dictionary, L and M", letters="LM"),
    Document("debian-history.pt.txt", "pt", "debian-history", f"{HISTORY}/docs/project-history.pt.txt.gz", "Uma Breve História da Debian"),
    Document("dedication.de.txt", "de", "debian-history", f"{HISTORY}/dedication/dedication-9.0.de.txt", "Widmung von Debian 9"),
    Document("dedication.fr.latin1.txt", "fr", "debian-history", f"{HISTORY}/dedication/dedication-2.2.fr.txt", "Dédicace de Debian 2.2 (ISO-8859-1)"),
    Document("dedication.ja.eucjp.txt", "ja", "debian-history", f"{HISTORY}/dedication/dedication-2.2.ja.txt", "Debian 2.2 の献辞 (EUC-JP)"),
    Document("dedication.zh.gb2312.txt", "zh", "debian-history", f"{HISTORY}/dedication/dedication-2.2.cn.txt", "Debian 2.2 献辞 (GB 2312)"),
    Document("dedication.sv.txt", "sv", "debian-history", f"{HISTORY}/dedication/dedication-9.0.sv.txt", "Tillägnan av Debian 9"),
)  # fmt: skip

#: Per source package: version taken, copyright holders and licence, file in `licences/`.
PACKAGES = {
    "debian-history": (
        "2.28",
        "Debian Documentation Team and Debian Publicity Team, Bdale Garbee and others",
        "GPL-2 or later; the document itself also allows any redistribution and modification with changes clearly marked",
        "debian-history.copyright",
    ),
    "debian-faq": ("11.1", "Software in the Public Interest", "Debian FAQ licence (verbatim and modified copies under the same notice)", "debian-faq.copyright"),
    "debian-policy": (
        "4.6.2.0",
        "Daniel Quinlan, Paul Russell, Christopher Yeoh, The Linux Foundation",
        "FHS licence (verbatim copies with the notice)",
        "debian-policy.copyright",
    ),
    "debian-reference": ("2.100", "Osamu Aoki and translators", "GPL-2 or later", "debian-reference.copyright"),
    "developers-reference": (
        "12.18",
        "Christian Schwarz, Adam Di Carlo, Raphaël Hertzog, Andreas Barth, Lucas Nussbaum, Hideki Yamane, Holger Levsen",
        "GPL-2 or later",
        "developers-reference.copyright",
    ),
    "dict-devil": ("1.0-13.1", "Ambrose Bierce (died 1914)", "public domain", "dict-devil.copyright"),
}  # fmt: skip

HEADER = """\
# Where the documents come from

Every good document is a real one, taken from a package of Debian 12 that was downloaded and
unpacked, not installed. `tools/collect_documents.py` rebuilds the set and this page. The
documents are data for the example; they are no part of the library and keep their own licences.
The copyright file of each package is in `licences/`, together with the text of the GPL, version
2, which several of them name. The sources from which Debian makes these files are the Debian
source packages of the same name and version.

"""


def source_package(package: str) -> str:
    """The source package that a (translated) binary package is made from."""
    return next(name for name in PACKAGES if package == name or package.startswith(name + "-"))


def dictionary_letters(text: str, letters: str) -> str:
    """The entries of the dictionary whose headword begins with one of the letters."""
    body = text[text.index("\nABASEMENT,") + 1 :]
    entries = re.split(r"\n(?=[A-Z][A-Z' -]+[,.])", body)
    chosen, current = [], "A"
    for entry in entries:
        # Poems inside an entry may begin with a capitalised word; the alphabet only moves forward.
        if current <= entry[0] <= chr(ord(current) + 1):
            current = entry[0]
        if current in letters:
            chosen.append(entry)
    return "\n".join(chosen).strip() + "\n"


def cut_pages(source: Path, first: int, last: int) -> bytes:
    """The PDF's pages first to last as a PDF of their own."""
    import pypdfium2

    with pypdfium2.PdfDocument(source) as whole, pypdfium2.PdfDocument.new() as part:
        part.import_pages(whole, list(range(first - 1, last)))
        buffer = io.BytesIO()
        part.save(buffer)
    # PDFium writes the time and a random identity. Replaced, by as many bytes, so that the same
    # pages give the same file every time.
    cut = re.sub(rb"D:20\d{12}", b"D:20230215214017", buffer.getvalue())
    name = f"{source.name} {first}-{last}"
    identity = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest().upper().encode()
    return re.sub(rb"(?<=/ID\[)<[0-9A-F]{32}><[0-9A-F]{32}>", b"<%s><%s>" % (identity, identity), cut)


def content(document: Document, unpacked: Path) -> tuple[bytes, str]:
    """The document's bytes and, in words, what was changed."""
    source = unpacked / document.path
    if document.pages is not None:
        first, last = document.pages
        return cut_pages(source, first, last), f"pages {first} to {last} only"
    data = source.read_bytes()
    if source.suffix in {".gz", ".dz"}:
        data = gzip.decompress(data)
    if document.letters is not None:
        cut = dictionary_letters(data.decode("utf-8"), document.letters)
        return cut.encode(), "entries of these letters only"
    return data, "unpacked" if source.suffix == ".gz" else "as it is"


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    unpacked, target = Path(arguments[0]), Path(arguments[1])
    licences = target / "licences"
    licences.mkdir(parents=True, exist_ok=True)
    rows = []
    for document in DOCUMENTS:
        data, change = content(document, unpacked)
        (target / document.target).write_bytes(data)
        rows.append(
            f"| `{document.target}` | {document.language} | {len(data) / 1000:.0f} kB | {document.title} "
            f"| `{document.package}` | `{document.path}` | {change} |"
        )
    lines = [HEADER, "## Good documents\n\n"]
    lines.append(
        "| file | language | size | title | package | file in the package | change |\n|---|---|---|---|---|---|---|\n"
    )
    lines.append("\n".join(rows) + "\n\n## Licences\n\n")
    lines.append("| source package | version | copyright | licence | notice |\n|---|---|---|---|---|\n")
    used = {source_package(document.package): document.package for document in reversed(DOCUMENTS)}
    for name, (version, holders, licence, notice) in PACKAGES.items():
        (licences / notice).write_bytes((unpacked / DOC / used[name] / "copyright").read_bytes())
        lines.append(f"| `{name}` | {version} | {holders} | {licence} | `licences/{notice}` |\n")
    lines.append(BAD)
    (target / "SOURCES.md").write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} documents in {target}")
    return 0


BAD = """
## Bad documents

Made by `tools/make_bad_documents.py` from nothing or from the documents above; ours, under the
licence of this repository, except that `bad-truncated.pdf` is the beginning of
`debian-history.en.pdf` and stays under its licence.

| file | what is wrong with it | cause in the summary |
|---|---|---|
| `bad-empty.pdf` | no byte at all | empty |
| `bad-blank.txt` | white space only | empty |
| `bad-no-text.html` | a page with a script and a picture, but no text | empty |
| `bad-scanned.pdf` | a page that is only a picture | empty |
| `bad-encrypted.pdf` | needs a password | encrypted |
| `bad-truncated.pdf` | the first 40 kB of a PDF of 165 kB | damaged |
| `bad-not-a-document.pdf` | a PNG picture with the wrong name | not a document |
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
