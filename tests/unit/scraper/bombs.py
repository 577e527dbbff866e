"""PDFs that are small on disk and do harm to whoever reads them."""

import zlib
from collections.abc import Iterable
from pathlib import Path

TEXT = b"BT /F 9 Tf 50 700 Td (\\(0019,1001\\) Gain DS 1) Tj ET\n"


def slow(path: Path) -> Path:
    """Make a page whose text pdfium has at once, and whose paths take pdfplumber minutes."""
    return _pdf(path, [TEXT, *[b"0 0 m 9 9 l S\n" * 10_000] * 300])


def large(path: Path, mebibytes: int) -> Path:
    """Make a page whose content is as large as this, of a thousandth on disk."""
    return _pdf(path, [TEXT, *[b" " * (1 << 20)] * mebibytes])


def _pdf(path: Path, content: Iterable[bytes]) -> Path:
    packing = zlib.compressobj(1)
    packed = b"".join([*(packing.compress(part) for part in content), packing.flush()])
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
    ]
    data = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(data)
    data += b"xref\n0 5\n0000000000 65535 f \n%s" % table
    data += b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    path.write_bytes(data)
    return path
