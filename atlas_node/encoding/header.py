"""Headers of data elements and items, little endian (PS3.5 7.1, 7.5): read and written.

Annotation walks a stream with `ELEMENT`, `ITEM` and `LENGTH` directly, because a call for each
element would cost more than the work itself; what it writes comes from the functions here.
"""

from __future__ import annotations

import struct
from typing import Final

from atlas_node.encoding.vr import LONG_FORM, MAX_LENGTH, MAX_SHORT_LENGTH, UNDEFINED_LENGTH

ELEMENT: Final = struct.Struct("<HH2sH")
"""Group, element, VR and 16-bit length: an explicit VR header, or the start of a long one."""

ITEM: Final = struct.Struct("<HHI")
"""Group, element and 32-bit length: items, delimiters and implicit VR elements."""

LENGTH: Final = struct.Struct("<I")
"""A 32-bit length alone."""

_LONG: Final = struct.Struct("<HH2sHI")

ITEM_TAG: Final = (0xFFFE, 0xE000)
ITEM_DELIMITATION_TAG: Final = (0xFFFE, 0xE00D)
SEQUENCE_DELIMITATION_TAG: Final = (0xFFFE, 0xE0DD)

ITEM_DELIMITATION: Final = ITEM.pack(*ITEM_DELIMITATION_TAG, 0)
SEQUENCE_DELIMITATION: Final = ITEM.pack(*SEQUENCE_DELIMITATION_TAG, 0)


def explicit_header(group: int, element: int, vr: str, length: int) -> bytes:
    """Return the explicit VR little endian header of one data element.

    Parameters
    ----------
    group, element : int
        The two halves of the tag.
    vr : str
        Its value representation.
    length : int
        Bytes of the value, or `UNDEFINED_LENGTH`.

    Raises
    ------
    ValueError
        When the VR's length field cannot hold `length`.
    """
    code = vr.encode("ascii")
    if code in LONG_FORM:
        if length > MAX_LENGTH and length != UNDEFINED_LENGTH:
            raise ValueError(f"a value of {length} bytes is longer than a 32-bit length can say")
        return _LONG.pack(group, element, code, 0, length)
    if length > MAX_SHORT_LENGTH:
        raise ValueError(f"a value of {length} bytes is longer than {vr} can hold")
    return ELEMENT.pack(group, element, code, length)


def item_header(length: int) -> bytes:
    """Return the header of a sequence item of `length` bytes, or of undefined length."""
    return ITEM.pack(*ITEM_TAG, length)


def tag_text(group: int, element: int) -> str:
    """Return a tag as people write it: ``(0019,100a)``."""
    return f"({group:04x},{element:04x})"
