"""Read implicit VR little endian and write the same data set in explicit VR.

`UN` holds implicit VR whatever the stream around it does (PS3.5 6.2.2 note 2), so the items of a
`UN` sequence that becomes SQ are re-encoded here; for an object that is in implicit VR as a whole
the walk serves the log alone. Standard elements get the VR of the standard, private ones what the
dictionary and their bytes agree on, and all others `UN`.
"""

from __future__ import annotations

import struct
from typing import Final

from atlas_node.annotate.choice import settled
from atlas_node.annotate.glance import any_value
from atlas_node.annotate.known import CREATOR, WRITE, Known
from atlas_node.annotate.scope import Reserved, Scope
from atlas_node.annotate.walk import (
    CHECKED,
    DESCRIPTIONS,
    NOTABLE,
    Header,
    Meaning,
    Walk,
    check_depth,
    item_length,
    no_end,
    outcome_of,
    value_end,
)
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.header import (
    ITEM_DELIMITATION_TAG,
    LITTLE_ENDIAN,
    SEQUENCE_DELIMITATION_TAG,
    ByteOrder,
    explicit_header,
    item_header,
)
from atlas_node.encoding.implicit import explicit_inside
from atlas_node.encoding.pieces import LONG, Piece, Pieces, Place, splice
from atlas_node.encoding.vr import MAX_LENGTH, UNDEFINED_LENGTH
from atlas_node.errors import MalformedStreamError

_START: Final = struct.Struct("<4sI")
"""Tag and length."""

_TAG: Final = struct.Struct("<HH")
_SEQUENCE_HEADER: Final = 12
"""Bytes of the header of SQ (PS3.5 7.1.2)."""


def reencode_data_set(  # noqa: PLR0912, PLR0915 - one loop, as in `explicit`
    walk: Walk, scope: Scope, out: Output, position: int, end: int, delimited: bool = False
) -> int:
    """Re-encode one data set from `position` to `end`; return the offset behind it.

    With `delimited` it ends at an item delimitation, which is not written.

    Raises
    ------
    MalformedStreamError
        When the bytes are no implicit VR little endian data set.
    """
    check_depth(scope, position)
    view, findings, unpack = walk.view, walk.findings, _START.unpack_from
    # As in `explicit`: what is not known, or not sure, goes the long way, which comes to the same.
    quick = walk.order is LITTLE_ENDIAN
    waiting = walk.describing and scope.parent is None
    standard = walk.blocks.standard.implicit if quick and not waiting else {}
    known_of = scope.reserved.implicit if quick and not waiting else {}
    group_length: _GroupLength | None = None
    joined = out.joined
    last = end - 8
    walk.check_size(position)
    checkpoint = min(last, position + CHECKED)
    while position < end:
        if position > checkpoint:
            if position > last:
                raise MalformedStreamError(f"{end - position} bytes are no data element", position)
            walk.check_size(position)
            checkpoint = min(last, position + CHECKED)
        tag, length = unpack(view, position)
        start = position + 8
        if group_length is not None and group_length.ends_before(tag):
            group_length.close(out, position)
            group_length = None
        known = known_of.get(tag) or standard.get(tag)
        if known is not None:
            kind, headers, match, outcome = known
            stop = start + length
            if kind == WRITE:
                header = headers[length]
                if (
                    header is not None
                    and stop <= end
                    and (match is None or match(view, start, stop))
                ):
                    joined += tag
                    joined += header
                    if length < LONG:
                        joined += view[start:stop]
                    else:
                        out.add(view[start:stop])
                        joined = out.joined
                    if outcome is not None:
                        findings.append((scope, outcome, start, stop))
                    position = stop
                    continue
            elif kind == CREATOR:
                in_tree = scope.reserved.tree is walk.none_reserved.tree
                follower = scope.reserved.followers.get(view[position:stop].tobytes())
                if follower is not None and in_tree and stop <= end:
                    joined += tag
                    joined += headers[length]
                    joined += view[start:stop]
                    scope.reserved = follower
                    known_of = follower.implicit
                    position = stop
                    continue
        group, element = _TAG.unpack(tag)
        header = Header(position, start, group, element, b"UN", length)
        if group == 0xFFFE:
            if delimited and element == ITEM_DELIMITATION_TAG[1]:
                return start
            raise MalformedStreamError(f"expected a data element, found {header}", position)
        if waiting:
            walk.pass_by(group << 16 | element, out.size)
        if element == 0 and length == 4:
            position = value_end(header, end)
            group_length = _GroupLength(walk, scope, out, header)
        elif group & 1 and element:
            position = _private(walk, scope, out, header, end)
        else:
            position = _standard(walk, scope, out, header, end)
        joined = out.joined
        waiting = waiting and len(walk.places) < len(DESCRIPTIONS)
        if quick and not waiting:
            standard = walk.blocks.standard.implicit
            known_of = scope.reserved.implicit
    if delimited:
        raise MalformedStreamError("an item of undefined length has no delimitation", end)
    if group_length is not None:
        group_length.close(out, position)
    return position


def reencode_items(walk: Walk, scope: Scope, sequence: Header, out: Output, end: int) -> int:
    """Re-encode the items of a sequence, its delimitation included; return the offset behind it.

    Raises
    ------
    MalformedStreamError
        When the bytes are no sequence of implicit VR little endian items.
    """
    end = end if sequence.undefined else value_end(sequence, end)
    position, number = sequence.start, 0
    while position < end:
        length = item_length(walk.view, LITTLE_ENDIAN, sequence, position, end)
        start = position + 8
        if length is None:
            out.delimitation(SEQUENCE_DELIMITATION_TAG)
            return start
        item = Scope(walk.none_reserved, scope, sequence.group, sequence.element, number)
        number += 1
        if length == UNDEFINED_LENGTH:
            out.add(item_header(UNDEFINED_LENGTH, walk.order))
            position = reencode_data_set(walk, item, out, start, end, delimited=True)
            out.delimitation(ITEM_DELIMITATION_TAG)
        else:
            begin = out.begin_length(item_header(0, walk.order))
            stop = reencode_data_set(walk, item, out, start, start + length)
            out.end_length(begin, position)
            position = stop
    if sequence.undefined:
        raise no_end(sequence, end)
    return position


def reencode_sequence(walk: Walk, scope: Scope, sequence: Header, out: Output, end: int) -> int:
    """Re-encode a sequence whose items are in implicit VR, its header included; as above."""
    begin = out.begin_sequence(sequence)
    stop = reencode_items(walk, scope, sequence, out, end)
    out.end_sequence(begin, sequence)
    return stop


def _private_sequence(walk: Walk, scope: Scope, sequence: Header, out: Output, end: int) -> int:
    """Re-encode a private sequence, whose writer may have left its items in explicit VR."""
    if not explicit_inside(walk.view, sequence.start, end):
        return reencode_sequence(walk, scope, sequence, out, end)
    mark = walk.mark()
    stop = walk.explicit_items(walk, scope, sequence, end)
    pieces = splice(walk.view, walk.edits[mark.edits :], sequence.start, stop)
    walk.forget_edits(mark)
    begin = out.begin_sequence(sequence)
    out.extend(pieces)
    out.end_sequence(begin, sequence)
    return stop


Begin = tuple[Place, int]
"""Where a length stands that is not known yet, and how many bytes stand before what it counts."""


class Output(Pieces):
    """The explicit VR data set being written.

    Parameters
    ----------
    order : ByteOrder
        In which it is written.
    """

    __slots__ = ("_order",)

    def __init__(self, order: ByteOrder) -> None:
        super().__init__()
        self._order = order

    def header(self, header: Header, vr: str, length: int) -> None:
        """Write the header of an element."""
        self.add(explicit_header(header.group, header.element, vr, length, self._order))

    def delimitation(self, tag: tuple[int, int]) -> None:
        """Write the end of an item or a sequence."""
        self.add(self._order.item.pack(*tag, 0))

    def value(self, header: Header, vr: str, value: Piece) -> None:
        """Write an element of a VR that its value fits."""
        if self._order is not LITTLE_ENDIAN:
            value = swapped(vr, value)
        self.header(header, vr, len(value))
        self.add(value)

    def unknown(self, header: Header, value: memoryview) -> None:
        """Write an element that stays `UN`; a sequence in it stays in implicit VR (CP-246)."""
        self.header(header, "UN", header.length)
        self.add(value)

    def begin_sequence(self, sequence: Header) -> Begin:
        """Write the header of a sequence, of defined length if it was."""
        length = UNDEFINED_LENGTH if sequence.undefined else 0
        return self.begin_length(
            explicit_header(sequence.group, sequence.element, "SQ", length, self._order)
        )

    def end_sequence(self, begin: Begin, sequence: Header) -> None:
        """Fill in the length of a sequence, if it has one."""
        if not sequence.undefined:
            self.end_length(begin, sequence.position)

    def number(self, value: int) -> None:
        """Write a 32-bit number."""
        self.add(self._order.length.pack(value))

    def begin_length(self, header: bytes) -> Begin:
        """Write a header that ends in a 32-bit length, which `end_length` fills in."""
        self.add(header)
        index, joined = self.place()
        return (index, joined - 4), self.size

    def end_length(self, begin: Begin, position: int) -> None:
        """Fill in the length of what was written since `begin`, which was read at `position`.

        Raises
        ------
        MalformedStreamError
            When 32 bits have no room for it.
        """
        place, before = begin
        size = self.size - before
        if size > MAX_LENGTH:
            raise MalformedStreamError(f"a length of {size} bytes cannot be written", position)
        self.overwrite(place, self._order.length.pack(size))


class _GroupLength:
    """The group length element (PS3.5 7.2) of the group being written, kept true."""

    __slots__ = ("_begin", "_group", "_place", "_scope", "_stop", "_walk")

    def __init__(self, walk: Walk, scope: Scope, out: Output, header: Header) -> None:
        value = LITTLE_ENDIAN.length.unpack_from(walk.view, header.start)[0]
        out.header(header, "UL", 4)
        out.number(value)
        index, joined = out.place()
        self._place = index, joined - 4
        self._begin = out.size
        self._stop = header.start + 4 + value
        self._group = header.group
        self._scope = scope
        self._walk = walk

    def ends_before(self, tag: bytes) -> bool:
        """Whether an element `tag` is of another group."""
        return bool(LITTLE_ENDIAN.short_length.unpack_from(tag)[0] != self._group)

    def close(self, out: Output, position: int) -> None:
        """Make the group length true, whose group was read up to `position`."""
        if position != self._stop:
            return
        walk, value = self._walk, out.size - self._begin
        out.overwrite(self._place, walk.order.length.pack(value))
        if self._scope.parent is None:
            walk.group_lengths[self._group] = self._begin - 4, value


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


def _standard(walk: Walk, scope: Scope, out: Output, header: Header, end: int) -> int:
    """Re-encode one standard element; return the offset behind it."""
    tag = header.group << 16 | header.element
    standard_vr = "UL" if header.element == 0 else walk.blocks.standard_vr(tag)
    vr = _certain(standard_vr, scope)
    if vr == "SQ":
        if tag in NOTABLE:
            walk.notable(scope, tag, header.start, header.start)
        mark, place, begin = walk.mark(), out.place(), out.size
        try:
            stop = reencode_sequence(walk, scope, header, out, end)
        except MalformedStreamError:
            if header.undefined or header.start + header.length > end:
                raise
            # Its length leads past it all the same.
            walk.take_back(mark)
            out.cut(place)
            vr = "UN"
        else:
            if tag in DESCRIPTIONS and scope.parent is None:
                size = UNDEFINED_LENGTH if header.undefined else out.size - begin - _SEQUENCE_HEADER
                start = begin + _SEQUENCE_HEADER
                written = Header(begin, start, header.group, header.element, b"SQ", size)
                walk.place(written, out.size)
            return stop
    if header.undefined:
        mark = walk.mark()
        stop = reencode_items(walk, scope, header, Output(walk.order), end)
        walk.take_back(mark)
        out.unknown(header, walk.view[header.start : stop])
        return stop
    stop = value_end(header, end)
    if tag in NOTABLE:
        walk.notable(scope, tag, header.start, stop)
    elif vr == standard_vr and header.element:
        _remember(walk, walk.blocks.standard, header, Known(WRITE, any_value(vr)))
    if any_value(vr)[header.length] is None:
        vr = "UN"
    out.value(header, vr, walk.view[header.start : stop])
    return stop


def _remember(walk: Walk, reserved: Reserved, header: Header, known: Known) -> None:
    """Remember what is to be done with an element."""
    if walk.order is LITTLE_ENDIAN:
        tag = walk.view[header.position : header.position + 4].tobytes()
        walk.blocks.remember(reserved.implicit, tag, known)


def _private(walk: Walk, scope: Scope, out: Output, header: Header, end: int) -> int:
    """Re-encode one private element; return the offset behind it."""
    view = walk.view
    if 0x0010 <= header.element <= 0x00FF:
        stop = value_end(header, end)
        vr = "LO" if walk.creator(scope, header, stop) else "UN"
        _remember(walk, walk.blocks.standard, header, Known(CREATOR, any_value("LO")))
        out.value(header, vr, view[header.start : stop])
        return stop
    meaning = walk.meaning(scope, header)
    if meaning.block is not None and not meaning.remark:
        _remember_private(walk, scope, header, meaning)
    mark, place = walk.mark(), out.place()
    stop = end if header.undefined else value_end(header, end)

    def read_items() -> None:
        nonlocal stop
        stop = _private_sequence(walk, scope, header, out, stop)

    choice = walk.choice(scope, header, stop, meaning, read_items)
    if choice.vr != "SQ":
        walk.take_back(mark)
        out.cut(place)
        if choice.vr == "UN":
            out.unknown(header, view[header.start : stop])
        else:
            out.value(header, choice.vr, view[header.start : stop])
    walk.found(mark.findings, scope, header, stop, meaning, choice)
    return stop


def _remember_private(walk: Walk, scope: Scope, header: Header, meaning: Meaning) -> None:
    """Remember what is to be done with a private element of a block of this data set."""
    choice, definition = settled(meaning.definition), meaning.definition
    if choice is not None:
        known = Known(WRITE, any_value("UN"), outcome=outcome_of(header, meaning, choice))
    elif definition is not None and definition.glance is not None:
        known = Known(WRITE, *definition.glance, outcome_of(header, meaning, definition.decoded))
    else:
        return
    _remember(walk, scope.reserved, header, known)
