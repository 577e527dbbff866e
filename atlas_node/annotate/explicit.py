"""Walk an explicit VR data set and note the edits that decode its `UN` elements.

The engine calls `walk_data_set` for the object; items of sequences come back here. Only headers
of private `UN` elements change, and the lengths of what encloses them (PS3.5 7.1.2, 7.5): every
other byte stays where it was. In a big endian stream the value of `UN`, always little endian
(PS3.5 6.2.2 note 2), turns when it gets a real VR.
"""

from __future__ import annotations

import struct
from typing import Final

from atlas_node.annotate.choice import settled
from atlas_node.annotate.definition import Choice
from atlas_node.annotate.implicit import Output, reencode_items, reencode_sequence
from atlas_node.annotate.known import (
    CREATOR,
    DECODE,
    DECODE_LONG,
    END,
    ITEMS,
    LOOK,
    NOTE,
    NOTE_LONG,
    PASS,
    PASS_LONG,
    Known,
)
from atlas_node.annotate.scope import Reserved, Scope
from atlas_node.annotate.walk import (
    CHECKED,
    DESCRIPTIONS,
    NOTABLE,
    Header,
    Mark,
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
    BIG_ENDIAN,
    ITEM_DELIMITATION_TAG,
    LITTLE_ENDIAN,
    explicit_header,
)
from atlas_node.encoding.implicit import explicit_inside
from atlas_node.encoding.vr import LONG_FORM, SHORT_FORM, UNDEFINED_LENGTH
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementStatus

_PIXEL_DATA_VRS: Final = frozenset({b"OB", b"OW"})
_SAME_HEADER: Final = frozenset(vr.decode() for vr in LONG_FORM) - {"SQ", "UN"}
"""VRs whose header is as long as that of `UN`."""

_START: Final = (struct.Struct("<6sHI"), struct.Struct(">6sHI"))
"""Tag and VR; the length of a short header; the length of a long one. In either byte order."""

_MAX_PLAIN: Final = 512
_MAX_PLAIN_DEPTH: Final = 32
"""So deep, what is as short as that stays within `implicit.MAX_DEPTH` of the encoding."""
_MAX_PLAINS: Final = 4096


def walk_data_set(  # noqa: PLR0912, PLR0915 - one loop: a call an element costs more than its work
    walk: Walk, scope: Scope, position: int, end: int, delimited: bool = False
) -> int:
    """Walk one data set; return the offset behind it.

    Parameters
    ----------
    walk : Walk
    scope : Scope
        Of this data set.
    position, end : int
        Where it begins, and where it must end at the latest.
    delimited : bool
        Whether an item delimitation ends it: an item of undefined length.

    Raises
    ------
    MalformedStreamError
        When the bytes are no explicit VR data set in the walk's byte order.
    """
    check_depth(scope, position)
    view, edits, findings = walk.view, walk.edits, walk.findings
    big = walk.order is BIG_ENDIAN
    unpack = _START[big].unpack_from
    waiting = walk.describing and scope.parent is None
    # What is not known, or not sure at a glance, goes the long way, which comes to the same.
    standard = {} if waiting else walk.blocks.standard.explicit[big]
    known_of = {} if waiting else scope.reserved.explicit[big]
    group_length: _GroupLength | None = None
    head = b""
    shrunk = 0
    last = min(end - 8, len(view) - _START[big].size)
    walk.check_size(position)
    checkpoint = min(last, position + CHECKED)
    while position < end:
        before = head
        if position <= checkpoint:
            head, short, length = unpack(view, position)
            known = known_of.get(head) or standard.get(head)
        else:
            walk.check_size(position)
            checkpoint = min(last, position + CHECKED)
            if position <= checkpoint:
                continue
            head, known = view[position : position + 6].tobytes(), None
        if group_length is not None and head[:2] != before[:2]:
            walk.growth -= shrunk
            shrunk = 0
            group_length.close(position)
            group_length = None
        if known is not None:
            kind, headers, match, outcome = known
            if kind == DECODE:
                begin = position + 12
                stop = begin + length
                header = headers[length]
                if (
                    header is not None
                    and stop <= end
                    and (match is None or match(view, begin, stop))
                ):
                    edits.append((position + 4, begin, header))
                    findings.append((scope, outcome, begin, stop))
                    shrunk += 4
                    position = stop
                    continue
            elif kind == PASS:
                stop = position + 8 + short
                if stop <= end:
                    position = stop
                    continue
            elif kind == ITEMS:
                walk.growth -= shrunk
                shrunk = 0
                position = _items(walk, scope, position, length, end)
                continue
            elif kind == CREATOR:
                stop = position + 8 + short
                in_tree = scope.reserved.tree is walk.none_reserved.tree
                follower = scope.reserved.followers.get(view[position:stop].tobytes())
                if follower is not None and in_tree and stop <= end:
                    scope.reserved = follower
                    known_of = follower.explicit[big]
                    position = stop
                    continue
            elif kind in (NOTE, LOOK):
                stop = position + 8 + short
                if stop <= end:
                    if kind == NOTE:
                        findings.append((scope, outcome, position + 8, stop))
                    else:
                        walk.notable(scope, outcome, position + 8, stop)
                    position = stop
                    continue
            elif kind == END:
                if delimited:
                    walk.growth -= shrunk
                    return position + 8
            else:
                begin = position + 12
                stop = begin + length
                if stop <= end and length != UNDEFINED_LENGTH:
                    if kind == PASS_LONG:
                        position = stop
                        continue
                    if kind == NOTE_LONG or (
                        headers[length] is not None and (match is None or match(view, begin, stop))
                    ):
                        if kind == DECODE_LONG:
                            edits.append((position + 4, position + 6, headers.code))
                        findings.append((scope, outcome, begin, stop))
                        position = stop
                        continue
        walk.growth -= shrunk
        shrunk = 0
        header = _header(walk, position, end)
        if header.group == 0xFFFE:
            if delimited and header.element == ITEM_DELIMITATION_TAG[1]:
                _remember(walk, walk.blocks.standard, header, Known(END))
                return header.start
            raise MalformedStreamError(f"expected a data element, found {header}", position)
        if header.element == 0 and header.length == 4 and head[:2] != before[:2]:
            value_end(header, end)
            group_length = _GroupLength(walk, scope, header)
        if waiting:
            walk.pass_by(header.group << 16 | header.element, position)
        position = _element(walk, scope, header, end)
        waiting = waiting and len(walk.places) < len(DESCRIPTIONS)
        if not waiting:
            standard = walk.blocks.standard.explicit[big]
            known_of = scope.reserved.explicit[big]
    if delimited:
        raise MalformedStreamError("an item of undefined length has no delimitation", end)
    walk.growth -= shrunk
    if group_length is not None:
        group_length.close(position)
    return position


def _header(walk: Walk, position: int, end: int) -> Header:
    """Read the header at `position`; it must not pass `end`."""
    if end - position < 8:
        raise MalformedStreamError(f"{end - position} bytes are no data element", position)
    group, element, vr, length = walk.order.element.unpack_from(walk.view, position)
    header = Header(position, position + 8, group, element, vr, length)
    if vr in SHORT_FORM or group == 0xFFFE:
        return header
    # A VR that the standard may add later has the long form too (PS3.5 7.1.2).
    if vr not in LONG_FORM and not (vr.isalpha() and vr.isupper()):
        raise MalformedStreamError(
            f"{header} has no VR; the transfer syntax says explicit VR", position
        )
    if position + 12 > end:
        raise MalformedStreamError(f"the header of {header} is cut short", position)
    length = walk.order.length.unpack_from(walk.view, position + 8)[0]
    return Header(position, position + 12, group, element, vr, length)


class _GroupLength:
    """The group length element (PS3.5 7.2) of the group being walked, kept true.

    It is retired but still written; a reader that trusts it would lose its place where the group
    has changed its size. A group length that was wrong on arrival is left as it was.
    """

    __slots__ = ("_mark", "_scope", "_start", "_tag_group", "_value", "_walk")

    def __init__(self, walk: Walk, scope: Scope, header: Header) -> None:
        self._walk = walk
        self._scope = scope
        self._tag_group = header.group
        self._start = header.start
        self._value = int(walk.order.length.unpack_from(walk.view, header.start)[0])
        self._mark = walk.mark()

    def close(self, position: int) -> None:
        """Make the group length true, whose group ends at `position`."""
        walk = self._walk
        if self._value != position - self._start - 4:
            return
        growth = walk.growth - self._mark.growth
        if growth:
            walk.resize(self._mark.edits, self._start, self._value + growth)
        if self._scope.parent is None:
            walk.group_lengths[self._tag_group] = self._start, self._value


def _element(walk: Walk, scope: Scope, header: Header, end: int) -> int:
    """Walk one element of which nothing is known; return the offset behind it."""
    if header.group & 1 and header.element:
        return _private(walk, scope, header, end)
    tag = header.group << 16 | header.element
    if header.vr == b"SQ" or header.undefined:
        if tag in NOTABLE:
            walk.notable(scope, tag, header.start, header.start)
        position = _content(walk, scope, header, end)
        if tag in DESCRIPTIONS:
            if header.vr == b"SQ" and scope.parent is None:
                walk.place(header, position)
        elif header.vr == b"SQ" and tag not in NOTABLE:
            _remember(walk, walk.blocks.standard, header, Known(ITEMS))
        return position
    stop = value_end(header, end)
    if tag in NOTABLE:
        walk.notable(scope, tag, header.start, stop)
        if header.vr in SHORT_FORM:
            _remember(walk, walk.blocks.standard, header, Known(LOOK, outcome=tag))
    elif header.element:
        kind = PASS if header.vr in SHORT_FORM else PASS_LONG
        _remember(walk, walk.blocks.standard, header, Known(kind))
    return stop


def _remember(walk: Walk, reserved: Reserved, header: Header, known: Known) -> None:
    """Remember what is to be done with an element."""
    head = walk.view[header.position : header.position + 6].tobytes()
    known_of = reserved.explicit[walk.order is BIG_ENDIAN]
    walk.blocks.remember(known_of, head, known)


def _items(walk: Walk, scope: Scope, position: int, length: int, end: int) -> int:
    """Walk a standard sequence at `position`; return the offset behind it."""
    start = position + 12
    stop = start + length
    short = length <= _MAX_PLAIN and stop <= end and scope.depth < _MAX_PLAIN_DEPTH
    content = b""
    if short:
        content = walk.view[start:stop].tobytes()
        if content in walk.plain:
            return stop
    before = walk.noted, len(walk.findings), len(walk.edits)
    group, element, vr, _ = walk.order.element.unpack_from(walk.view, position)
    stop = _content(walk, scope, Header(position, start, group, element, vr, length), end)
    plain = before == (walk.noted, len(walk.findings), len(walk.edits))
    if short and plain and len(walk.plain) < _MAX_PLAINS:
        walk.plain.add(content)
    return stop


def _content(walk: Walk, scope: Scope, header: Header, end: int) -> int:
    """Walk a sequence, or a value of undefined length; return the offset behind it."""
    if header.vr == b"SQ":
        index, growth = len(walk.edits), walk.growth
        position = walk_items(walk, scope, header, end)
        growth = walk.growth - growth
        if growth and not header.undefined:
            walk.resize(index, header.position + 8, header.length + growth)
        return position
    if header.vr in _PIXEL_DATA_VRS:
        return _skip_fragments(walk, header, end)
    if header.vr == b"UN":
        # A standard sequence in implicit VR (CP-246): not ours to decode, only to step over.
        mark = walk.mark()
        position = reencode_items(walk, scope, header, Output(walk.order), end)
        walk.take_back(mark)
        return position
    raise MalformedStreamError(
        f"{header} {header.vr.decode()} cannot have an undefined length", header.position
    )


def _skip_fragments(walk: Walk, header: Header, end: int) -> int:
    """Step over encapsulated pixel data (PS3.5 A.4); return the offset behind it."""
    position = header.start
    while position < end:
        length = item_length(walk.view, walk.order, header, position, end)
        position += 8
        if length is None:
            return position
        if length == UNDEFINED_LENGTH:
            break
        position += length
    raise no_end(header, position)


def walk_items(walk: Walk, scope: Scope, sequence: Header, end: int) -> int:
    """Walk the items of a sequence; return the offset behind it.

    Raises
    ------
    MalformedStreamError
        When the bytes are no sequence of explicit VR items in the walk's byte order, or stand in
        a `UN` element of a big endian stream, which holds little endian.
    """
    if sequence.vr == b"UN" and walk.order is not LITTLE_ENDIAN:
        raise MalformedStreamError(
            f"{sequence} holds explicit VR little endian in a big endian stream", sequence.start
        )
    end = end if sequence.undefined else value_end(sequence, end)
    view, unpack = walk.view, walk.order.item.unpack_from
    position, number = sequence.start, 0
    while position < end:
        start = position + 8
        group, element, length = unpack(view, position) if start <= end else (0, 0, 0)
        fits = start + length <= end or length == UNDEFINED_LENGTH
        plain = fits and group == 0xFFFE and element == 0xE000
        if not plain and item_length(view, walk.order, sequence, position, end) is None:
            return start
        item = Scope(walk.none_reserved, scope, sequence.group, sequence.element, number)
        number += 1
        if length == UNDEFINED_LENGTH:
            position = walk_data_set(walk, item, start, end, delimited=True)
            continue
        index, growth = len(walk.edits), walk.growth
        stop = start + length
        walk_data_set(walk, item, start, stop)
        growth = walk.growth - growth
        if growth:
            walk.resize(index, position + 4, length + growth)
        position = stop
    if sequence.undefined:
        raise no_end(sequence, end)
    return position


def _private(walk: Walk, scope: Scope, header: Header, end: int) -> int:
    """Walk one private element; return the offset behind it."""
    if 0x0010 <= header.element <= 0x00FF:
        stop = value_end(header, end)
        fits = walk.creator(scope, header, stop)
        if header.vr == b"LO":
            _remember(walk, walk.blocks.standard, header, Known(CREATOR))
        if fits and header.vr == b"UN":
            _replace_header(walk, header, "LO")
        return stop
    meaning = walk.meaning(scope, header)
    if meaning.block is not None and not meaning.remark:
        _remember_private(walk, scope, header, meaning)
    if header.vr == b"UN":
        return _unknown(walk, scope, header, end, meaning)
    index = len(walk.findings)
    if header.vr == b"SQ" or header.undefined:
        stop = _content(walk, scope, header, end)
    else:
        stop = value_end(header, end)
    walk.found(index, scope, header, stop, meaning, _already(header.vr))
    return stop


def _remember_private(walk: Walk, scope: Scope, header: Header, meaning: Meaning) -> None:
    """Remember what is to be done with a private element of a block of this data set."""
    definition = meaning.definition
    if header.vr == b"SQ":
        return
    if header.vr != b"UN":
        kind = NOTE if header.vr in SHORT_FORM else NOTE_LONG
        known = Known(kind, outcome=outcome_of(header, meaning, _already(header.vr)))
    elif (choice := settled(definition)) is not None:
        known = Known(NOTE_LONG, outcome=outcome_of(header, meaning, choice))
    elif definition is not None and definition.glance is not None and walk.order is LITTLE_ENDIAN:
        headers, match = definition.glance
        kind = DECODE_LONG if headers.long else DECODE
        known = Known(kind, headers, match, outcome_of(header, meaning, definition.decoded))
    else:
        return
    _remember(walk, scope.reserved, header, known)


def _already(vr: bytes) -> Choice:
    return Choice(vr.decode(), ElementStatus.ALREADY, "")


def _replace_header(walk: Walk, header: Header, vr: str) -> None:
    """Note the edit that gives a `UN` element of defined length its VR."""
    if walk.order is not LITTLE_ENDIAN:
        stop = header.start + header.length
        written = explicit_header(header.group, header.element, vr, header.length, walk.order)
        value = swapped(vr, walk.view[header.start : stop])
        walk.edit(header.position, stop, b"".join((written, value)))
    elif vr in _SAME_HEADER:
        walk.edit(header.position + 4, header.position + 6, vr.encode("ascii"))
    else:
        written = explicit_header(header.group, header.element, vr, header.length)
        walk.edit(header.position + 4, header.start, written[4:])


def _unknown(walk: Walk, scope: Scope, header: Header, end: int, meaning: Meaning) -> int:
    """Decode a private `UN` element as far as dictionary and bytes agree; return its end."""
    stop = end if header.undefined else value_end(header, end)
    mark = walk.mark()
    content: Output | None = None

    def read_items() -> None:
        nonlocal content, stop
        content, stop = _unknown_items(walk, scope, header, stop)

    choice = walk.choice(scope, header, stop, meaning, read_items)
    _settle(walk, scope, header, stop, meaning, choice, content, mark)
    return stop


def _unknown_items(walk: Walk, scope: Scope, header: Header, end: int) -> tuple[Output | None, int]:
    """Walk the items of a private `UN` sequence; return the offset behind them.

    Before it comes the sequence re-encoded, or None where the items are in explicit VR already.
    """
    if explicit_inside(walk.view, header.start, end):
        return None, walk_items(walk, scope, header, end)
    out = Output(walk.order)
    return out, reencode_sequence(walk, scope, header, out, end)


def _settle(
    walk: Walk,
    scope: Scope,
    header: Header,
    stop: int,
    meaning: Meaning,
    choice: Choice,
    content: Output | None,
    mark: Mark,
) -> None:
    """Note the edits and the finding of a `UN` element whose VR is chosen.

    `content` is its sequence re-encoded, None where the items are in explicit VR already; what
    was noted since `mark` stands inside that sequence.
    """
    if choice.vr != "SQ":
        walk.take_back(mark)
        if choice.vr != "UN":
            _replace_header(walk, header, choice.vr)
    elif content is not None:
        walk.replace(header.position, stop, content.finish())
    else:
        growth = walk.growth - mark.growth
        walk.overwrite(mark.edits, header.position + 4, b"SQ")
        if growth and not header.undefined:
            walk.resize(mark.edits + 1, header.position + 8, header.length + growth)
    walk.found(mark.findings, scope, header, stop, meaning, choice)
