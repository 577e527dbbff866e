"""Explicit VR little endian written in implicit VR, for a destination that takes nothing else.

Delivery asks for it through annotation. Values stay as they are, VRs go; group lengths (PS3.5 7.2,
retired) go too, because their groups change in size. What stands in `UN` is in implicit VR already
(PS3.5 6.2.2 note 2), or should be. Encapsulated pixel data has no implicit form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atlas_node.encoding.header import (
    ITEM_DELIMITATION_TAG,
    ITEM_TAG,
    LITTLE_ENDIAN,
    SEQUENCE_DELIMITATION_TAG,
    item_header,
    tag_text,
)
from atlas_node.encoding.pieces import Piece, PiecedStream, Pieces
from atlas_node.encoding.vr import LONG_FORM, SHORT_FORM, UNDEFINED_LENGTH
from atlas_node.errors import MalformedStreamError

MAX_DEPTH: Final = 64
"""Deepest nesting of sequences that is read; real objects stay below 10."""

_read_element, _read_length = LITTLE_ENDIAN.element.unpack_from, LITTLE_ENDIAN.length.unpack_from
_read_item, _write_item = LITTLE_ENDIAN.item.unpack_from, LITTLE_ENDIAN.item.pack

_MAX_EMPTY_ITEMS: Final = 8
"""So many are stepped over to find an item that says how it is encoded."""


def without_vrs(data_set: Sequence[Piece]) -> list[Piece]:
    """Return a data set in implicit VR little endian, in pieces; long values are views of it.

    Parameters
    ----------
    data_set : sequence of bytes or memoryview
        Its pieces, none empty. No value may begin in one and end in another, but that of a
        sequence.

    Raises
    ------
    MalformedStreamError
        When it is no data set in explicit VR little endian, or cannot be written in implicit VR.
    """
    stream = PiecedStream(data_set)
    pieces, _ = _data_set(stream, 0, stream.size, False, 0)
    return pieces.finish()


def _data_set(
    stream: PiecedStream, position: int, end: int, delimited: bool, depth: int
) -> tuple[Pieces, int]:
    """Return one data set in implicit VR and the offset behind it."""
    if depth > MAX_DEPTH:
        raise MalformedStreamError(f"sequences are nested deeper than {MAX_DEPTH}", position)
    pieces = Pieces()
    while position < end:
        if end - position < 8:
            raise MalformedStreamError(f"{end - position} bytes are no data element", position)
        group, element, vr, length = _read_element(*stream.at(position, 8))
        start = position + 8
        if (group, element) == ITEM_DELIMITATION_TAG and delimited:
            return pieces, start
        if vr not in SHORT_FORM:
            if vr not in LONG_FORM or end - position < 12:
                raise MalformedStreamError(f"{tag_text(group, element)} has no VR", position)
            length = _read_length(*stream.at(start, 4))[0]
            start += 4
        content: list[Piece]
        if vr == b"SQ":
            items, position = _items(stream, start, end, length, depth)
            content = items.finish()
            length = UNDEFINED_LENGTH if length == UNDEFINED_LENGTH else items.size
        elif vr == b"UN" and length == UNDEFINED_LENGTH:
            view, begin = stream.at(start, 0)
            last = min(len(view), begin + end - start)
            if explicit_inside(view, begin, last):
                items, position = _items(stream, start, end, length, depth)
                content = items.finish()
            else:
                stop = _end_of_items(view, begin, last, depth + 1)
                content = [view[begin:stop]]
                position = start + stop - begin
        elif length == UNDEFINED_LENGTH:
            what = f"{tag_text(group, element)} {vr.decode()} of undefined length"
            raise MalformedStreamError(f"{what} cannot be written in implicit VR", position)
        else:
            position = start + length
            if position > end:
                raise MalformedStreamError(f"{tag_text(group, element)} is cut short", start)
            content = stream.between(start, position)
        if element:
            pieces.joined += _write_item(group, element, length)
            pieces.extend(content)
    if delimited:
        raise MalformedStreamError("an item of undefined length has no delimitation", end)
    return pieces, position


def _items(
    stream: PiecedStream, position: int, end: int, length: int, depth: int
) -> tuple[Pieces, int]:
    """Return the items of a sequence in implicit VR and the offset behind it."""
    delimited = length == UNDEFINED_LENGTH
    if not delimited:
        if position + length > end:
            raise MalformedStreamError("a sequence is cut short", position)
        end = position + length
    pieces = Pieces()
    while position < end:
        if end - position < 8:
            raise MalformedStreamError(f"{end - position} bytes are no item", position)
        group, element, item = _read_item(*stream.at(position, 8))
        start = position + 8
        if (group, element) == SEQUENCE_DELIMITATION_TAG and delimited:
            pieces.extend(stream.between(position, start))
            return pieces, start
        if (group, element) != ITEM_TAG or (item != UNDEFINED_LENGTH and start + item > end):
            raise MalformedStreamError("expected an item of a sequence", position)
        if item == UNDEFINED_LENGTH:
            inside, position = _data_set(stream, start, end, True, depth + 1)
            pieces.add(item_header(UNDEFINED_LENGTH))
            inside.add(_write_item(*ITEM_DELIMITATION_TAG, 0))
        else:
            inside, position = _data_set(stream, start, start + item, False, depth + 1)
            pieces.add(item_header(inside.size))
        pieces.extend(inside.finish())
    if delimited:
        raise MalformedStreamError("a sequence of undefined length has no delimitation", end)
    return pieces, position


def _end_of_items(view: memoryview, position: int, end: int, depth: int) -> int:
    """Return the offset behind a sequence of undefined length in implicit VR."""
    if depth > MAX_DEPTH:
        raise MalformedStreamError(f"sequences are nested deeper than {MAX_DEPTH}", position)
    in_item = False
    while end - position >= 8:
        group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
        start, tag = position + 8, (group, element)
        if in_item and tag == ITEM_DELIMITATION_TAG:
            in_item = False
            length = 0
        elif in_item and group != 0xFFFE:
            if length == UNDEFINED_LENGTH:
                start, length = _end_of_items(view, start, end, depth + 1), 0
        elif in_item or tag not in (ITEM_TAG, SEQUENCE_DELIMITATION_TAG):
            raise MalformedStreamError(f"expected no {tag_text(*tag)}", position)
        elif tag == SEQUENCE_DELIMITATION_TAG:
            return start
        elif length == UNDEFINED_LENGTH:
            in_item = True
            length = 0
        position = start + length
    raise MalformedStreamError("a sequence of undefined length has no delimitation", position)


def explicit_inside(view: memoryview, start: int, end: int) -> bool:
    """Whether the items of a `UN` sequence are in explicit VR, which some writers leave there.

    The first item that is not empty tells, by a VR behind its first tag. Implicit VR would read
    there a length of 16 kB and more; only where that leads to another element, or to the end of the
    item, is it one.
    """
    position = start
    for _ in range(_MAX_EMPTY_ITEMS):
        if end - position < 16:
            break
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
