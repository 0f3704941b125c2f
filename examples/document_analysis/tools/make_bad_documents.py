"""Make the bad documents of the set, the same bytes every time, with the standard library only.

python tools/make_bad_documents.py documents
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from pathlib import Path

#: The 32 bytes with which the PDF standard pads a password (ISO 32000-1, 7.6.3.3).
PASSWORD_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
PERMISSIONS = -44


def md5(data: bytes) -> bytes:
    """The sum that the standard security handler is built on."""
    return hashlib.md5(data, usedforsecurity=False).digest()


DOCUMENT_ID = md5(b"bad-encrypted.pdf")


def rc4(key: bytes, data: bytes) -> bytes:
    """The stream cipher of PDF 1.4. Long broken, which does not matter to a refusal."""
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF file of these objects, numbered from 1; the first one is the catalogue."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        table,
    )
    return bytes(out)


def stream(data: bytes, dictionary: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), dictionary, data)


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def encrypted_pdf(text: bytes, password: bytes) -> bytes:
    """A page of text that opens with the password only (40-bit standard security handler)."""
    padded = (password + PASSWORD_PADDING)[:32]
    owner = rc4(md5(padded)[:5], padded)
    key = md5(padded + owner + struct.pack("<i", PERMISSIONS) + DOCUMENT_ID)[:5]
    user = rc4(key, PASSWORD_PADDING)
    # Each object has a key of its own, derived from its number (5) and generation (0).
    own_key = md5(key + (5).to_bytes(3, "little") + (0).to_bytes(2, "little"))[:10]
    objects = [
        CATALOGUE,
        PAGES,
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents 5 0 R /Resources << /Font << /F 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        stream(rc4(own_key, b"BT /F 12 Tf 20 50 Td (%s) Tj ET" % text)),
        b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >>"
        % (owner.hex().encode(), user.hex().encode(), PERMISSIONS),
    ]
    identity = DOCUMENT_ID.hex().encode()
    return pdf(objects, b"/Encrypt 6 0 R /ID [<%s> <%s>]" % (identity, identity))


def stripes(width: int, height: int) -> bytes:
    """A grey picture: rows of bright and dark stripes, as a scanned page has lines."""
    return b"".join(bytes([70 if y // 4 % 2 else 230]) * width for y in range(height))


def scanned_pdf() -> bytes:
    """A page that holds a picture and not one letter."""
    width, height = 120, 160
    image = stream(
        zlib.compress(stripes(width, height), 9),
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
        % (width, height),
    )
    objects = [
        CATALOGUE,
        PAGES,
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>",
        stream(b"q 300 0 0 400 0 0 cm /I Do Q"),
        image,
    ]
    return pdf(objects)


def png() -> bytes:
    """A small grey picture in the PNG format."""
    width, height = 64, 64
    rows = stripes(width, height)
    scanlines = b"".join(b"\0" + rows[y * width : (y + 1) * width] for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(scanlines, 9))
        + chunk(b"IEND", b"")
    )


NO_TEXT = b"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><script>document.title = "drawn by a script";</script></head>
<body><img src="picture.png"><script>draw(document.body);</script></body>
</html>
"""


def bad_documents(folder: Path) -> dict[str, bytes]:
    """Every bad document by name. The truncated one is the beginning of a good one."""
    return {
        "bad-empty.pdf": b"",
        "bad-blank.txt": b" \n\t\n   \n\n",
        "bad-no-text.html": NO_TEXT,
        "bad-scanned.pdf": scanned_pdf(),
        "bad-encrypted.pdf": encrypted_pdf(b"Nobody reads this without the password.", b"plait"),
        "bad-truncated.pdf": (folder / "debian-history.en.pdf").read_bytes()[:40_000],
        "bad-not-a-document.pdf": png(),
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    folder = Path(arguments[0])
    made = bad_documents(folder)
    for name, data in made.items():
        (folder / name).write_bytes(data)
    print(f"{len(made)} bad documents in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
