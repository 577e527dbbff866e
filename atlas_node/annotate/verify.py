"""Whether bytes can be a value of a VR: length, repertoire, syntax and multiplicity (PS3.5 6.2).

The engine asks before it writes any VR. The rule is strict, because a wrong VR is worse than
`UN`: what the standard does not allow as a value of the VR is a misfit, with a reason that a
person understands. Values themselves never stand in a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from atlas_node.annotate.charset import Encodings, decode_text
from atlas_node.encoding.vr import MAX_SHORT_LENGTH, NATIVE_TEXT, SHORT_FORM, STREAM_UNIT, UNIT

_SHORT: Final = frozenset(vr.decode() for vr in SHORT_FORM)
_PRINTABLE: Final = r"[^\x00-\x1f\x7f\\]"
_PARAGRAPH: Final = r"[^\x00-\x08\x0b\x0e-\x1f\x7f]"
_COMPONENT: Final = r"[^\x00-\x1f\x7f\\^=]*"
_NAME_GROUP: Final = rf"{_COMPONENT}(?:\^{_COMPONENT}){{0,4}}"

ONE_VALUE: Final[dict[str, str]] = {
    "AE": r"[ -\[\]-~]{0,16}",
    "AS": r"(?:[0-9]{3}[DWMY])?",
    "CS": r"[A-Z0-9_ ]{0,16}",
    "DA": r"(?:[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?",
    # What is optional on both sides of blanks must not share them in more ways than one (` *+`):
    # a value of many blank numbers would be tried in all of them.
    "DS": r"(?=[^\\]{0,16}(?:\\|\Z)) *+"
    r"(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)? *",
    "DT": r"(?:[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])"
    r"(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?)?)?)?(?:[+-][0-9]{4})?)? *",
    "IS": r"(?=[^\\]{0,12}(?:\\|\Z)) *+(?:[+-]?[0-9]+)? *",
    "LO": _PRINTABLE + r"{0,64}",
    "PN": rf"{_NAME_GROUP}(?:={_NAME_GROUP}){{0,2}}",
    "SH": _PRINTABLE + r"{0,16}",
    "TM": r"(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?)? *",
    "UC": _PRINTABLE + r"*",
    "UI": r"(?=[0-9.]{0,64}(?:\\|\Z))(?:(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*)?",
}
_WHOLE_VALUE: Final[dict[str, str]] = {
    "LT": _PARAGRAPH + r"{0,10240}",
    "ST": _PARAGRAPH + r"{0,1024}",
    "UR": r"[!-\[\]-~]*",
    "UT": _PARAGRAPH + r"*",
}
_SYNTAX: Final = {vr: re.compile(rf"{one}(?:\\{one})*") for vr, one in ONE_VALUE.items()} | {
    vr: re.compile(whole) for vr, whole in _WHOLE_VALUE.items()
}
_LIMITED_WITH_SPACES: Final = frozenset({"DS", "IS", "LT", "ST"})
"""VRs whose trailing spaces count for the length; not those of others, which have none then."""
_EXPECTED: Final[dict[str, str]] = {
    "AE": "an application entity title of at most 16 characters",
    "AS": "an age such as 042Y",
    "CS": "at most 16 capitals, digits, spaces and underscores",
    "DA": "a date YYYYMMDD",
    "DS": "a decimal number of at most 16 characters",
    "DT": "a date and time YYYYMMDDHHMMSS.FFFFFF&ZZXX",
    "IS": "an integer of at most 12 characters within 32 bits",
    "LO": "text of at most 64 characters without control characters",
    "LT": "text of at most 10240 characters",
    "PN": "a person's name: groups of five components, 64 characters each",
    "SH": "text of at most 16 characters without control characters",
    "ST": "text of at most 1024 characters",
    "TM": "a time HHMMSS.FFFFFF",
    "UC": "text without control characters",
    "UI": "a UID of at most 64 digits and dots",
    "UR": "a URI",
    "UT": "text",
}


@dataclass(frozen=True, slots=True)
class Multiplicity:
    """A value multiplicity (PS3.5 6.4): from `low` to `high` values, in steps of `step`."""

    low: int
    high: int | None
    step: int

    def allows(self, count: int) -> bool:
        """Whether an element may have `count` values; one without a value always may."""
        if count == 0:
            return True
        if count < self.low or (self.high is not None and count > self.high):
            return False
        return (count - self.low) % self.step == 0


@lru_cache(maxsize=512)
def multiplicity(vm: str) -> Multiplicity | None:
    """Read a VM such as ``1``, ``1-3``, ``1-n`` or ``2-2n``; None when it is not one."""
    match = re.fullmatch(r"([0-9]+)(?:-(?:([0-9]+)|([0-9]*)n))?", vm)
    if not match:
        return None
    low = int(match[1])
    if "-" not in vm:
        return Multiplicity(low, low, 1)
    if match[2]:
        return Multiplicity(low, int(match[2]), 1)
    return Multiplicity(low, None, int(match[3] or 1))


def misfit(vr: str, value: memoryview, vm: Multiplicity | None, encodings: Encodings) -> str:
    """Say why `value` cannot be a value of `vr`; empty when it can.

    Parameters
    ----------
    vr : str
        Any VR but SQ, whose structure the engine itself reads.
    value : memoryview
        The encoded value, little endian, with its padding.
    vm : Multiplicity or None
        How many values the dictionary expects; None: any number.
    encodings : tuple of str
        Codecs of the data set's specific character set.
    """
    length = len(value)
    if length % 2:
        return f"the value has an odd length, {length} bytes"
    if vr in _SHORT and length > MAX_SHORT_LENGTH:
        return f"the value has {length} bytes; {vr} can hold {MAX_SHORT_LENGTH}"
    unit = UNIT.get(vr)
    if unit is not None:
        if length % unit:
            return f"the value has {length} bytes; {vr} needs a multiple of {unit}"
        return _miscount(vr, length // unit, vm)
    unit = STREAM_UNIT.get(vr)
    if unit is not None:
        return (
            f"the value has {length} bytes; {vr} needs a multiple of {unit}"
            if length % unit
            else ""
        )
    return _text_misfit(vr, value.tobytes(), vm, encodings)


def _text_misfit(vr: str, value: bytes, vm: Multiplicity | None, encodings: Encodings) -> str:
    syntax = _SYNTAX.get(vr)
    if syntax is None:
        return f"{vr} is no VR that a value can be verified for"
    if value.endswith(b"\0") or (vr in _LIMITED_WITH_SPACES and value.endswith(b" ")):
        # The pad byte counts for no length (PS3.5 6.2).
        value = value[:-1]
    if vr in NATIVE_TEXT:
        text = decode_text(value, encodings)
        if text is None:
            return "the value has bytes outside the data set's character set"
    elif value.isascii():
        text = value.decode("ascii")
    else:
        return f"the value has bytes outside the repertoire of {vr}"
    if vr not in ("ST", "LT", "UT"):
        text = text.rstrip(" ") if vr not in ("DS", "IS") else text
    if not syntax.fullmatch(text) or not _within_limits(vr, text):
        return f"the value is not {_EXPECTED[vr]}"
    if vr in _WHOLE_VALUE or not text.strip(" "):
        return ""
    return _miscount(vr, text.count("\\") + 1, vm)


def _within_limits(vr: str, text: str) -> bool:
    if vr == "IS":
        return all(-(2**31) <= int(one) < 2**31 for one in text.split("\\") if one.strip())
    if vr == "PN":
        return all(len(group) <= 64 for one in text.split("\\") for group in one.split("="))
    return True


def _miscount(vr: str, count: int, vm: Multiplicity | None) -> str:
    if vm is None or vm.allows(count):
        return ""
    expected = f"{vm.low}" if vm.high == vm.low else f"{vm.low} to {vm.high or 'n'}"
    return f"the value holds {count} values as {vr}; the dictionary expects {expected}"
