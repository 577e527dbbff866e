"""Text from the network as it may be shown: one line, with every control character visible.

The terminal and the pages pass all that they show through `visible`. It leaves nothing that moves
a cursor, colours a terminal, reverses the reading direction or breaks a line; escaping for HTML or
for rich's markup is the caller's.
"""

from __future__ import annotations

import unicodedata
from typing import Any


def visible(text: str) -> str:
    r"""Return `text` with what cannot be seen written as ``\x1b`` or ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else _escape(ord(character))
        for character in text
    )


def value_text(value: list[Any] | None, *, truncated: bool = False) -> str:
    r"""Return a decoded value as one line: its items parted by a backslash, as in DICOM.

    Numbers appear as Python writes them; an ellipsis at the end says that the log has not all.
    """
    if value is None:
        return ""
    text = "\\".join(item if isinstance(item, str) else f"{item}" for item in value)
    return visible(text) + (" …" if truncated else "")


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
