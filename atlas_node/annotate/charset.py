"""Specific character sets (PS3.3 C.12.1.1.2): bytes of a text value to characters.

Verification and reporting ask it. It keeps one rule: bytes that the declared character set cannot
have produced give None, never replacement characters, so that no text VR rests on a guess.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pydicom.charset import CODES_TO_ENCODINGS, default_encoding, python_encoding

Encodings = tuple[str, ...]
"""Python codecs of a data set's character sets, in their order; empty when one is not known."""

DEFAULT_REPERTOIRE: Final[Encodings] = ("ascii",)
"""ISO IR 6, in force where no character set is declared."""

_MAX_DECLARED: Final = 256
"""Bytes of a (0008,0005) that is read; every set there is, named once, takes fewer."""

_BY_FOLDED_TERM: Final = {
    "".join(c for c in term.lower() if c.isalnum()): codec
    for term, codec in python_encoding.items()
}
_FRAGMENT: Final = re.compile(rb"\A[^\x1b]+|\x1b[^\x1b]*")
_DELIMITER: Final = re.compile(rb"[\t\n\f\r\\^=]")


def encodings_of(specific_character_set: bytes) -> Encodings:
    """Return the codecs for the value of (0008,0005), misspelt terms included.

    Terms are compared by their letters and digits alone, because writers spell them
    ``ISO_IR 100``, ``ISO IR 100``, ``ISO_IR_100`` and ``iso-ir-100``.
    """
    # A longer value comes from no device, and every text value would pay for it.
    return _codecs(specific_character_set) if len(specific_character_set) <= _MAX_DECLARED else ()


@lru_cache(maxsize=256)
def _codecs(specific_character_set: bytes) -> Encodings:
    codecs: list[str] = []
    for term in specific_character_set.decode("latin-1").strip("\0 ").split("\\"):
        folded = "".join(c for c in term.lower() if c.isalnum())
        codec = _BY_FOLDED_TERM.get(folded, "utf8" if folded == "utf8" else None)
        if codec is None:
            return ()
        # pydicom reads bytes beyond the default repertoire as Latin-1; that is a guess.
        codecs.append("ascii" if codec == default_encoding else codec)
    return tuple(codecs)


def decode_text(value: bytes, encodings: Encodings) -> str | None:
    """Return the characters of `value`, or None when `encodings` cannot have written it."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    if not encodings:
        return None
    try:
        if len(encodings) == 1:
            text = value.decode(encodings[0])
        else:
            text = "".join(
                _decode_fragment(fragment, encodings) for fragment in _FRAGMENT.findall(value)
            )
    except (LookupError, UnicodeError):
        return None
    return None if "\x1b" in text else text


def _decode_fragment(fragment: bytes, encodings: Encodings) -> str:
    """Decode what follows one escape sequence, or stands before the first (PS3.5 6.1.2.5).

    Raises
    ------
    LookupError
        When no character set that the data set declares has the escape sequence.
    UnicodeError
        When the bytes are no text in its character set.
    """
    if not fragment.startswith(b"\x1b"):
        return fragment.decode(encodings[0])
    size = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = CODES_TO_ENCODINGS[fragment[:size]]
    if codec == default_encoding:
        # ASCII takes the lower half alone; the upper one is still that of the first set.
        codec = encodings[0]
    if codec not in encodings:
        raise LookupError(codec)
    if codec.startswith("iso2022"):
        # Python's codecs of that name read the escape sequence themselves.
        return fragment.decode(codec)
    # A delimiter calls the first character set back.
    delimiter = _DELIMITER.search(fragment, size)
    reset = delimiter.start() if delimiter else len(fragment)
    return fragment[size:reset].decode(codec) + fragment[reset:].decode(encodings[0])
