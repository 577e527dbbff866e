"""Whether a data set has private elements at all, seen from its headers alone.

The query proxy asks for each response, of which nearly none has any. The rule: a doubt is a yes.
"""

from __future__ import annotations

from typing import Final

from atlas_node.encoding.header import LITTLE_ENDIAN
from atlas_node.encoding.vr import LONG_FORM, SHORT_FORM

_NESTING: Final = frozenset((b"SQ", b"UN"))


def may_have_private(data: bytes) -> bool:
    """Whether an element of a data set in explicit VR little endian may be private.

    Parameters
    ----------
    data : bytes
        Without file meta information. Where it cannot be read to its end, or has a sequence, the
        answer is yes.
    """
    read = LITTLE_ENDIAN.element.unpack_from
    read_length = LITTLE_ENDIAN.length.unpack_from
    position, end = 0, len(data)
    last = end - 8
    while position <= last:
        group, _, vr, length = read(data, position)
        if group & 1:
            return True
        if vr in SHORT_FORM:
            position += 8 + length
            continue
        if vr in _NESTING or vr not in LONG_FORM or position > last - 4:
            return True
        (length,) = read_length(data, position + 8)
        position += 12 + length
    return position != end
