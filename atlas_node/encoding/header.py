"""Headers of data elements and items (PS3.5 7.1, 7.3, 7.5) in both byte orders.

Annotation walks a stream with the structures of a `ByteOrder` directly, because a call for each
element would cost more than the work itself; what it writes comes from the functions here.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from atlas_node.encoding.vr import LONG_FORM, MAX_LENGTH, MAX_SHORT_LENGTH, UNDEFINED_LENGTH


class ByteOrder(NamedTuple):
    """The structures that headers are made of, in one byte order.

    Attributes
    ----------
    element : struct.Struct
        Group, element, VR and 16-bit length: an explicit VR header, or the start of a long one.
    item : struct.Struct
        Group, element and 32-bit length: items, delimiters and implicit VR elements.
    length : struct.Struct
        A 32-bit length alone.
    short_length : struct.Struct
        A 16-bit length alone.
    """

    element: struct.Struct
    item: struct.Struct
    length: struct.Struct
    short_length: struct.Struct


LITTLE_ENDIAN: Final = ByteOrder(*map(struct.Struct, ("<HH2sH", "<HHI", "<I", "<H")))
BIG_ENDIAN: Final = ByteOrder(*map(struct.Struct, (">HH2sH", ">HHI", ">I", ">H")))

ITEM_TAG: Final = (0xFFFE, 0xE000)
ITEM_DELIMITATION_TAG: Final = (0xFFFE, 0xE00D)
SEQUENCE_DELIMITATION_TAG: Final = (0xFFFE, 0xE0DD)


def explicit_header(
    group: int, element: int, vr: str, length: int, order: ByteOrder = LITTLE_ENDIAN
) -> bytes:
    """Return the explicit VR header of one data element.

    Parameters
    ----------
    group, element : int
        The two halves of the tag.
    vr : str
        Its value representation.
    length : int
        Bytes of the value, or `UNDEFINED_LENGTH`.
    order : ByteOrder

    Raises
    ------
    ValueError
        When the VR's length field cannot hold `length`.
    """
    code = vr.encode("ascii")
    if code in LONG_FORM:
        if length > MAX_LENGTH and length != UNDEFINED_LENGTH:
            raise ValueError(f"a value of {length} bytes is longer than a 32-bit length can say")
        return order.element.pack(group, element, code, 0) + order.length.pack(length)
    if length > MAX_SHORT_LENGTH:
        raise ValueError(f"a value of {length} bytes is longer than {vr} can hold")
    return order.element.pack(group, element, code, length)


def item_header(length: int, order: ByteOrder = LITTLE_ENDIAN) -> bytes:
    """Return the header of a sequence item of `length` bytes, or of undefined length."""
    return order.item.pack(*ITEM_TAG, length)


def tag_text(group: int, element: int) -> str:
    """Return a tag as people write it: ``(0019,100a)``."""
    return f"({group:04x},{element:04x})"
