"""Value representations as PS3.5 6.2 and 7.1.2 define them: header form, size and kind of a value.

Used by every module that reads or writes an encoded data element. Facts alone, no behaviour.
"""

from __future__ import annotations

from typing import Final

SHORT_FORM: Final[frozenset[bytes]] = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
"""VRs whose explicit header has 8 bytes and a 16-bit length (PS3.5 table 7.1-2)."""

LONG_FORM: Final[frozenset[bytes]] = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs whose explicit header has 12 bytes and a 32-bit length (PS3.5 table 7.1-1)."""

KNOWN: Final[frozenset[str]] = frozenset(vr.decode() for vr in SHORT_FORM | LONG_FORM)

UNIT: Final[dict[str, int]] = {
    "AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8,
}  # fmt: skip
"""Bytes of one value, for VRs whose values have a fixed size and may be counted."""

STREAM_UNIT: Final[dict[str, int]] = {"OB": 1, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
"""Bytes of one unit, for VRs that hold a stream of units as a single value."""

NUMBER_FORMAT: Final[dict[str, str]] = {
    "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q",
}  # fmt: skip
"""How `struct` calls one value, for VRs that hold numbers."""

BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
"""VRs whose values are bytes without a meaning that the VR gives."""

NATIVE_TEXT: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs whose text is in the Specific Character Set of the data set (PS3.5 6.1.2.2)."""

SINGLE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})
"""VRs in whose text a backslash is a letter, so that it is always one value."""

MAX_SHORT_LENGTH: Final = 65534
"""Longest even value that a 16-bit length can hold."""

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
MAX_LENGTH: Final = 0xFFFFFFFE
"""Longest value that a 32-bit length can hold."""
