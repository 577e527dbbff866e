"""Numbers of keys and of values: as they are compared, and where the database has them.

`matching` compares by it, `lists` keeps a `number` of each value for the database. Integers are
compared as integers, for those of SV and UV have more digits than a floating-point number; values
of FL to the precision that they have. The rule: what the database finds by `Within` is all.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Final

Value = str | float | int

NUMERIC: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})

_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_A_NUMBER: Final = re.compile(_NUMBER)
_INTEGER: Final = re.compile(r"[+-]?\d{1,30}")
_RANGE: Final = re.compile(rf"({_NUMBER})?\s*-\s*({_NUMBER})?")
_EXACT: Final = 2.0**53
"""Below it each integer is a floating-point number of its own."""
_SINGLE: Final = struct.Struct("<f")
_BITS: Final = struct.Struct("<i")
_PAST_SINGLE: Final = 2.0**128


@dataclass(frozen=True, slots=True)
class Within:
    """That a value is a number from `low` to `high`, both included; one of them may be infinite.

    Attributes
    ----------
    low, high : float
    enough : bool
        Whether every such value satisfies the key; else it must be tested.
    """

    low: float
    high: float
    enough: bool = True


def number(value: Value) -> float | None:
    """Return a value as a number; None when it is none, or not finite."""
    if isinstance(value, str) and not _A_NUMBER.fullmatch(value.strip()):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def compared(vr: str, value: Value) -> float | None:
    """Return a value as it is compared with others in a VR: an integer as such; None if none."""
    if vr == "FL":
        found = number(value)
        return None if found is None else _single(found)
    if vr != "FD":
        if isinstance(value, int):
            return value
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            return int(value)
    return number(value)


def asked_ends(vr: str, key: Value) -> tuple[float, float] | None:
    """Return the least and the greatest number that a key asks for; None if it is no number."""
    single = compared(vr, key)
    if single is not None:
        return single, single
    match = _RANGE.fullmatch(key.strip()) if isinstance(key, str) else None
    if match is None or match[1] is match[2] is None:
        return None
    low = -math.inf if match[1] is None else compared(vr, match[1])
    high = math.inf if match[2] is None else compared(vr, match[2])
    return None if low is None or high is None else (low, high)


def place(vr: str, low: float, high: float) -> Within:
    """Return where the values that are compared as from `low` to `high` are to be looked for."""
    if vr == "FL":
        return Within(_least_of_single(low), -_least_of_single(-high))
    # `float` keeps the order, so it leaves out none.
    ends = Within(float(low), float(high))
    enough = vr == "FD" or all(
        math.isinf(end) or abs(end) < _EXACT for end in (ends.low, ends.high)
    )
    return Within(ends.low, ends.high, enough)


def _single(found: float) -> float:
    """Return the single that a number is, or itself where it is past all of them."""
    try:
        return float(_SINGLE.unpack(_SINGLE.pack(found))[0])
    except OverflowError:
        return found


def _least_of_single(single: float) -> float:
    """Return the least number that is this single, or itself where it is none."""
    if math.isinf(single) or _single(math.nextafter(single, math.inf)) != single:
        return single
    between = (_below(single) + single) / 2
    return between if _single(between) == single else math.nextafter(between, math.inf)


def _below(single: float) -> float:
    """Return the next lesser single."""
    if single == 0:
        return -(2.0**-149)
    (bits,) = _BITS.unpack(_SINGLE.pack(single))
    (found,) = _SINGLE.unpack(_BITS.pack(bits - 1 if single > 0 else bits + 1))
    return max(float(found), -_PAST_SINGLE)
