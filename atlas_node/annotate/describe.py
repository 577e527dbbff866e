"""The policy `describe`: say in the object itself what its private elements are.

The engine calls `describe` after a walk that decoded something. It adds the definitions of the
decoded elements to the Private Data Element Characteristics Sequence and an item to the
Contributing Equipment Sequence (PS3.3 C.12.1), in tag order, the same bytes every time. What is
there already stays; an object in which nothing was decoded stays as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from atlas_node import __version__
from atlas_node.annotate.verify import multiplicity
from atlas_node.annotate.walk import CONTRIBUTIONS, DEFINITIONS, Edit, Place, Walk
from atlas_node.encoding.header import LENGTH, explicit_header, item_header
from atlas_node.encoding.vr import MAX_LENGTH
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementStatus

_DELIMITATION_SIZE: Final = 8
_MAX_NAME: Final = 256


def describe(walk: Walk) -> list[Edit]:
    """Return the edits of `walk` with those that describe what it decoded.

    Raises
    ------
    MalformedStreamError
        When a sequence that is there already would become too long for its length.
    """
    definitions = b"".join(_definitions(walk))
    if not definitions:
        return walk.edits
    edits = _Edits(walk)
    edits.add_items(DEFINITIONS, definitions)
    edits.add_items(CONTRIBUTIONS, _contribution())
    return edits.in_order()


class _Edits:
    """The edits of a walk by the place where they begin, so that lengths can still grow."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._edits = {edit.start: edit for edit in walk.edits}
        self._inserted: dict[int, list[bytes]] = {}

    def add_items(self, tag: int, items: bytes) -> None:
        """Add items to the end of a sequence of the object itself, or add the sequence."""
        place = self._walk.places.get(tag, Place(None, len(self._walk.view)))
        group = tag >> 16
        if place.header is None:
            items = _element(tag, "SQ", items)
            position = place.stop
        elif place.header.undefined:
            position = place.stop - _DELIMITATION_SIZE
        else:
            position = place.stop
            self._grow(place.header.position + 8, len(items))
        self._inserted.setdefault(position, []).append(items)
        if group in self._walk.group_lengths:
            self._grow(self._walk.group_lengths[group], len(items))

    def _grow(self, start: int, growth: int) -> None:
        edit = self._edits.get(start)
        if edit is not None:
            length = LENGTH.unpack(edit.replacement)[0]
        else:
            length = LENGTH.unpack_from(self._walk.view, start)[0]
        if length + growth > MAX_LENGTH:
            raise MalformedStreamError(
                f"a length of {length + growth} bytes cannot be written", start
            )
        self._edits[start] = Edit(start, start + 4, LENGTH.pack(length + growth))

    def in_order(self) -> list[Edit]:
        inserted = [
            Edit(position, position, b"".join(items)) for position, items in self._inserted.items()
        ]
        # What is inserted stands before what is changed at the same place.
        return sorted([*inserted, *self._edits.values()], key=lambda edit: (edit.start, edit.stop))


def _definitions(walk: Walk) -> Iterator[bytes]:
    """Yield an item for each block of which an element was decoded, in the order of tags."""
    blocks: dict[tuple[int, str], dict[int, bytes]] = {}
    for finding in walk.findings:
        block, definition, _ = finding.meaning
        if finding.choice.status is not ElementStatus.DECODED or block is None or not definition:
            continue
        offset = finding.header.element & 0xFF
        elements = blocks.setdefault((finding.header.group, block.creator), {})
        if offset not in elements:
            entry = definition.entry
            elements[offset] = _definition(
                offset, finding.choice.vr, entry.vm, entry.name, entry.keyword
            )
    for (group, creator), elements in sorted(blocks.items()):
        content = b"".join(elements[offset] for offset in sorted(elements))
        yield _item(
            _element(0x00080301, "US", struct.pack("<H", group)),
            _element(0x00080302, "LO", _text(creator, 64)),
            # Nobody has checked the block for identifying information: the cautious value.
            _element(0x00080303, "CS", b"UNSAFE"),
            _element(0x00080310, "SQ", content),
        )


def _definition(offset: int, vr: str, vm: str, name: str, keyword: str) -> bytes:
    """Return the definition of one element (PS3.3 C.12.1.1.7): 1-n is written 1, 0."""
    read = multiplicity(vm)
    if read is None or vr == "SQ":
        numbers = [1] if vr == "SQ" else [1, 0]
    elif read.high == read.low:
        numbers = [read.low]
    else:
        numbers = [read.low, read.high or 0]
        if read.step != 1:
            numbers.append(read.step)
    elements = [
        _element(0x00080308, "US", struct.pack("<H", offset)),
        _element(0x00080309, "UL", struct.pack(f"<{len(numbers)}I", *numbers)),
        _element(0x0008030A, "CS", vr.encode("ascii")),
    ]
    if vr == "SQ":
        elements.append(_element(0x0008030B, "UL", struct.pack("<2I", 0, 0)))
    elements.append(_element(0x0008030C, "UC", _text(name, _MAX_NAME)))
    if keyword:
        elements.append(_element(0x0008030D, "UC", _text(keyword, _MAX_NAME)))
    return _item(*elements)


def _contribution() -> bytes:
    """Return our item of the Contributing Equipment Sequence; no time, so that it is the same."""
    purpose = _item(
        _element(0x00080100, "SH", b"109103"),
        _element(0x00080102, "SH", _text("DCM", 16)),
        _element(0x00080104, "LO", _text("Modifying Equipment", 64)),
    )
    return _item(
        _element(0x00080070, "LO", _text("Atlas Node", 64)),
        _element(0x00081090, "LO", _text("Atlas Node", 64)),
        _element(0x00181020, "LO", _text(__version__, 64)),
        _element(0x0018A003, "ST", _text("Private data elements decoded from UN", 1024)),
        _element(0x0040A170, "SQ", purpose),
    )


def _element(tag: int, vr: str, value: bytes) -> bytes:
    return explicit_header(tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _item(*elements: bytes) -> bytes:
    content = b"".join(elements)
    return item_header(len(content)) + content


def _text(text: str, longest: int) -> bytes:
    """Return text in the default repertoire, which every object can hold, on even length."""
    printable = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    value = printable[:longest].encode("ascii")
    return value + b" " * (len(value) % 2)
