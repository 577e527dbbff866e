"""Numbers of the file format, as FORMAT.md specifies it: magic, versions, sections, records.

The writer and the readers share these; nothing else knows an offset in the file.
"""

from __future__ import annotations

from struct import Struct
from typing import Final
from zlib import crc32

MAGIC: Final = b"\x89ADICT\r\n"
MAJOR: Final = 1
MINOR: Final = 0

HEADER: Final = Struct("<8sHHIIIII")
"""Magic, major, minor, header length, file length, section count, body CRC-32, header CRC-32."""
HEADER_CRC_OFFSET: Final = 28
SECTION: Final = Struct("<4sIII")
"""Tag, offset, number of records, bytes of a record."""
ALIGNMENT: Final = 8
MAX_SECTIONS: Final = 256
MAX_RECORD: Final = 0xFFFF
"""Most bytes from one record to the next."""

META: Final = Struct("<II")
"""Key, value."""
SOURCE: Final = Struct("<8I")
"""Id, title, origin, version, licence, digest, weight, number of statements."""
CREATOR: Final = Struct("<6I")
"""Name, folded form, first block, number of blocks, first spelling, number of spellings."""
INDEX: Final = Struct("<I")
"""A string or a slot of a hash table: 0, or 1 + the number of a record."""
BLOCK: Final = Struct("<IHHII32s")
"""Creator, group, mask of the group, first entry, number of entries, map of the offsets."""
BLOCK_NAME: Final = Struct("<II")
"""Spelling or folded form of the creator, block."""
ENTRY: Final = Struct("<9IBBH2sBB")
"""Tag, mask, 1 + creator, name, keyword, description, VM, first candidate, first source,
number of candidates, number of sources, flags, VR, confidence in hundredths, zero."""
CANDIDATE: Final = Struct("<2sHII")
"""VR, zero, weight, 1 + condition."""
CONDITION: Final = Struct("<III")
"""Patterns for manufacturer, model, software."""
SOURCE_REFERENCE: Final = Struct("<III")
"""Source, detail, VR as stated."""
PATTERN: Final = Struct("<III")
"""Tag, mask, entry."""

SECTIONS: Final[dict[bytes, int]] = {
    b"META": META.size,
    b"SRCS": SOURCE.size,
    b"CRTR": CREATOR.size,
    b"SPEL": INDEX.size,
    b"BLKS": BLOCK.size,
    b"BNAM": BLOCK_NAME.size,
    b"BHSH": INDEX.size,
    b"ENTR": ENTRY.size,
    b"CAND": CANDIDATE.size,
    b"COND": CONDITION.size,
    b"SREF": SOURCE_REFERENCE.size,
    b"PATT": PATTERN.size,
    b"THSH": INDEX.size,
    b"KHSH": INDEX.size,
    b"STRS": 1,
}
"""Sections of version 1.0 in the order in which they are written, and the bytes of a record."""


def block_hash(name: bytes, group: int, mask: int) -> int:
    """Return the hash under which the block of creator `name` in `group` is filed in BHSH."""
    return crc32(b"%b\0%b%b" % (name, group.to_bytes(2, "little"), mask.to_bytes(2, "little")))


def tag_hash(tag: int) -> int:
    """Return the hash under which a public tag is filed in THSH."""
    return crc32(tag.to_bytes(4, "little"))


def keyword_hash(keyword: bytes) -> int:
    """Return the hash under which a keyword is filed in KHSH."""
    return crc32(keyword)


def table_size(count: int) -> int:
    """Return the number of slots of a hash table for `count` records: at least half stay free."""
    return 1 << max(1, (2 * count - 1).bit_length())
