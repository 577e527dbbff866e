"""Values of data elements as the report, the log and the viewer show them.

The engine calls `reported_value` for each record that somebody asks for, never while it splices.
Numbers come as numbers, text as text, streams of bytes as hexadecimal text; what is long is cut.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, Final

from atlas_node.annotate.charset import Encodings, decode_text
from atlas_node.encoding.header import tag_text
from atlas_node.encoding.vr import BYTES, NUMBER_FORMAT, SINGLE_TEXT, UNIT

MAX_ITEMS: Final = 64
MAX_CHARACTERS: Final = 256

_SINGLE: Final = struct.Struct("<f")
_READ_AHEAD: Final = MAX_ITEMS * 66
"""No text VR that may be cut needs more bytes than this to fill what is shown of it."""


def reported_value(
    vr: str, value: memoryview, encodings: Encodings
) -> tuple[list[Any] | None, bool]:
    """Return the values of one element, little endian, and whether they were cut.

    Parameters
    ----------
    vr : str
        The VR to read it as; ``SQ`` and an empty value give None.
    value : memoryview
        The encoded value with its padding.
    encodings : tuple of str
        Codecs of the data set's specific character set.
    """
    if vr == "SQ" or not len(value):
        return None, False
    if vr in UNIT:
        return _numbers(vr, value)
    if vr in BYTES:
        return [value[: MAX_CHARACTERS // 2].hex()], len(value) > MAX_CHARACTERS // 2
    return _texts(vr, value, encodings)


def _numbers(vr: str, value: memoryview) -> tuple[list[Any], bool]:
    count = len(value) // UNIT[vr]
    shown = min(count, MAX_ITEMS)
    if vr == "AT":
        halves = struct.unpack_from(f"<{2 * shown}H", value)
        return [tag_text(*pair) for pair in zip(halves[::2], halves[1::2], strict=True)], (
            count > shown
        )
    numbers: list[Any] = list(_structure(vr, shown).unpack_from(value))
    if vr == "FL":
        numbers = [_shortest_single(number) for number in numbers]
    if vr in ("FL", "FD"):
        # JSON has no infinities and no NaN.
        numbers = [number if math.isfinite(number) else str(number) for number in numbers]
    return numbers, count > shown


@lru_cache(maxsize=1024)
def _structure(vr: str, count: int) -> struct.Struct:
    return struct.Struct(f"<{count}{NUMBER_FORMAT[vr]}")


def _shortest_single(number: float) -> float:
    """Return the double of fewest digits that is this single: 0.1, not 0.10000000149."""
    # Six digits, the fewest that are tried, write the commonest numbers as they are.
    if (number.is_integer() and abs(number) < 1e6) or not math.isfinite(number):
        return number
    written = _SINGLE.pack(number)
    return next(
        short
        for digits in (6, 7, 8, 9)
        if _SINGLE.pack(short := float(f"{number:.{digits}g}")) == written
    )


def _texts(vr: str, value: memoryview, encodings: Encodings) -> tuple[list[Any], bool]:
    raw = value[:_READ_AHEAD].tobytes()
    text = decode_text(raw, encodings)
    if text is None:
        text = raw.decode("latin-1")
    text = text.rstrip("\0 ")
    cut = len(value) > _READ_AHEAD or len(text) > MAX_CHARACTERS
    text = text[:MAX_CHARACTERS]
    if vr in SINGLE_TEXT:
        return [text], cut
    parts = text.split("\\")
    shown = [_typed(vr, part.strip(" ") if vr != "UT" else part) for part in parts[:MAX_ITEMS]]
    return shown, cut or len(parts) > MAX_ITEMS


def _typed(vr: str, text: str) -> Any:
    try:
        if vr == "IS":
            return int(text)
        if vr == "DS":
            number = float(text)
            return number if math.isfinite(number) else text
    except ValueError:
        pass
    return text
