"""What an object says of itself: its UIDs, its modality, its device, its private creators.

The engine makes it of what its walk has noted. For routes the receiver asks `identify_beginning`
before an object is accepted, and `identify` where the first bytes do not tell. Both read headers
alone: they step over values and over whole sequences, annotate nothing, and take next to no memory,
whatever the bytes are. What they cannot read they leave out; they never raise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, Encodings, decode_text, encodings_of
from atlas_node.encoding.deflate import beginning_inflated
from atlas_node.encoding.header import BIG_ENDIAN, ITEM_TAG, LITTLE_ENDIAN, ByteOrder
from atlas_node.encoding.implicit import explicit_inside
from atlas_node.encoding.pieces import Buffer
from atlas_node.encoding.transfer_syntax import TransferSyntax, transfer_syntax
from atlas_node.encoding.vr import LONG_FORM, MAX_LENGTH, SHORT_FORM, UNDEFINED_LENGTH
from atlas_node.model import Identity

SPECIFIC_CHARACTER_SET: Final = 0x00080005
IDENTITY: Final = frozenset(
    (
        0x00080016, 0x00080018, 0x00080060, 0x00080070, 0x00081090,
        0x00100020, 0x00181020, 0x0020000D, 0x0020000E,
    )
)  # fmt: skip
"""Elements of the object itself by which objects are told apart."""

MAX_IDENTITY_LENGTH: Final = 1024
"""Bytes of such an element that are read."""

MAX_CREATOR_LENGTH: Final = 256
"""Bytes of a private creator: LO has 64 characters; what is longer is not to be remembered."""

LAST_GROUP: Final = 0xFFFD
"""Of a data set: no element is of a higher group, for items and their ends are none."""

_MAX_INFLATED: Final = 1 << 20
"""Bytes of a deflated object that are inflated to identify it."""

_MAX_HEADERS: Final = 1 << 20
"""Headers that are read of one object, some half a second's work. Real objects have fewer, but for
multi-frame ones of several thousand frames in sequences of undefined length."""

_WANTED: Final = IDENTITY | {SPECIFIC_CHARACTER_SET}
_LAST_WANTED: Final = max(_WANTED) >> 16

_HEADERS: Final = (struct.Struct("<HH2sHI"), struct.Struct(">HH2sHI"))
"""Group, element, VR, length of a short header, length of a long one; in either byte order."""


def creator_text(value: bytes) -> str:
    """Return the private creator in an element's value, trimmed of padding."""
    return value.decode("utf-8", "replace").strip("\0 ")


def identity_of(
    noted: Mapping[int, bytes], encodings: Encodings, creators: Iterable[str]
) -> Identity:
    """Return the identity of an object.

    Parameters
    ----------
    noted : mapping of int to bytes
        Values of the elements of `IDENTITY` that it has, by tag.
    encodings : tuple of str
        Codecs of its character set.
    creators : iterable of str
        Its private creators, in the order of the object.
    """

    def text(tag: int) -> str:
        raw = noted.get(tag, b"")
        decoded = decode_text(raw, encodings)
        return (raw.decode("latin-1") if decoded is None else decoded).strip("\0 ")

    return Identity(
        sop_class_uid=text(0x00080016),
        sop_instance_uid=text(0x00080018),
        study_instance_uid=text(0x0020000D),
        series_instance_uid=text(0x0020000E),
        patient_id=text(0x00100020),
        modality=text(0x00080060),
        manufacturer=text(0x00080070),
        model=text(0x00081090),
        software_versions=text(0x00181020),
        private_creators=tuple(dict.fromkeys(creators)),
    )


def identify(data: Buffer, transfer_syntax_uid: str, last_group: int = LAST_GROUP) -> Identity:
    """Return what an object says of itself, as far as its headers can be read.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        The data set as it was received. Of a deflated one the first MiB is inflated, and what
        stands behind is not seen.
    transfer_syntax_uid : str
        How it is encoded.
    last_group : int
        Reading ends at the first element of a higher group: elements stand in the order of their
        tags (PS3.5 7.1).
    """
    view = memoryview(data)
    syntax = transfer_syntax(transfer_syntax_uid)
    if syntax.deflated:
        view = memoryview(beginning_inflated(view, _MAX_INFLATED))
    found = _read(view, len(view), syntax, last_group)
    return Identity() if found is None else _identity(*found)


def identify_beginning(
    beginning: Buffer, size: int, transfer_syntax_uid: str, last_group: int = LAST_GROUP
) -> Identity | None:
    """Return what `identify` finds in a whole object, or None: its beginning does not tell.

    Parameters
    ----------
    beginning : bytes, bytearray or memoryview
        The first bytes of the data set.
    size : int
        Bytes of the whole data set.
    transfer_syntax_uid : str
    last_group : int
    """
    if len(beginning) == size:
        return identify(beginning, transfer_syntax_uid, last_group)
    syntax = transfer_syntax(transfer_syntax_uid)
    found = None if syntax.deflated else _read(memoryview(beginning), size, syntax, last_group)
    return None if found is None else _identity(*found)


def _identity(noted: dict[int, bytes], creators: dict[int, bytes]) -> Identity:
    declared = noted.get(SPECIFIC_CHARACTER_SET)
    encodings = DEFAULT_REPERTOIRE if declared is None else encodings_of(declared)
    return identity_of(noted, encodings, map(creator_text, creators.values()))


def _read(  # noqa: PLR0912 - one loop, as in `explicit`
    view: memoryview, size: int, syntax: TransferSyntax, last_group: int
) -> tuple[dict[int, bytes], dict[int, bytes]] | None:
    """Return the values of `_WANTED` by tag, and those of private creators likewise.

    None: of the `size` bytes of the data set `view` has too few to tell. It never is for all.
    """
    noted: dict[int, bytes] = {}
    creators: dict[int, bytes] = {}
    order = BIG_ENDIAN if syntax.big_endian else LITTLE_ENDIAN
    implicit = syntax.implicit
    headers = iter(range(_MAX_HEADERS))
    unpack = _HEADERS[syntax.big_endian].unpack_from
    position, end = 0, len(view)
    cut = end < size
    last_long = end - 12
    last = last_long if cut else end - 8
    for _ in headers:
        if position > last:
            if cut and position <= size - 8:
                return None
            break
        if implicit:
            group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
            vr, start = b"UN", position + 8
        else:
            if position <= last_long:
                group, element, vr, short, length = unpack(view, position)
            else:
                group, element, vr, short = order.element.unpack_from(view, position)
                length = MAX_LENGTH
            if vr in SHORT_FORM:
                start, length = position + 8, short
            elif vr in LONG_FORM or (vr.isalpha() and vr.isupper()):
                start = position + 12
            else:
                break
        if group > last_group:
            break
        if length == UNDEFINED_LENGTH:
            position = _behind(view, order, vr == b"UN", start, headers)
            continue
        position = start + length
        if position > end:
            if cut and (position <= size - 8 or group & 1 or group <= _LAST_WANTED):
                return None
            break
        if group & 1:
            if 0x0010 <= element <= 0x00FF and length <= MAX_CREATOR_LENGTH:
                creator = view[start:position].tobytes().strip(b"\0 ")
                if creator:
                    creators[group << 16 | element] = creator
        elif group <= _LAST_WANTED:
            tag = group << 16 | element
            if tag in _WANTED:
                stop = min(position, start + MAX_IDENTITY_LENGTH)
                noted[tag] = view[start:stop].tobytes()
    return noted, creators


def _behind(
    view: memoryview, order: ByteOrder, unknown: bool, start: int, headers: Iterator[int]
) -> int:
    """Return the offset behind a value of undefined length, the end of `view` where there is none.

    All that is known on the way is how many delimitations are still to come, and which values are
    `UN` and therefore in implicit VR (CP-246), or should be.
    """
    position, end = start, len(view)
    implicit = unknown and not explicit_inside(view, start, end)
    around = [implicit]
    for _ in headers:
        if end - position < 8:
            break
        start = position + 8
        vr = b"UN"
        if implicit:
            group, element, length = LITTLE_ENDIAN.item.unpack_from(view, position)
        else:
            group, element, length = order.item.unpack_from(view, position)
            if group != ITEM_TAG[0]:
                _, _, vr, length = order.element.unpack_from(view, position)
                if vr not in SHORT_FORM:
                    if end - start < 4:
                        break
                    (length,) = order.length.unpack_from(view, start)
                    start += 4
        if group == ITEM_TAG[0] and element != ITEM_TAG[1]:
            implicit = around.pop()
            position = start
            if not around:
                return position
        elif length == UNDEFINED_LENGTH:
            around.append(implicit)
            if vr == b"UN" and group != ITEM_TAG[0]:
                implicit = not explicit_inside(view, start, end)
            position = start
        else:
            position = start + length
    return end
