"""Walk an explicit VR data set and note the edits that decode its `UN` elements.

The engine calls `walk_data_set` for the object; items of sequences come back here. Only headers
of private `UN` elements change, and the lengths of what encloses them (PS3.5 7.1.2, 7.5): every
other byte stays where it was. In a big endian stream the value of `UN`, always little endian
(PS3.5 6.2.2 note 2), turns when it gets a real VR.
"""

from __future__ import annotations

from typing import Final

from atlas_node.annotate.choice import choose, undefined_length_misfit
from atlas_node.annotate.definition import Choice
from atlas_node.annotate.implicit import Reencoded, explicit_inside, reencode_items
from atlas_node.annotate.scope import Scope
from atlas_node.annotate.verify import misfit
from atlas_node.annotate.walk import (
    CHECKED,
    DESCRIPTIONS,
    NOTABLE,
    Header,
    Mark,
    Meaning,
    Place,
    Walk,
    check_depth,
    item_length,
    no_end,
    value_end,
)
from atlas_node.encoding.byte_order import swapped
from atlas_node.encoding.header import ITEM_DELIMITATION_TAG, LITTLE_ENDIAN, explicit_header
from atlas_node.encoding.vr import LONG_FORM, MAX_SHORT_LENGTH, SHORT_FORM, UNDEFINED_LENGTH
from atlas_node.errors import MalformedStreamError
from atlas_node.model import ElementStatus

_PIXEL_DATA_VRS: Final = frozenset({b"OB", b"OW"})
_SAME_HEADER: Final = frozenset(vr.decode() for vr in LONG_FORM) - {"SQ", "UN"}
"""VRs whose header is as long as that of `UN`."""


def walk_data_set(  # noqa: PLR0912, PLR0915 - one loop: a call an element costs more than its work
    walk: Walk, scope: Scope, position: int, end: int, *, delimited: bool
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
    walk.check_size(position)
    view, unpack, unpack_length = (
        walk.view,
        walk.order.element.unpack_from,
        walk.order.length.unpack_from,
    )
    is_object = scope.parent is None
    # In big endian every value has to be turned: nothing goes the short way.
    blocks = scope.blocks if walk.order is LITTLE_ENDIAN else {}
    edits, findings = walk.edits, walk.findings
    pack_length = walk.order.short_length.pack
    current, group_length = -1, _GroupLength(walk, is_object)
    checkpoint = min(end - 8, position + CHECKED)
    while position < end:
        if position > checkpoint:
            if position > end - 8:
                raise MalformedStreamError(f"{end - position} bytes are no data element", position)
            walk.check_size(position)
            checkpoint = min(end - 8, position + CHECKED)
        group, element, vr, length = unpack(view, position)
        start = position + 8
        if vr not in SHORT_FORM:
            if vr == b"UN" and start + 4 <= end:
                # The common case of all: an element of a known block whose value surely fits.
                # What is not sure at a glance goes the long way below, which comes to the same.
                block = blocks.get(group << 8 | element >> 8)
                if block is not None:
                    length = unpack_length(view, start)[0]
                    begin = start + 4
                    stop = begin + length
                    definition = block.definitions.get(element & 0xFF)
                    if (
                        definition is not None
                        and stop <= end
                        and (
                            length in definition.sure_lengths
                            or (
                                definition.sure_match is not None
                                and not length & 1
                                and length <= MAX_SHORT_LENGTH
                                and definition.sure_match(view, begin, stop)
                            )
                        )
                    ):
                        if group != current:
                            current = group
                            group_length.close(position)
                        edits.append((position + 4, begin, definition.code + pack_length(length)))
                        findings.append(
                            (scope, group, element, vr, begin, stop, block, definition,
                             definition.decoded)
                        )  # fmt: skip
                        position = stop
                        continue
            if group == 0xFFFE:
                if delimited and element == ITEM_DELIMITATION_TAG[1]:
                    group_length.close(position)
                    return start
                raise MalformedStreamError(
                    f"expected a data element, found (fffe,{element:04x})", position
                )
            length = _long_length(walk, Header(position, start, group, element, vr, 0), end)
            start += 4
        if group != current:
            current = group
            group_length.close(position)
            if element == 0 and length == 4 and start + 4 <= end:
                group_length.open(group, start)
        if is_object and walk.describing and len(walk.places) < len(DESCRIPTIONS):
            walk.pass_by(group << 16 | element, position)
        if group & 1 and element:
            position = _private(
                walk, scope, Header(position, start, group, element, vr, length), end
            )
        elif vr == b"SQ" or length == UNDEFINED_LENGTH:
            header = Header(position, start, group, element, vr, length)
            tag = group << 16 | element
            if tag in NOTABLE:
                walk.notable(scope, tag, start, start)
            position = _content(walk, scope, header, end)
            if is_object and tag in DESCRIPTIONS and vr == b"SQ":
                walk.places[tag] = Place(header, position)
        else:
            position = start + length
            if position > end:
                value_end(Header(position, start, group, element, vr, length), end)
            if group << 16 | element in NOTABLE:
                walk.notable(scope, group << 16 | element, start, position)
    if delimited:
        raise MalformedStreamError("an item of undefined length has no delimitation", end)
    group_length.close(position)
    return position


def _long_length(walk: Walk, header: Header, end: int) -> int:
    """Return the 32-bit length of an element whose VR has the long header form."""
    # A VR that the standard may add later has the long form too (PS3.5 7.1.2).
    if header.vr not in LONG_FORM and not (header.vr.isalpha() and header.vr.isupper()):
        raise MalformedStreamError(
            f"{header} has no VR; the transfer syntax says explicit VR", header.position
        )
    if header.start + 4 > end:
        raise MalformedStreamError(f"the header of {header} is cut short", header.position)
    return int(walk.order.length.unpack_from(walk.view, header.start)[0])


class _GroupLength:
    """The group length element (PS3.5 7.2) of the group being walked, kept true.

    It is retired but still written; a reader that trusts it would lose its place where the group
    has changed its size. A group length that was wrong on arrival is left as it was.
    """

    __slots__ = ("_begin", "_group", "_is_object", "_mark", "_value", "_walk")

    def __init__(self, walk: Walk, is_object: bool) -> None:
        self._walk = walk
        self._is_object = is_object
        self._begin = -1

    def open(self, group: int, start: int) -> None:
        self._group, self._begin = group, start + 4
        self._value = int(self._walk.order.length.unpack_from(self._walk.view, start)[0])
        self._mark = self._walk.mark()

    def close(self, position: int) -> None:
        if self._begin < 0:
            return
        if self._value == position - self._begin:
            start, growth = self._begin - 4, self._walk.growth() - self._mark.growth
            if growth:
                self._walk.resize(self._mark.edits, start, self._value + growth)
            if self._is_object:
                self._walk.group_lengths[self._group] = start
        self._begin = -1


def _content(walk: Walk, scope: Scope, header: Header, end: int) -> int:
    """Walk a sequence, or a value of undefined length; return the offset behind it."""
    if header.vr == b"SQ":
        mark = walk.mark()
        position = walk_items(walk, scope, header, end)
        growth = 0 if header.undefined else walk.growth() - mark.growth
        if growth:
            walk.resize(mark.edits, header.position + 8, header.length + growth)
        return position
    if header.vr in _PIXEL_DATA_VRS:
        return _skip_fragments(walk, header, end)
    if header.vr == b"UN":
        # A standard sequence in implicit VR (CP-246): not ours to decode, only to step over.
        mark = walk.mark()
        position = reencode_items(walk, scope, header, end).stop
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
    position, number = sequence.start, 0
    while position < end:
        length = item_length(walk.view, walk.order, sequence, position, end)
        start = position + 8
        if length is None:
            return start
        item = Scope(scope, sequence.group, sequence.element, number)
        number += 1
        if length == UNDEFINED_LENGTH:
            position = walk_data_set(walk, item, start, end, delimited=True)
            continue
        mark = walk.mark()
        walk_data_set(walk, item, start, start + length, delimited=False)
        growth = walk.growth() - mark.growth
        if growth:
            walk.resize(mark.edits, position + 4, length + growth)
        position = start + length
    if sequence.undefined:
        raise no_end(sequence, end)
    return position


def _private(walk: Walk, scope: Scope, header: Header, end: int) -> int:
    """Walk one private element; return the offset behind it."""
    if 0x0010 <= header.element <= 0x00FF:
        stop = value_end(header, end)
        if walk.creator(scope, header, stop) and header.vr == b"UN":
            _replace_header(walk, header, "LO")
        return stop
    meaning = walk.meaning(scope, header)
    if header.vr == b"UN":
        if header.undefined:
            return _undefined_length(walk, scope, header, end, meaning)
        return _defined_length(walk, scope, header, value_end(header, end), meaning)
    choice = Choice(header.vr.decode(), ElementStatus.ALREADY, "")
    index = len(walk.findings)
    if header.vr == b"SQ" or header.undefined:
        stop = _content(walk, scope, header, end)
    else:
        stop = value_end(header, end)
    walk.found(index, scope, header, stop, meaning, choice)
    return stop


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


def _undefined_length(walk: Walk, scope: Scope, header: Header, end: int, meaning: Meaning) -> int:
    """Decode a `UN` element of undefined length: a sequence (CP-246), if the dictionary agrees."""
    mark = walk.mark()
    content: Reencoded | None = None
    if explicit_inside(walk.view, header.start, end):
        stop = walk_items(walk, scope, header, end)
    else:
        content = reencode_items(walk, scope, header, end)
        stop = content.stop
    choice = choose(meaning.definition, meaning.remark, walk.equipment, undefined_length_misfit)
    _settle(walk, scope, header, stop, meaning, choice, content, mark)
    return stop


def _defined_length(walk: Walk, scope: Scope, header: Header, stop: int, meaning: Meaning) -> int:
    """Decode a `UN` element of defined length as far as dictionary and bytes agree."""
    mark = walk.mark()
    content: Reencoded | None = None

    def misfit_of(vr: str) -> str:
        nonlocal content
        if vr != "SQ":
            vm = meaning.definition.vm if meaning.definition is not None else None
            return misfit(vr, walk.view[header.start : stop], vm, scope.encodings)
        try:
            if explicit_inside(walk.view, header.start, stop):
                walk_items(walk, scope, header, stop)
            else:
                content = reencode_items(walk, scope, header, stop)
        except MalformedStreamError as error:
            walk.take_back(mark)
            return f"the value is no sequence: {error}"
        return ""

    choice = choose(meaning.definition, meaning.remark, walk.equipment, misfit_of)
    _settle(walk, scope, header, stop, meaning, choice, content, mark)
    return stop


def _settle(
    walk: Walk,
    scope: Scope,
    header: Header,
    stop: int,
    meaning: Meaning,
    choice: Choice,
    content: Reencoded | None,
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
        length = UNDEFINED_LENGTH if header.undefined else content.size
        written = explicit_header(header.group, header.element, "SQ", length, walk.order)
        walk.edit(header.position, stop, b"".join((written, *content.pieces)))
    else:
        growth = walk.growth() - mark.growth
        walk.overwrite(mark.edits, header.position + 4, b"SQ")
        if growth and not header.undefined:
            walk.resize(mark.edits + 1, header.position + 8, header.length + growth)
    walk.found(mark.findings, scope, header, stop, meaning, choice)
