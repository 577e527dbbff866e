"""A compiled dictionary file as mapped bytes with a checked section table.

`Container` refuses at once, and without reading the body, what is no dictionary, is newer than
this reader, is cut short or has a section outside of the file. Used by `reader`, which gives the
sections their meaning, and by `verify`, which checks the rest. See FORMAT.md.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any
from zlib import crc32

from atlas_dictionary import layout
from atlas_dictionary.errors import DictionaryError


@dataclass(frozen=True, slots=True)
class Section:
    """Where the records of one kind lie.

    Attributes
    ----------
    name : str
    offset : int
        Of the first record, in bytes from the start of the file.
    count : int
        Number of records.
    size : int
        Bytes from one record to the next; a later minor version may have lengthened the record.
    """

    name: str
    offset: int
    count: int
    size: int

    @property
    def end(self) -> int:
        """Offset after the last record."""
        return self.offset + self.count * self.size


class Container:
    """The bytes of a dictionary file and its sections.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    name : str
        What messages call it: its path.

    Raises
    ------
    DictionaryError
        Where FORMAT.md says that a reader refuses the file.
    """

    def __init__(self, data: bytes | mmap.mmap, name: str) -> None:
        self.data = data
        self.name = name
        self.major, self.minor, self.body_crc, self.header_length, table = self._header()
        self._sections = self._section_table(table)
        self._check_strings()
        for tag in ("BHSH", "THSH", "KHSH"):
            count = self._sections[tag].count
            if count < 2 or count & (count - 1):
                raise self.refused(f"hash table {tag} has {count} slots, not a power of two")

    def refused(self, reason: str) -> DictionaryError:
        """Return the error that refuses this file."""
        return DictionaryError(f"{self.name}: {reason}")

    def section(self, tag: str) -> Section:
        """Return where the section `tag` of version 1.0 lies."""
        return self._sections[tag]

    def sections(self) -> tuple[Section, ...]:
        """Return every section in the order of the file, unknown ones too."""
        return tuple(sorted(self._sections.values(), key=lambda s: s.offset))

    def record(self, section: Section, layout_of: Struct, number: int) -> tuple[Any, ...]:
        """Return the fields of one record.

        Raises
        ------
        DictionaryError
            When there is no such record: the file is damaged.
        """
        if not 0 <= number < section.count:
            raise self.refused(
                f"damaged: record {number} of section {section.name}, which has {section.count}"
            )
        return layout_of.unpack_from(self.data, section.offset + number * section.size)

    def string_bytes(self, reference: int) -> bytes:
        """Return the string at `reference` in section STRS as UTF-8.

        Raises
        ------
        DictionaryError
            When the section ends before it: the file is damaged.
        """
        strings = self._sections["STRS"]
        if not 0 <= reference < strings.count:
            raise self.refused(f"damaged: string {reference} of {strings.count} bytes of strings")
        start = strings.offset + reference
        return self.data[start : self.data.find(b"\0", start)]

    def string(self, reference: int) -> str:
        """Return the string at `reference` in section STRS.

        Raises
        ------
        DictionaryError
            When there is none, or it is not UTF-8: the file is damaged.
        """
        try:
            return self.string_bytes(reference).decode("utf-8")
        except UnicodeDecodeError:
            raise self.refused(f"damaged: string {reference} is not UTF-8") from None

    def check_body(self) -> None:
        """Compare the checksum of all that follows the header.

        Raises
        ------
        DictionaryError
            When it differs.
        """
        with memoryview(self.data) as view, view[self.header_length :] as body:
            found = crc32(body)
        if found != self.body_crc:
            raise self.refused(
                f"checksum of the body is {found:08x}, expected {self.body_crc:08x}: damaged, "
                "copy or build it again"
            )

    def _header(self) -> tuple[int, int, int, int, bytes]:
        data, size = self.data, len(self.data)
        if data[: len(layout.MAGIC)] != layout.MAGIC:
            raise self.refused("not a compiled dictionary (no ADICT mark at its start)")
        if size < layout.HEADER.size:
            raise self.refused(f"cut short: {size} bytes, a header has {layout.HEADER.size}")
        _, major, minor, header_length, file_length, sections, body_crc, header_crc = (
            layout.HEADER.unpack_from(data)
        )
        if major != layout.MAJOR:
            raise self.refused(
                f"format version {major}.{minor}, this program reads {layout.MAJOR}.x: "
                + ("update it" if major > layout.MAJOR else "build the file again")
            )
        if file_length != size:
            raise self.refused(f"has {size} bytes, its header says {file_length}")
        table_end = layout.HEADER.size + sections * layout.SECTION.size
        if sections > layout.MAX_SECTIONS or header_length != table_end or table_end > size:
            raise self.refused(f"a header of {header_length} bytes cannot hold {sections} sections")
        header = bytearray(data[:header_length])
        header[layout.HEADER_CRC_OFFSET : layout.HEADER_CRC_OFFSET + 4] = bytes(4)
        if crc32(header) != header_crc:
            raise self.refused("checksum of the header differs: damaged, copy or build it again")
        return major, minor, body_crc, header_length, bytes(header[layout.HEADER.size :])

    def _section_table(self, table: bytes) -> dict[str, Section]:
        sections: dict[str, Section] = {}
        end = self.header_length
        for raw, offset, count, size in layout.SECTION.iter_unpack(table):
            tag = raw.decode("ascii", "backslashreplace")
            section = Section(tag, offset, count, size)
            if offset < end or offset % layout.ALIGNMENT or section.end > len(self.data):
                raise self.refused(
                    f"section {tag!r} at {offset} to {section.end} is misplaced in a file of "
                    f"{len(self.data)} bytes"
                )
            if tag in sections:
                raise self.refused(f"section {tag!r} appears twice")
            if size < layout.SECTIONS.get(raw, 1):
                raise self.refused(f"records of section {tag!r} have {size} bytes, too few")
            if size > layout.MAX_RECORD:
                raise self.refused(
                    f"records of section {tag!r} have {size} bytes, at most {layout.MAX_RECORD}"
                )
            sections[tag] = section
            end = section.end
        missing = [t.decode() for t in layout.SECTIONS if t.decode() not in sections]
        if missing:
            raise self.refused(f"section {missing[0]!r} is missing")
        return sections

    def _check_strings(self) -> None:
        strings = self._sections["STRS"]
        if strings.size != 1 or strings.count == 0 or self.data[strings.offset] != 0:
            raise self.refused("section 'STRS' does not begin with the empty string")
        if self.data[strings.end - 1] != 0:
            raise self.refused("the last string of section 'STRS' has no end")


def map_file(path: Path) -> Container:
    """Map the file at `path` read-only.

    Raises
    ------
    DictionaryError
        When it cannot be read or must be refused.
    """
    try:
        with path.open("rb") as file:
            data: bytes | mmap.mmap
            if file.seek(0, 2) == 0:
                data = b""
            else:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DictionaryError(f"{path}: cannot be read: {reason}") from None
    return Container(data, str(path))
