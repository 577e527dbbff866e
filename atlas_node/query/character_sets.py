"""Text in the Specific Character Set of a data set, as the index's values go into a response.

`private_keys` encodes by it what it writes. pydicom reads every character set, but writes those
with code extensions (PS3.5 6.1.2.4) only where a text has letters of one of them alone. The rule:
what does not read back as it was is not written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pydicom.charset import convert_encodings, default_encoding, encode_string

from atlas_node.annotate.charset import decode_text

_RUNS: Final = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")
_ESCAPES: Final = {
    "euc_kr": b"\x1b$)C",
    "iso2022_jp": b"",
    "iso2022_jp_2": b"",
    "iso_ir_58": b"\x1b$)A",
}
"""What goes before letters of a set of several bytes; the codecs of Japanese write their own, and
at the end the one that goes back to ASCII."""


def encodings_of(character_set: str | Sequence[str] | None) -> list[str]:
    """Return the Python encodings of Specific Character Set (0008,0005); ASCII where it is none."""
    terms = [character_set] if isinstance(character_set, str) else list(character_set or ())
    try:
        found = convert_encodings([str(it).strip() for it in terms] or [""])
    except LookupError:
        return ["ascii"]
    # pydicom reads the default repertoire as Latin 1; what is written in it is ASCII.
    return ["ascii" if it == default_encoding else it for it in found]


def encoded_text(text: str, encodings: Sequence[str]) -> bytes | None:
    """Return text in one of some encodings, or with escapes in several; None where it cannot be."""
    try:
        if text.isascii() or not encodings:
            return text.encode("ascii")
        if len(encodings) == 1:
            encoded = text.encode(encodings[0])
            return None if _is_shift_jis(text, encoded, encodings) else encoded
        for encoded in (_in_runs(text, encodings[1:]), encode_string(text, list(encodings))):
            is_read = encoded and decode_text(encoded, tuple(encodings)) == text
            if is_read and not _is_shift_jis(text, encoded, encodings):
                return encoded
    except (UnicodeError, LookupError):
        pass
    return None


def _is_shift_jis(text: str, encoded: bytes, encodings: Sequence[str]) -> bool:
    """Whether letters stand in two bytes of the codec for JIS X 0201, which has one for each."""
    is_escaped = b"\x1b" in encoded
    return encodings[0] == "shift_jis" and not is_escaped and len(encoded) != len(text)


def _in_runs(text: str, extensions: Sequence[str]) -> bytes:
    """Return text with each run of other letters than ASCII in its set; nothing where it has none.

    After a delimiter in a name the first set is in force again (PS3.5 6.1.2.5.3), so each run has
    its escape.
    """
    encoded = b""
    for run in _RUNS.findall(text):
        part = run.encode("ascii") if run.isascii() else _in_a_set(run, extensions)
        if not part:
            return b""
        encoded += part
    return encoded


def _in_a_set(run: str, extensions: Sequence[str]) -> bytes:
    for extension in extensions:
        if extension in _ESCAPES:
            try:
                return _ESCAPES[extension] + run.encode(extension)
            except UnicodeError:
                continue
    return b""
