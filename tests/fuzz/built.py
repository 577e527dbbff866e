"""Streams built from any bytes: most are well formed as far as lengths go, and say odd things.

Bytes changed at random break a length somewhere, and the engine gives up there. What is built here
gets past that: every byte chooses the next element, its form and its value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from atlas_node.encoding.byte_order import swapped
from tests.streams import ITEM_END, SEQUENCE_END, UNDEFINED

CREATORS: Final = (
    b"ATLAS TEST", b"ATLAS TEST", b"SIEMENS MR HEADER ", b"GEMS_PARM_01", b"Philips Imaging DD 001",
    b"Philips MR Imaging DD 001 ", b"UNKNOWN CREATOR ", b"", b"\0\0",
)  # fmt: skip
GROUPS: Final = (0x0019, 0x0019, 0x0019, 0x0021, 0x0029, 0x0043, 0x2005)
OFFSETS: Final = (1, 2, 3, 4, 5, 5, 6, 7, 8, 0x0E, 0x10, 0x11, 0x83, 0x99)
STANDARD: Final = (
    (0x00080005, "CS"), (0x00080008, "CS"), (0x00080070, "LO"), (0x00181020, "LO"),
    (0x00280103, "US"), (0x00280106, "US"), (0x00283002, "US"), (0xFFFAFFFA, "SQ"),
    (0x00080301, "US"), (0x00080302, "LO"), (0x00080308, "US"), (0x00080309, "UL"),
    (0x0008030A, "CS"), (0x0008030C, "UC"), (0x7FE00010, "OW"), (0x00104000, "LT"),
)  # fmt: skip
UNKNOWN_SEQUENCE: Final = 0x00191005
SEQUENCES: Final = (0x00080300, 0x00080310, 0x00081140, 0x0018A001, 0x52009230, 0x0040A730)
VALUES: Final = (
    b"", b"1 ", b"  ", b"1.5\\2 ", b"  \\  ", b"\0\0", b"\1\0", b"\0\1\2\3", b"text", b"\xe4\xf6",
    b"ISO_IR 100", b"ISO 2022 IR 6\\ISO 2022 IR 87 ", b"\x1b$B\x30\x42", b"20200101", b"1.2.3\0",
    b"\0\0\xc0\x7f", b"\0\0\x80\x7f\0\0\x80\xff", b"MR", b"US", b"SQ", b"ATLAS TEST", b"\x19\0",
)  # fmt: skip
FITTING: Final = {1: b"\1\0", 2: b"1.5\\2 ", 3: b"\xe4\xf6", 6: bytes(24), 8: b"text"}
"""Values that fit their elements in the dictionary of the unit tests."""

VRS: Final = ("US", "LO", "DS", "IS", "OB", "SH", "FL", "FD", "UT", "LT", "CS", "ZZ", "AT", "UI")
_LONG: Final = {"OB", "OW", "SQ", "UN", "UT", "UC", "ZZ"}
_LONGEST: Final = 1 << 15


class Builder:
    """Takes choices from `data` until they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._used = 0
        self._size = 0

    def choose(self, number: int) -> int:
        return self._byte() % number

    def _byte(self) -> int:
        self._used += 1
        return self._data[self._used - 1] if self._used <= len(self._data) else 0

    def data_set(self, implicit: bool, order: str, depth: int = 0, most: int = 64) -> bytes:
        """Return elements in one form; in implicit VR always little endian."""
        parts: list[bytes] = []
        makers: tuple[Callable[[bool, str, int], bytes], ...] = (
            self._private, self._private, self._private, self._private, self._standard,
            self._standard, self._creator, self._sequence, self._sequence, self._unknown_sequence,
            self._unknown_sequence, self._unknown_sequence, self._group_length, self._end,
        )  # fmt: skip
        if self.choose(4):
            for group in set(GROUPS[: self.choose(5)]):
                tag = group << 16 | 0x10
                parts.append(self._element(implicit, order, tag, "LO", CREATORS[0]))
        while len(parts) < most and self._used < len(self._data):
            made = makers[self.choose(len(makers))](implicit, order, depth)
            if not made:
                break
            times = (1, 1, 1, 1, 1, 2, 16, 128)[self.choose(8)]
            if self._size + len(made) * times > _LONGEST:
                break
            self._size += len(made) * (times - 1)
            parts.append(made * times)
        return b"".join(parts)

    def _element(
        self, implicit: bool, order: str, tag: int, vr: str, value: bytes, length: int | None = None
    ) -> bytes:
        length = len(value) if length is None else length
        start = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
        if implicit:
            start += struct.pack("<I", length)
        elif vr in _LONG:
            start += vr.encode() + struct.pack(f"{order}HI", 0, length)
        else:
            start += vr.encode() + struct.pack(f"{order}H", length & 0xFFFF)
        self._size += len(start) + len(value)
        return start + value

    def _end(self, implicit: bool, order: str, depth: int) -> bytes:
        if self.choose(3) == 2:
            return bytes(self._byte() for _ in range(self.choose(12)))
        return b""

    def _private_tag(self) -> int:
        return GROUPS[self.choose(len(GROUPS))] << 16

    def _offset(self) -> int:
        return (0x1000, 0x1000, 0x1100, 0x1300)[self.choose(4)] + OFFSETS[self.choose(len(OFFSETS))]

    def _creator(self, implicit: bool, order: str, depth: int) -> bytes:
        tag = self._private_tag() | (0x10, 0x10, 0x11, 0x13)[self.choose(4)]
        creator = CREATORS[self.choose(len(CREATORS))]
        return self._element(implicit, order, tag, ("LO", "UN", "SH")[self.choose(3)], creator)

    def _private(self, implicit: bool, order: str, depth: int) -> bytes:
        offset = self._offset()
        tag = self._private_tag() | offset
        if self.choose(2):
            return self._element(implicit, order, tag, "UN", FITTING.get(offset & 0xFF, b""))
        vr = VRS[self.choose(len(VRS))] if self.choose(4) == 3 else "UN"
        return self._element(implicit, order, tag, vr, self._value())

    def _value(self) -> bytes:
        value = VALUES[self.choose(len(VALUES))] * (1, 1, 1, 2, 3, 40)[self.choose(6)]
        return value + bytes(self._byte() for _ in range(self.choose(4) * 2))

    def _standard(self, implicit: bool, order: str, depth: int) -> bytes:
        tag, vr = STANDARD[self.choose(len(STANDARD))]
        value = self._value()
        if order == ">":
            value = bytes(swapped(vr, value))
        return self._element(implicit, order, tag, vr, b"" if vr == "SQ" else value)

    def _group_length(self, implicit: bool, order: str, depth: int) -> bytes:
        content = self.data_set(implicit, order, depth, 3) if depth < 8 else b""
        group = content[:2] if len(content) > 1 else b"\x08\0"
        length = len(content) + (self.choose(4) == 3)
        tag = struct.unpack(f"{order}H", group)[0] << 16
        value = struct.pack(f"{order}I", length)
        return self._element(implicit, order, tag, "UL", value) + content

    def _sequence(self, implicit: bool, order: str, depth: int) -> bytes:
        tag = SEQUENCES[self.choose(len(SEQUENCES))]
        if self.choose(3) == 2:
            tag = self._private_tag() | self._offset()
        return self._items(implicit, order, depth, tag, "SQ")

    def _unknown_sequence(self, implicit: bool, order: str, depth: int) -> bytes:
        tag = UNKNOWN_SEQUENCE
        if self.choose(3) == 2:
            tag = self._private_tag() | self._offset()
        elif self.choose(8) == 7:
            tag = SEQUENCES[self.choose(len(SEQUENCES))]
        inside_implicit = self.choose(4) != 3
        return self._items(implicit, order, depth, tag, "UN", inside_implicit)

    def _items(
        self, implicit: bool, order: str, depth: int, tag: int, vr: str, inside: bool | None = None
    ) -> bytes:
        # What stands in `UN` is little endian, mostly in implicit VR.
        form = implicit if inside is None else inside
        inner = order if inside is None else "<"
        delimiters = [ITEM_END, SEQUENCE_END]
        if inner == ">":
            delimiters = [bytes(swapped("US", d[:4])) + d[4:] for d in delimiters]
        parts = []
        for _ in range(self.choose(4)):
            content = self.data_set(form, inner, depth + 1, 8) if depth < 80 else b""
            open_ended = self.choose(2)
            length = UNDEFINED if open_ended else len(content)
            parts.append(struct.pack(f"{inner}HHI", 0xFFFE, 0xE000, length) + content)
            parts.append(delimiters[0] if open_ended else b"")
            self._size += 16
        if depth < 80 and self.choose(8) == 7:
            # Straight down.
            parts.append(self._items(form, inner, depth + 1, tag, vr, inside))
            content = parts.pop()
            parts.append(struct.pack(f"{inner}HHI", 0xFFFE, 0xE000, len(content)) + content)
        if self.choose(2):
            return self._element(
                implicit, order, tag, vr, b"".join(parts) + delimiters[1], UNDEFINED
            )
        return self._element(implicit, order, tag, vr, b"".join(parts))
