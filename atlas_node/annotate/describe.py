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

from atlas_dictionary import Entry
from atlas_node import __version__
from atlas_node.annotate.verify import multiplicity
from atlas_node.annotate.walk import CONTRIBUTIONS, DEFINITIONS, Found, Place, Walk
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.header import LITTLE_ENDIAN, ByteOrder, explicit_header, item_header
from atlas_node.encoding.pieces import Edit
from atlas_node.encoding.vr import MAX_LENGTH
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementStatus

_DELIMITATION_SIZE: Final = 8
_LENGTH_SIZE: Final = 4
_MAX_NAME: Final = 256
_FORMAT: Final = {"US": "H", "UL": "I"}


def describe(walk: Walk, edits: list[Edit], size: int) -> list[Edit]:
    """Return the edits of a data set with those that describe what was decoded in it.

    Parameters
    ----------
    walk : Walk
        Says what was decoded, and where in the data set descriptions belong.
    edits : list of Edit
        Those there are already.
    size : int
        Bytes of the data set.

    Raises
    ------
    MalformedStreamError
        When a sequence that is there already would become too long for its length.
    """
    encoder = _Encoder(walk.order)
    definitions = b"".join(_definitions(walk.findings, encoder))
    if not definitions:
        return edits
    described = _Edits(walk, encoder, edits, size)
    described.add_items(DEFINITIONS, definitions)
    described.add_items(CONTRIBUTIONS, _contribution(encoder))
    return described.in_order()


class _Edits:
    """The edits of a data set, in which lengths can still grow."""

    def __init__(self, walk: Walk, encoder: _Encoder, edits: list[Edit], size: int) -> None:
        self._walk = walk
        self._encoder = encoder
        self._size = size
        self._edits = list(edits)
        self._lengths = {
            start: number
            for number, (start, stop, _) in enumerate(edits)
            if stop - start == _LENGTH_SIZE
        }
        self._inserted: dict[int, list[bytes]] = {}

    def add_items(self, tag: int, items: bytes) -> None:
        """Add items to the end of a sequence of the object itself, or add the sequence."""
        place = self._walk.places.get(tag, Place(None, self._size))
        if place.header is None:
            items = self._encoder.element(tag, "SQ", items)
            position = place.stop
        elif place.header.undefined:
            position = place.stop - _DELIMITATION_SIZE
        else:
            position = place.stop
            self._grow(place.header.position + 8, place.header.length, len(items))
        self._inserted.setdefault(position, []).append(items)
        if tag >> 16 in self._walk.group_lengths:
            start, length = self._walk.group_lengths[tag >> 16]
            if 0 <= position - start - _LENGTH_SIZE <= length:
                self._grow(start, length, len(items))

    def _grow(self, start: int, length: int, growth: int) -> None:
        """Let the length field at `start`, which said `length`, say more than it does by now."""
        fields = self._walk.order.length
        number = self._lengths.setdefault(start, len(self._edits))
        if number < len(self._edits):
            length = fields.unpack(self._edits[number][2])[0]
        length += growth
        if length > MAX_LENGTH:
            raise MalformedStreamError(f"a length of {length} bytes cannot be written", start)
        self._edits[number : number + 1] = [(start, start + _LENGTH_SIZE, fields.pack(length))]

    def in_order(self) -> list[Edit]:
        inserted = [
            (position, position, b"".join(items)) for position, items in self._inserted.items()
        ]
        # What is inserted stands before what is changed at the same place.
        return sorted([*inserted, *self._edits], key=lambda edit: edit[:2])


class _Encoder:
    """Elements and items in the byte order of the object."""

    def __init__(self, order: ByteOrder) -> None:
        self._order = order

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """Return one element; `value` is little endian."""
        written = value if self._order is LITTLE_ENDIAN else bytes(swapped(vr, value))
        return explicit_header(tag >> 16, tag & 0xFFFF, vr, len(value), self._order) + written

    def text(self, tag: int, vr: str, text: str, longest: int) -> bytes:
        """Return an element of text in the default repertoire, which every object can hold."""
        printable = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
        value = printable[:longest].encode("ascii")
        return self.element(tag, vr, value + b" " * (len(value) % 2))

    def numbers(self, tag: int, vr: str, *numbers: int) -> bytes:
        """Return an element of US or UL."""
        return self.element(tag, vr, struct.pack(f"<{len(numbers)}{_FORMAT[vr]}", *numbers))

    def item(self, *elements: bytes) -> bytes:
        """Return a sequence item of defined length."""
        content = b"".join(elements)
        return item_header(len(content), self._order) + content


def _definitions(findings: list[Found], encoder: _Encoder) -> Iterator[bytes]:
    """Yield an item for each block of which an element was decoded, in the order of tags."""
    blocks: dict[tuple[int, str], dict[int, tuple[str, Entry]]] = {}
    for _, outcome, _, _ in findings:
        definition = outcome.definition
        if outcome.status == ElementStatus.DECODED and outcome.creator and definition:
            elements = blocks.setdefault((outcome.group, outcome.creator), {})
            elements.setdefault(outcome.element & 0xFF, (outcome.vr, definition.entry))
    for (group, creator), elements in sorted(blocks.items()):
        content = b"".join(
            _definition(encoder, group, offset, *elements[offset]) for offset in sorted(elements)
        )
        yield encoder.item(
            encoder.numbers(0x00080301, "US", group),
            encoder.text(0x00080302, "LO", creator, 64),
            # Nobody has checked the block for identifying information: the cautious value.
            encoder.text(0x00080303, "CS", "UNSAFE", 16),
            encoder.element(0x00080310, "SQ", content),
        )


def _definition(encoder: _Encoder, group: int, offset: int, vr: str, entry: Entry) -> bytes:
    """Return the definition of one element (PS3.3 C.12.1.1.7); a VM of 1-n is written 1, 0."""
    vm = multiplicity(entry.vm)
    if vr == "SQ":
        numbers = [1]
    elif vm is None:
        numbers = [1, 0]
    elif vm.high == vm.low:
        numbers = [vm.low]
    else:
        numbers = [vm.low, vm.high or 0] + [vm.step] * (vm.step != 1)
    elements = [
        encoder.numbers(0x00080308, "US", offset),
        encoder.numbers(0x00080309, "UL", *numbers),
        encoder.text(0x0008030A, "CS", vr, 16),
    ]
    if vr == "SQ":
        elements.append(encoder.numbers(0x0008030B, "UL", 0, 0))
    # Name and keyword are of type 1, and the keyword is the element's alone.
    name = entry.name or f"Unnamed ({group:04x},xx{offset:02x})"
    keyword = entry.keyword or f"Unnamed{group:04X}xx{offset:02X}"
    elements.append(encoder.text(0x0008030C, "UC", name, _MAX_NAME))
    elements.append(encoder.text(0x0008030D, "UC", keyword, _MAX_NAME))
    return encoder.item(*elements)


def _contribution(encoder: _Encoder) -> bytes:
    """Return our item of the Contributing Equipment Sequence; no time, so that it is the same."""
    purpose = encoder.item(
        encoder.text(0x00080100, "SH", "109103", 16),
        encoder.text(0x00080102, "SH", "DCM", 16),
        encoder.text(0x00080104, "LO", "Modifying Equipment", 64),
    )
    return encoder.item(
        encoder.text(0x00080070, "LO", "Atlas Node", 64),
        encoder.text(0x00081090, "LO", "Atlas Node", 64),
        encoder.text(0x00181020, "LO", __version__, 64),
        encoder.text(0x0018A003, "ST", "Private data elements decoded from UN", 1024),
        encoder.element(0x0040A170, "SQ", purpose),
    )
