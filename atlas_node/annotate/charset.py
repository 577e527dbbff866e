"""Specific character sets (PS3.3 C.12.1.1.2): bytes of a text value to characters.

Verification and reporting ask it. It keeps one rule: bytes that the declared character set cannot
have produced give None, never replacement characters, so that no text VR rests on a guess.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Final

from pydicom.charset import decode_bytes, python_encoding

Encodings = tuple[str, ...]
"""Python codecs of a data set's character sets, in their order; empty when one is not known."""

DEFAULT_REPERTOIRE: Final[Encodings] = ("ascii",)
"""ISO IR 6, in force where no character set is declared."""

# pydicom warns and puts replacement characters in; those are looked for below instead.
for _message in ("Failed to decode byte string", "Found unknown escape"):
    warnings.filterwarnings("ignore", message=_message, module="pydicom.charset")

_BY_FOLDED_TERM: Final = {
    "".join(c for c in term.lower() if c.isalnum()): codec
    for term, codec in python_encoding.items()
}
_DELIMITERS: Final = {0x0A, 0x0C, 0x0D, 0x09, 0x5C, 0x5E, 0x3D}


@lru_cache(maxsize=256)
def encodings_of(specific_character_set: bytes) -> Encodings:
    """Return the codecs for the value of (0008,0005), misspelt terms included.

    Terms are compared by their letters and digits alone, because writers spell them
    ``ISO_IR 100``, ``ISO IR 100``, ``ISO_IR_100`` and ``iso-ir-100``.
    """
    codecs: list[str] = []
    for term in specific_character_set.decode("latin-1").strip("\0 ").split("\\"):
        folded = "".join(c for c in term.lower() if c.isalnum())
        codec = _BY_FOLDED_TERM.get(folded, "utf8" if folded == "utf8" else None)
        if codec is None:
            return ()
        codecs.append(codec)
    # pydicom reads undeclared bytes as Latin-1; that is a guess.
    return DEFAULT_REPERTOIRE if codecs == ["iso8859"] else tuple(codecs)


def decode_text(value: bytes, encodings: Encodings) -> str | None:
    """Return the characters of `value`, or None when `encodings` cannot have written it."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    if not encodings:
        return None
    if len(encodings) == 1:
        try:
            text = value.decode(encodings[0])
        except UnicodeDecodeError:
            return None
        return None if "\x1b" in text else text
    try:
        text = decode_bytes(value, list(encodings), _DELIMITERS)
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if "�" in text or "\x1b" in text else text
