"""Values in the other byte order (PS3.5 7.3): what big endian asks of each VR.

`UN` holds little endian even in a big endian stream (PS3.5 6.2.2 note 2); annotation turns the
value when it moves to a real VR, and turns values of a big endian stream to report them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

_WORD: Final = {
    "AT": 2, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2,
    "SV": 8, "UL": 4, "US": 2, "UV": 8,
}  # fmt: skip
"""Bytes that are turned as one, for VRs whose values depend on the byte order."""


def swapped(vr: str, value: bytes | memoryview) -> bytes | memoryview:
    """Return `value` in the other byte order; bytes behind its last whole word stay."""
    word = _WORD.get(vr)
    if word is None:
        return value
    whole = len(value) - len(value) % word
    turned = np.frombuffer(value[:whole], dtype=f"u{word}").byteswap().tobytes()
    return turned + bytes(value[whole:])
