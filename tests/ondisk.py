"""What really stands in an encoded file: every element with the VR on the disk and its bytes.

The tests' own reader, made apart from the engine so that the two do not share a mistake. It knows
no dictionary, reads little endian in explicit and implicit VR, and looks into sequences, those in
`UN` among them. Paths are tuples of tags and item numbers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

ElementPath = tuple[int, ...]


@dataclass(frozen=True)
class OnDisk:
    """One element: its VR (empty in implicit VR), where it begins, and its value's bytes."""

    vr: str
    header: int
    value: bytes
    creator: str = ""


class NotReadableError(Exception):
    """The bytes are not what this reader understands."""


def read(path: Path) -> tuple[str, dict[ElementPath, OnDisk]]:
    """Return the transfer syntax and the elements of a file."""
    data = path.read_bytes()
    if data[128:132] != b"DICM":
        raise NotReadableError("no DICM")
    position, syntax = 132, ""
    while data[position : position + 2] == b"\x02\x00":
        tag, _, length, start = _header(data, position, False)
        if tag == 0x00020010:
            syntax = data[start : start + length].rstrip(b"\0 ").decode()
        position = start + length
    if syntax == "1.2.840.10008.1.2.1.99":
        data, position = zlib.decompress(data[position:], -15), 0
    if syntax == "1.2.840.10008.1.2.2":
        raise NotReadableError("big endian")
    found: dict[ElementPath, OnDisk] = {}
    _data_set(data, position, len(data), syntax == "1.2.840.10008.1.2", (), found, None)
    return syntax, found


def _header(data: bytes, position: int, implicit: bool) -> tuple[int, str, int, int]:
    group, element = struct.unpack_from("<HH", data, position)
    tag = group << 16 | element
    if implicit or group == 0xFFFE:
        return tag, "", struct.unpack_from("<I", data, position + 4)[0], position + 8
    vr = data[position + 4 : position + 6]
    if not (vr.isalpha() and vr.isupper()):
        raise NotReadableError(f"no VR at {position}")
    if vr in _LONG:
        return tag, vr.decode(), struct.unpack_from("<I", data, position + 8)[0], position + 12
    return tag, vr.decode(), struct.unpack_from("<H", data, position + 6)[0], position + 8


def _data_set(
    data: bytes, position: int, end: int, implicit: bool, path: ElementPath,
    found: dict[ElementPath, OnDisk], outer: dict[int, str] | None,
) -> int:  # fmt: skip
    creators: dict[int, str] = dict(outer or {})
    while position < end:
        tag, vr, length, start = _header(data, position, implicit)
        if tag == _ITEM_END:
            return start
        here = (*path, tag)
        group, element = tag >> 16, tag & 0xFFFF
        creator = creators.get(group << 8 | element >> 8, "") if group & 1 else ""
        header = position
        if length == _UNDEFINED and (tag == 0x7FE00010 or vr in ("OB", "OW")):
            position = next(_fragments(data, start))
            found[here] = OnDisk(vr, header, data[start:position], creator)
            continue
        if length == _UNDEFINED:
            inside: dict[ElementPath, OnDisk] = {}
            position = _items(
                data, start, end, implicit or vr == "UN", here, inside, creators, True
            )
            found[here] = OnDisk(vr, header, data[start:position], creator)
            found.update(inside)
            continue
        position = start + length
        if position > end:
            raise NotReadableError(f"({group:04x},{element:04x}) passes the end")
        value = data[start:position]
        found[here] = OnDisk(vr, header, value, creator)
        if group & 1 and 0x10 <= element <= 0xFF:
            creators[group << 8 | element] = value.decode("latin-1").strip("\0 ")
        if vr == "SQ":
            _items(data, start, position, implicit, here, found, creators, False)
        elif vr in ("UN", "") and value[:4] == b"\xfe\xff\x00\xe0":
            for as_implicit in (True, False):
                inside = {}
                try:
                    _items(data, start, position, as_implicit, here, inside, creators, False)
                except (NotReadableError, struct.error, ValueError):
                    continue
                found.update(inside)
                break
    return position


def _fragments(data: bytes, position: int) -> Iterator[int]:
    while True:
        tag, _, length, position = _header(data, position, True)
        if tag == _SEQUENCE_END:
            yield position
            return
        position += length


def _items(
    data: bytes, position: int, end: int, implicit: bool, path: ElementPath,
    found: dict[ElementPath, OnDisk], creators: dict[int, str], delimited: bool,
) -> int:  # fmt: skip
    number = 0
    while position < end:
        tag, _, length, start = _header(data, position, True)
        if tag == _SEQUENCE_END and delimited:
            return start
        if tag != _ITEM:
            raise NotReadableError(f"no item at {position}")
        stop = end if length == _UNDEFINED else start + length
        if stop > end:
            raise NotReadableError(f"item at {position} passes the end")
        position = _data_set(data, start, stop, implicit, (*path, number), found, creators)
        number += 1
    return position
