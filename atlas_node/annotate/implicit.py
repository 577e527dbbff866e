"""Read implicit VR little endian and write the same data set in explicit VR.

`UN` holds implicit VR whatever the stream around it does (PS3.5 6.2.2 note 2), so the items of a
`UN` sequence that becomes SQ are re-encoded here; for an object that is in implicit VR as a whole
the walk serves the log alone. Standard elements get the VR of the standard, private ones what the
dictionary and their bytes agree on, and all others `UN`.
"""

from __future__ import annotations

from typing import NamedTuple

from atlas_node.annotate.choice import choose, undefined_length_misfit
from atlas_node.annotate.scope import Scope
from atlas_node.annotate.verify import misfit
from atlas_node.annotate.walk import (
    NOTABLE,
    Header,
    Walk,
    check_depth,
    item_length,
    no_end,
    value_end,
)
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.header import (
    ITEM_DELIMITATION_TAG,
    ITEM_TAG,
    LITTLE_ENDIAN,
    SEQUENCE_DELIMITATION_TAG,
    ByteOrder,
    explicit_header,
    item_header,
)
from atlas_node.encoding.pieces import LONG, Piece, Pieces, Place, splice
from atlas_node.encoding.vr import (
    LONG_FORM,
    MAX_LENGTH,
    MAX_SHORT_LENGTH,
    SHORT_FORM,
    STREAM_UNIT,
    UNDEFINED_LENGTH,
    UNIT,
)
from atlas_node.errors import MalformedStreamError


class Reencoded(NamedTuple):
    """A part of a data set in explicit VR: its pieces, their size, and where the original ended."""

    pieces: list[Piece]
    size: int
    stop: int


def explicit_inside(view: memoryview, start: int, end: int) -> bool:
    """Whether the items of a `UN` sequence are in explicit VR, which some writers leave there.

    The first item that is not empty tells, by a VR behind its first tag. Implicit VR would read
    there a length of 16 kB and more; only where that leads to another element, or to the end of the
    item, is it one.
    """
    position = start
    while end - position >= 16:
        group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
        if (group, element) != ITEM_TAG:
            return False
        position += 8
        if length:
            vr = view[position + 4 : position + 6].tobytes()
            if vr not in SHORT_FORM and vr not in LONG_FORM:
                return False
            if length != UNDEFINED_LENGTH:
                end = min(end, position + length)
            return not _implicit_first(view, position, end)
    return False


def _implicit_first(view: memoryview, position: int, end: int) -> bool:
    """Whether an item up to `end` begins with an element of implicit VR at `position`."""
    group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
    after: int = position + 8 + length
    if end - after < 8:
        return after == end
    next_group, next_element, length = LITTLE_ENDIAN.item.unpack_from(view, after)
    if (next_group, next_element) == ITEM_DELIMITATION_TAG:
        return True
    fits: bool = length == UNDEFINED_LENGTH or after + 8 + length <= end
    return fits and (next_group, next_element) > (group, element)


def reencode_data_set(
    walk: Walk, scope: Scope, position: int, end: int, *, delimited: bool
) -> Reencoded:
    """Re-encode one data set from `position` to its item delimitation, or to `end`.

    Raises
    ------
    MalformedStreamError
        When the bytes are no implicit VR little endian data set.
    """
    check_depth(scope, position)
    view = walk.view
    out = _Output(walk.order)
    while position < end:
        if end - position < 8:
            raise MalformedStreamError(f"{end - position} bytes are no data element", position)
        group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
        header = Header(position, position + 8, group, element, b"UN", length)
        if group == 0xFFFE:
            if delimited and element == ITEM_DELIMITATION_TAG[1]:
                return out.finish(position, header.start)
            raise MalformedStreamError(f"expected a data element, found {header}", position)
        if group != out.group:
            out.begin_group(group, position)
        if element == 0 and length == 4:
            position = value_end(header, end)
            value = LITTLE_ENDIAN.length.unpack_from(view, header.start)[0]
            out.group_length(header, value, position)
        elif group & 1 and element:
            position = _private(walk, scope, out, header, end)
        else:
            position = _standard(walk, scope, out, header, end)
    if delimited:
        raise MalformedStreamError("an item of undefined length has no delimitation", end)
    return out.finish(position, position)


def reencode_items(walk: Walk, scope: Scope, sequence: Header, end: int) -> Reencoded:
    """Re-encode the items of a sequence, its delimitation included.

    Raises
    ------
    MalformedStreamError
        When the bytes are no sequence of implicit VR little endian items.
    """
    end = end if sequence.undefined else value_end(sequence, end)
    out, position, number = _Output(walk.order), sequence.start, 0
    while position < end:
        length = item_length(walk.view, LITTLE_ENDIAN, sequence, position, end)
        start = position + 8
        if length is None:
            out.delimitation(SEQUENCE_DELIMITATION_TAG)
            return out.finish(position, start)
        scope_of_item = Scope(scope, sequence.group, sequence.element, number)
        number += 1
        if length == UNDEFINED_LENGTH:
            item = reencode_data_set(walk, scope_of_item, start, end, delimited=True)
            out.add(item_header(UNDEFINED_LENGTH, walk.order))
            out.extend(item)
            out.delimitation(ITEM_DELIMITATION_TAG)
        else:
            item = reencode_data_set(walk, scope_of_item, start, start + length, delimited=False)
            out.add(item_header(_writable(item.size, position), walk.order))
            out.extend(item)
        position = item.stop
    if sequence.undefined:
        raise no_end(sequence, end)
    return out.finish(position, position)


def _private_items(walk: Walk, scope: Scope, sequence: Header, end: int) -> Reencoded:
    """Re-encode the items of a private sequence, which its writer may have left in explicit VR."""
    if not explicit_inside(walk.view, sequence.start, end):
        return reencode_items(walk, scope, sequence, end)
    index = len(walk.edits)
    stop = walk.explicit_items(walk, scope, sequence, end)
    pieces = splice(walk.view, walk.edits[index:], sequence.start, stop)
    walk.forget_edits(index)
    return Reencoded(pieces, sum(map(len, pieces)), stop)


class _Output:
    """The explicit VR data set being written, with its group lengths (PS3.5 7.2) kept true."""

    __slots__ = ("_begin", "_order", "_pieces", "_place", "_size_before", "_value", "add", "group")

    def __init__(self, order: ByteOrder) -> None:
        self._order = order
        self._pieces = Pieces()
        self._place: Place | None = None
        self.add = self._pieces.add
        self.group = -1

    def extend(self, part: Reencoded) -> None:
        self._pieces.extend(part.pieces)

    def header(self, header: Header, vr: str, length: int) -> None:
        self.add(explicit_header(header.group, header.element, vr, length, self._order))

    def delimitation(self, tag: tuple[int, int]) -> None:
        self.add(self._order.item.pack(*tag, 0))

    def value(self, header: Header, vr: str, value: Piece) -> None:
        if self._order is not LITTLE_ENDIAN:
            value = swapped(vr, value)
        self._element(header, vr, len(value), value)

    def sequence(self, header: Header, content: Reencoded) -> None:
        size = UNDEFINED_LENGTH
        if not header.undefined:
            size = _writable(content.size, header.position)
        self.header(header, "SQ", size)
        self.extend(content)

    def unknown(self, header: Header, value: memoryview) -> None:
        """Write an element that stays `UN`; a sequence in it stays in implicit VR (CP-246)."""
        self._element(header, "UN", header.length, value)

    def _element(self, header: Header, vr: str, length: int, value: Piece) -> None:
        written = explicit_header(header.group, header.element, vr, length, self._order)
        if len(value) < LONG:
            self.add(written + value)
        else:
            self.add(written)
            self.add(value)

    def group_length(self, header: Header, value: int, begin: int) -> None:
        self.header(header, "UL", 4)
        self._place, self._value, self._begin = self._pieces.place(), value, begin
        self.add(self._order.length.pack(value))
        self._size_before = self._pieces.size

    def begin_group(self, group: int, position: int) -> None:
        if self._place is not None and self._value == position - self._begin:
            size = self._pieces.size - self._size_before
            self._pieces.overwrite(self._place, self._order.length.pack(size))
        self._place = None
        self.group = group

    def finish(self, position: int, stop: int) -> Reencoded:
        self.begin_group(-1, position)
        return Reencoded(self._pieces.finish(), self._pieces.size, stop)


def _writable(size: int, position: int) -> int:
    if size > MAX_LENGTH:
        raise MalformedStreamError(f"a length of {size} bytes cannot be written", position)
    return size


def _certain(vr: str, scope: Scope) -> str:
    """Return one VR for those that PS3.6 leaves open (PS3.5 A.1); ``UN`` where nothing says which.

    What may be OW is OW in implicit VR; ``US or SS`` follows the pixel representation.
    """
    if " or " not in vr:
        return vr
    if vr.endswith("OW"):
        return "OW"
    if scope.signed_pixels is None:
        return "UN"
    return "SS" if scope.signed_pixels else "US"


def _standard(walk: Walk, scope: Scope, out: _Output, header: Header, end: int) -> int:
    """Re-encode one standard element; return the offset behind it."""
    tag = header.group << 16 | header.element
    vr = "UL" if header.element == 0 else _certain(walk.blocks.standard_vr(tag), scope)
    if vr == "SQ":
        if tag in NOTABLE:
            walk.notable(scope, tag, header.start, header.start)
        mark = walk.mark()
        try:
            content = reencode_items(walk, scope, header, end)
        except MalformedStreamError:
            if header.undefined or header.start + header.length > end:
                raise
            # Its length leads past it all the same.
            walk.take_back(mark)
            vr = "UN"
        else:
            out.sequence(header, content)
            return content.stop
    if header.undefined:
        mark = walk.mark()
        stop = reencode_items(walk, scope, header, end).stop
        walk.take_back(mark)
        out.unknown(header, walk.view[header.start : stop])
        return stop
    stop = value_end(header, end)
    if tag in NOTABLE:
        walk.notable(scope, tag, header.start, stop)
    unit = UNIT.get(vr) or STREAM_UNIT.get(vr) or 1
    if header.length % unit or (vr.encode() in SHORT_FORM and header.length > MAX_SHORT_LENGTH):
        vr = "UN"
    out.value(header, vr, walk.view[header.start : stop])
    return stop


def _private(walk: Walk, scope: Scope, out: _Output, header: Header, end: int) -> int:
    """Re-encode one private element; return the offset behind it."""
    view = walk.view
    if 0x0010 <= header.element <= 0x00FF:
        stop = value_end(header, end)
        vr = "LO" if walk.creator(scope, header, stop) else "UN"
        out.value(header, vr, view[header.start : stop])
        return stop
    meaning = walk.meaning(scope, header)
    mark = walk.mark()
    content: Reencoded | None = None

    def misfit_of(vr: str) -> str:
        nonlocal content
        if vr != "SQ":
            vm = meaning.definition.vm if meaning.definition is not None else None
            return misfit(vr, view[header.start : stop], vm, scope.encodings)
        try:
            content = _private_items(walk, scope, header, stop)
        except MalformedStreamError as error:
            walk.take_back(mark)
            return f"the value is no sequence: {error}"
        return ""

    if header.undefined:
        content = _private_items(walk, scope, header, end)
        stop = content.stop
        choice = choose(meaning.definition, meaning.remark, walk.equipment, undefined_length_misfit)
    else:
        stop = value_end(header, end)
        choice = choose(meaning.definition, meaning.remark, walk.equipment, misfit_of)
    if choice.vr == "SQ" and content is not None:
        out.sequence(header, content)
    else:
        walk.take_back(mark)
        if choice.vr == "UN":
            out.unknown(header, view[header.start : stop])
        else:
            out.value(header, choice.vr, view[header.start : stop])
    walk.found(mark.findings, scope, header, stop, meaning, choice)
    return stop
