"""The bytes of a value as they stood on the wire, put together again from the decoded value.

The object page shows them beside what became of them. The log keeps no bytes: the rule is to write
what can be told from the value, and nothing for the rest. That is every binary VR, and text that is
plain ASCII, without the spaces that pad it; not DS and IS, whose numbers have lost their spelling,
nor what was masked.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from atlas_node.encoding.vr import BYTES, NUMBER_FORMAT

SHOWN_BYTES: Final = 8

_SPELLING_LOST: Final = frozenset({"DS", "IS", "SQ"})


def bytes_before(element: Mapping[str, Any]) -> str:
    """Return the first bytes of an element as received, such as ``24 00``; else nothing.

    Parameters
    ----------
    element : mapping
        An `ElementRecord` as JSON. Its value is little endian in every stream (PS3.5 6.2.2).
    """
    value = element["value"]
    if not value:
        return ""
    try:
        raw = _encoded(element["vr"], value)
    except (ValueError, TypeError, struct.error, OverflowError):
        # Such as a star in the place of a masked number.
        return ""
    if raw is None:
        return ""
    more = len(raw) > SHOWN_BYTES or element.get("truncated", False)
    return raw[:SHOWN_BYTES].hex(" ") + (" …" if more else "")


def _encoded(vr: str, value: list[Any]) -> bytes | None:
    if vr in _SPELLING_LOST:
        return None
    if vr in BYTES:
        return bytes.fromhex(value[0])
    if vr == "AT":
        halves = [int(part, 16) for tag in value for part in tag.strip("()").split(",")]
        return struct.pack(f"<{len(halves)}H", *halves)
    if vr in NUMBER_FORMAT:
        numbers = [float(it) if isinstance(it, str) else it for it in value]
        return struct.pack(f"<{len(numbers)}{NUMBER_FORMAT[vr]}", *numbers)
    text = "\\".join(value)
    if not text.isascii() or "*" in text:
        return None
    return text.encode("ascii")
