"""Private creators (PS3.5 7.8.1) as they are compared: as written first, then folded.

Used by the writer, which stores both forms of every spelling, and by the reader, which folds only
what it did not find as written. FORMAT.md states the same rule in bytes.
"""

from __future__ import annotations

_PADDING = " \t\n\v\f\r\0"


def trim(creator: str) -> str:
    """Return `creator` without the padding at its ends (PS3.5 6.2, LO)."""
    return creator.strip(_PADDING)


def encode(creator: str) -> bytes | None:
    """Return the bytes that a file holds for `creator`, or None where it can hold none.

    A creator from a damaged object may carry surrogates or NUL, which no dictionary file has.
    """
    try:
        encoded = creator.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return None if b"\0" in encoded else encoded


def fold(encoded: bytes) -> bytes:
    """Return the folded form of a creator, given in UTF-8.

    ASCII letters become lower case, spaces at the ends go, and every run of spaces inside becomes
    one space; a space is 20H or one of 09H to 0DH. Bytes above 7FH stay as they are.

    Examples
    --------
    >>> fold(b"SIEMENS CT VA0  COAD")
    b'siemens ct va0 coad'
    """
    return b" ".join(encoded.lower().split())
