"""Text from files and objects made safe for a terminal; used by the command line alone.

A private creator is whatever a peer wrote: it may hold control characters that move a cursor or
colour a screen. What is not printable is shown by its number.
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return `text` with every character that is not printable as ``\xNN`` or ``\uNNNN``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
