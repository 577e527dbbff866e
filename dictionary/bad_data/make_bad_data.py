"""Make the files of this folder: dictionaries that a reader must refuse, each for one reason.

They come from the worked example of FORMAT.md, one fault each. ``python make_bad_data.py`` writes
them; a test compares them with what is here, and another opens each. A name says the fault; the
files that begin with ``open-`` are refused by the checks at opening (FORMAT.md, "What a reader
refuses", 1 to 9), those that begin with ``verify-`` only by those of the whole file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from struct import pack_into
from zlib import crc32

from atlas_dictionary import layout
from atlas_dictionary.compiler import compile_tables
from atlas_dictionary.container import Container
from atlas_dictionary.keys import ElementKey, private_key
from atlas_dictionary.statements import SourceInfo, SourceTable, Statement

Change = Callable[[bytearray], None]


def example() -> bytes:
    """Return the dictionary of two entries that FORMAT.md shows byte by byte."""
    statements = (
        Statement(
            private_key("SIEMENS MR HEADER", 0x0019, 0x0A),
            ("US",),
            "1",
            name="Number of images in mosaic",
        ),
        Statement(ElementKey(None, 0x00100010), ("PN",), "1", "PatientName", "Patient's Name"),
    )
    info = SourceInfo(id="example", licence="CC0-1.0", statements=len(statements))
    return compile_tables([SourceTable(info, statements)])


def sealed(data: bytearray) -> bytes:
    """Return `data` with its checksums made right again."""
    header_length = int.from_bytes(data[12:16], "little")
    pack_into("<II", data, 24, crc32(data[header_length:]), 0)
    pack_into("<I", data, layout.HEADER_CRC_OFFSET, crc32(data[:header_length]))
    return bytes(data)


def bad_files() -> dict[str, bytes]:
    """Return name and content of every file."""
    good = example()
    file = Container(good, "example")

    def changed(change: Change, seal: bool = True) -> bytes:
        data = bytearray(good)
        change(data)
        return sealed(data) if seal else bytes(data)

    def put(form: str, offset: int, *values: int) -> Change:
        return lambda data: pack_into(form, data, offset, *values)

    def row(tag: str) -> int:
        """Return the offset of a row of the section table."""
        place = list(layout.SECTIONS).index(tag.encode())
        return layout.HEADER.size + place * layout.SECTION.size

    def at(tag: str, offset: int, record: int = 0) -> int:
        """Return the offset of a field of a record."""
        section = file.section(tag)
        return section.offset + record * section.size + offset

    strings = file.section("STRS")
    files = {
        "open-empty": b"",
        "open-wrong-magic": b"PK\x03\x04" + good[4:],
        "open-newer-major": changed(put("<H", 8, layout.MAJOR + 1)),
        "open-header-cut": good[:20],
        "open-longer-than-it-says": good + b"\0",
        "open-header-checksum": changed(put("<H", 10, 7), seal=False),
        "open-many-sections": changed(put("<I", 20, 0xFFFFFFF)),
        "open-section-outside": changed(put("<I", row("ENTR") + 8, 0x1000000)),
        "open-section-overlap": changed(put("<I", row("SRCS") + 4, file.section("META").offset)),
        "open-section-unaligned": changed(put("<I", row("STRS") + 4, strings.offset + 1)),
        "open-section-missing": changed(put("4s", row("PATT"), b"XXXX")),  # type: ignore[arg-type]
        "open-section-twice": changed(put("4s", row("PATT"), b"COND")),  # type: ignore[arg-type]
        "open-record-too-small": changed(put("<I", row("ENTR") + 12, 43)),
        "open-record-too-large": changed(put("<2I", row("COND") + 8, 0, 0x80000000)),
        "open-hash-table-size": changed(put("<I", row("BHSH") + 8, 3)),
        "open-string-without-end": changed(put("B", len(good) - 1, ord("x"))),
        "open-no-empty-string": changed(put("B", strings.offset, ord("x"))),
        "verify-body-checksum": changed(put("B", strings.offset + 3, ord("?")), seal=False),
        "verify-string-outside": changed(put("<I", at("ENTR", 12), strings.count)),
        "verify-string-middle": changed(put("<I", at("ENTR", 12), 3)),
        "verify-string-not-utf8": changed(put("B", strings.offset + 2, 0xFF)),
        "verify-creator-outside": changed(put("<I", at("ENTR", 8), 9)),
        "verify-candidates-outside": changed(put("<I", at("ENTR", 28), 2)),
        "verify-sources-outside": changed(put("<I", at("ENTR", 32), 2)),
        "verify-source-outside": changed(put("<I", at("SREF", 0), 1)),
        "verify-condition-outside": changed(put("<I", at("CAND", 8), 1)),
        "verify-block-of-name-outside": changed(put("<I", at("BNAM", 4), 1)),
        "verify-entries-of-block-outside": changed(put("<I", at("BLKS", 8), 2)),
        "verify-map-and-count-differ": changed(put("B", at("BLKS", 16), 1)),
        "verify-map-of-another-block": changed(put("<2B", at("BLKS", 17), 8, 0)),
        "verify-slot-outside": changed(put("<2I", at("THSH", 0), 9, 0)),
        "verify-no-free-slot": changed(put("<2I", at("THSH", 0), 2, 2)),
        "verify-vr-no-letters": changed(put("<2B", at("ENTR", 40), 0, 0)),
        "verify-confidence-above-1": changed(put("B", at("ENTR", 42), 101)),
    }
    for section in file.sections():
        files[f"open-cut-at-{section.name.lower()}"] = good[: section.offset]
    return {f"{name}.adict": data for name, data in files.items()}


if __name__ == "__main__":
    for name, data in bad_files().items():
        Path(__file__).with_name(name).write_bytes(data)
