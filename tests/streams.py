"""Encoded data sets written by hand: the shortest way to say what stands on the wire.

Every function returns bytes in explicit VR little endian unless its name says implicit.
"""

from __future__ import annotations

import struct

UNDEFINED = 0xFFFFFFFF
_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}

ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def element(tag: int, vr: str, value: bytes = b"", length: int | None = None) -> bytes:
    """One element; `length` overrides what the header says of the value."""
    length = len(value) if length is None else length
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in _LONG:
        return start + struct.pack("<HI", 0, length) + value
    return start + struct.pack("<H", length) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None) -> bytes:
    """One element in implicit VR."""
    length = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value


def item(*elements: bytes) -> bytes:
    """One item of defined length."""
    content = b"".join(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def open_item(*elements: bytes) -> bytes:
    """One item of undefined length."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED) + b"".join(elements) + ITEM_END


def sequence(tag: int, *items: bytes, vr: str = "SQ") -> bytes:
    """A sequence of defined length."""
    return element(tag, vr, b"".join(items))


def open_sequence(tag: int, *items: bytes, vr: str = "SQ") -> bytes:
    """A sequence of undefined length."""
    return element(tag, vr, b"".join(items) + SEQUENCE_END, UNDEFINED)


def text(value: str) -> bytes:
    """ASCII text, padded to even length."""
    return value.encode("ascii") + b" " * (len(value) % 2)
