"""How values of the index are told: in which order, and in which VR where they have several.

`AttributeIndex` makes a `Told` of the rows that it finds for an attribute of an entity; the answer
to a query puts it into one element. The rule: what is told is exactly a value that an object has,
in a VR that holds it; where one element cannot have all of them, some are told and that is said.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from atlas_node.encoding.vr import SINGLE_TEXT
from atlas_node.query.numeric import NUMERIC

_INTEGERS: Final = {
    "IS": (-(2**31), 2**31 - 1),
    "SL": (-(2**31), 2**31 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "SV": (-(2**63), 2**63 - 1),
    "UL": (0, 2**32 - 1),
    "US": (0, 2**16 - 1),
    "UV": (0, 2**64 - 1),
}
_DECIMAL: Final = re.compile(
    r"(?=.{1,16}\Z)[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
)
_OF_NUMBERS: Final = ("DS", "IS", "FD", "FL", "SV", "UV", "SL", "UL", "SS", "US")
"""In the order in which numbers of several VRs are tried in one of them."""
_OF_TEXTS: Final = {
    "LO": re.compile(r"[^\x00-\x1f\x7f\\]{0,64}"),
    "UC": re.compile(r"[^\x00-\x1f\x7f\\]*"),
}
_WRITTEN_IN_TEXT: Final = frozenset({"DS", "IS"})
_EXACT_DIGITS: Final = 15
"""A double has every decimal of so many characters as it is, and tells them apart."""
_MORE_DIGITS: Final = frozenset({"DS", "SV", "UV"})


class Told(NamedTuple):
    """The values that an entity has for an attribute.

    Attributes
    ----------
    vr : str
        Empty where there are no values, or values of several VRs.
    values : list of str
    is_whole : bool
        Whether these are all; else there are more, which are not kept or too many to be told.
    vrs : tuple of str
        Where they have several: that of each value.
    """

    vr: str
    values: list[str]
    is_whole: bool = True
    vrs: tuple[str, ...] = ()


NOTHING: Final = Told("", [])


class Row(NamedTuple):
    """A value as the index has it; without a VR it stands for one that is not kept."""

    key_id: int
    vr: str
    text: str
    number: float | None


def told(rows: Iterable[Row], *, in_order: bool, is_whole: bool = True) -> Told:
    """Return values as they come, or each once, in ascending order.

    Parameters
    ----------
    rows : iterable of Row
        Of one attribute.
    in_order : bool
        Whether they come in the order of the attribute and have its repeats.
    is_whole : bool
        Whether these are all rows.
    """
    rows = list(rows)
    kept = [row for row in rows if row.vr]
    is_whole = is_whole and len(kept) == len(rows)
    if not in_order:
        kept = _each_once(kept)
    values = [row.text for row in kept]
    vrs = tuple(row.vr for row in kept)
    if len(set(vrs)) > 1:
        return Told("", values, is_whole, vrs)
    return Told(vrs[0] if vrs else "", values, is_whole)


def in_one_element(its: Told, is_asked: Callable[[str], bool]) -> Told:
    """Return what one element can have of some values: all where there is a VR for that.

    Values of several VRs are told in one of these, or in FD, if that has every one of them exactly;
    texts in LO or UC. A number that two VRs have is told once. Where there is no such VR, the
    values of one VR are told; of text that an element has only one value of, one value.

    Parameters
    ----------
    its : Told
    is_asked : callable
        Whether a value satisfies the key. Those that do come before others.
    """
    if not its.values or (its.vr and (its.vr not in SINGLE_TEXT or len(its.values) == 1)):
        return its
    vrs = its.vrs or (its.vr,) * len(its.values)
    common = None if SINGLE_TEXT.intersection(vrs) else _in_a_common_vr(its.values, vrs)
    if common is not None:
        return Told(*common, its.is_whole)
    pairs = list(zip(vrs, its.values, strict=True))
    asked = [(vr, value) for vr, value in pairs if is_asked(value)] or pairs
    ((most, _),) = Counter(vr for vr, _ in asked).most_common(1)
    if most in SINGLE_TEXT:
        return Told(most, [next(value for vr, value in asked if vr == most)], is_whole=False)
    return Told(most, [value for vr, value in pairs if vr == most], is_whole=False)


def _in_a_common_vr(values: Sequence[str], vrs: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return a VR that has all values exactly, and the values as it has them."""
    if all(vr in NUMERIC for vr in vrs):
        numbers = [exact_number(vr, text) for vr, text in zip(vrs, values, strict=True)]
        for wanted in (*(it for it in _OF_NUMBERS if it in vrs), "FD"):
            written: list[str] = []
            for vr, text, number in zip(vrs, values, numbers, strict=True):
                its = text if vr == wanted else _written(wanted, text, number)
                if its is None:
                    break
                written.append(its)
            else:
                return wanted, _once_of_several(written, vrs, numbers)
        return None
    if any(vr in NUMERIC and vr not in _WRITTEN_IN_TEXT for vr in vrs):
        return None
    for wanted, pattern in _OF_TEXTS.items():
        if all(map(pattern.fullmatch, values)):
            return wanted, _once_of_several(values, vrs, values)
    return None


def _written(vr: str, text: str, number: Decimal | None) -> str | None:
    """Return a number, written as `text` in another VR, as a value of `vr`; None if it is none."""
    if number is None:
        return None
    if vr in _INTEGERS:
        low, high = _INTEGERS[vr]
        is_one = low <= number <= high and number == number.to_integral_value()
        return str(int(number)) if is_one else None
    if vr == "DS":
        return text if _DECIMAL.fullmatch(text) and Decimal(text) == number else None
    as_float = float(number) if vr == "FD" else _single(float(number))
    return repr(as_float) if as_float is not None and number == Decimal(as_float) else None


def _once_of_several(
    written: Sequence[str], vrs: Sequence[str], values: Sequence[Hashable]
) -> list[str]:
    """Return values without those that are there already from another VR."""
    first: dict[Hashable, str] = {}
    return [
        text
        for text, vr, value in zip(written, vrs, values, strict=True)
        if value is None or first.setdefault(value, vr) == vr
    ]


def exact_number(vr: str, text: str) -> Decimal | None:
    """Return the number that a value of a numeric VR is; None where it is none, or not finite."""
    try:
        number = Decimal(text.strip())
        if vr in ("FD", "FL"):
            # Their texts are the shortest that name the binary number.
            binary = float(number) if vr == "FD" else _single(float(number))
            number = Decimal("NaN" if binary is None else binary)
    except InvalidOperation:
        return None
    return number if number.is_finite() and math.isfinite(float(number)) else None


def _single(number: float) -> float | None:
    """Return the single precision number next to `number`; None where that is too large."""
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        return None
    return float(single)


def _each_once(rows: Sequence[Row]) -> list[Row]:
    """Return values in ascending order, without those that are equal, of each VR for itself."""
    compared = [(_comparable(row), row) for row in rows]
    compared.sort(key=lambda it: (math.inf if it[0] is None else it[0], it[1].text))
    different: dict[tuple[str, Hashable], Row] = {}
    for number, row in compared:
        is_number = number is not None and row.vr in NUMERIC
        different.setdefault((row.vr, number if is_number else row.text), row)
    return list(different.values())


def _comparable(row: Row) -> float | Decimal | None:
    """Return the number of a value, exact enough to tell it from all others of its VR."""
    if row.number is None or row.vr not in _MORE_DIGITS or len(row.text) <= _EXACT_DIGITS:
        return row.number
    return exact_number(row.vr, row.text)
