"""Attribute matching: whether a value satisfies a key of a query (PS3.4 C.2.2.2).

The node itself matches only keys on private attributes, which it answers from its index; all
others are the upstream's. `parse_key` reads a key's value once, `Condition.matches` is asked for
each value. The rule: a key that cannot be read as its VR wants matches nothing that it should not.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from atlas_node.errors import AtlasError

Value = str | float | int

NUMERIC: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_WILD: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_SINGLE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})
SEARCHABLE: Final = NUMERIC | _WILD | {"AS", "DA", "DT", "TM", "UI"}
"""VRs whose values the index keeps and can be asked for."""

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER_RANGE: Final = re.compile(rf"({_NUMBER})?\s*-\s*({_NUMBER})?")
_TEMPORAL_RANGE: Final = {
    "DA": re.compile(r"(\d{8})?-(\d{8})?"),
    "TM": re.compile(r"([\d.:]+)?-([\d.:]+)?"),
    # A zone such as -0500 belongs to its end, so the dash of the range is the one between ends.
    "DT": re.compile(r"(\d[\d.]*(?:[+-]\d{4})?)?-(\d[\d.]*(?:[+-]\d{4})?)?"),
}
_TEMPORAL: Final = {
    "DA": re.compile(r"\d{4}\.?\d{2}\.?\d{2}"),
    "TM": re.compile(r"\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?"),
    "DT": re.compile(r"\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?"),
}


class QueryKeyError(AtlasError):
    """A key of a query has a value that its VR does not allow."""


@dataclass(frozen=True, slots=True)
class Within:
    """That a value is a number from `low` to `high`, both included; one of them may be infinite."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Beginning:
    """That a value, as `kept_text` writes it, begins with a text.

    Attributes
    ----------
    text : str
    whole : bool
        Whether it is all of the value.
    enough : bool
        Whether every such value satisfies the key; else it must be tested.
    """

    text: str
    whole: bool
    enough: bool


@dataclass(frozen=True, slots=True)
class Moments:
    """That a value is a date or time in a range, or a longer span of time with its begin in it.

    Attributes
    ----------
    low, high : str
        First and last moment, as `moment` writes them.
    """

    low: str
    high: str

    @property
    def around(self) -> list[str]:
        """What is written to less precision than `low` and has it within: an hour, say."""
        return [self.low[:end] for end in range(1, len(self.low))]


@dataclass(frozen=True, slots=True)
class Alike:
    """That a value has all texts of a pattern, in any case; whether it matches must be tested.

    Attributes
    ----------
    pattern : str
        Not of wildcards alone.
    """

    pattern: str


Place = Within | Beginning | Moments | Alike
"""Where the values that satisfy a key are to be looked for."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a key asks of the values of one attribute.

    Attributes
    ----------
    vr : str
    universal : bool
        Whether every value satisfies it, none at all, too (PS3.4 C.2.2.2.3).
    places : tuple of Place or None
        Every value that satisfies it is in one of them. None: each value must be tested.
    """

    vr: str
    universal: bool
    _test: Callable[[Value], bool]
    places: tuple[Place, ...] | None = None

    def matches(self, values: Sequence[Value]) -> bool:
        """Whether an attribute with these values satisfies the key: one of them is enough."""
        return self.universal or any(self._test(value) for value in values)


def parse_key(vr: str, key: Sequence[Value]) -> Condition:
    """Read the value of a key.

    Parameters
    ----------
    vr : str
        Of the attribute.
    key : sequence of str, int or float
        The values of the key; several are a list, of which one must match (PS3.4 C.2.2.2.2 has it
        for UIDs; here it holds for every VR).

    Raises
    ------
    QueryKeyError
        When a value is not one of this VR, nor a range or pattern where the VR has them.
    """
    wanted = [value for value in key if value != ""]
    if not wanted:
        return Condition(vr, True, lambda value: True)
    if vr in _WILD and all(isinstance(value, str) and not value.strip("*") for value in wanted):
        return Condition(vr, True, lambda value: True)
    tests = [_test(vr, value) for value in wanted]
    places = [_place(vr, value) for value in wanted]
    known = tuple(it for it in places if it is not None)
    everywhere = known if len(known) == len(places) else None
    if len(tests) == 1:
        return Condition(vr, False, tests[0], everywhere)
    return Condition(vr, False, lambda value: any(test(value) for test in tests), everywhere)


def kept_text(vr: str, text: str) -> str:
    """Return a value without the spaces that do not count in its VR (PS3.5 6.2)."""
    return text.rstrip("\0 ") if vr in _SINGLE_TEXT else text.strip("\0 ")


def _place(vr: str, key: Value) -> Place | None:
    if vr in NUMERIC:
        return Within(*_number_ends(vr, key))
    if not isinstance(key, str):
        return None
    if vr in _TEMPORAL:
        return Moments(*_temporal_ends(vr, key))
    text = _folded(vr, key)
    parts = [part for part in re.split(r"[*?]", text) if part] if vr in _WILD else [text]
    begin = text[: min(text.find(sign) % (len(text) + 1) for sign in "*?")]
    # Names match in any case, so they do not stand together in the order of texts.
    if vr != "PN":
        if parts == [text]:
            return Beginning(text, whole=True, enough=True)
        if begin and text == f"{begin}*":
            return Beginning(begin, whole=False, enough=True)
        if begin and len(begin) >= max(map(len, parts)):
            return Beginning(begin, whole=False, enough=False)
    return Alike(text) if parts else None


def _test(vr: str, key: Value) -> Callable[[Value], bool]:
    if vr in NUMERIC:
        low, high = _number_ends(vr, key)
        return lambda value: _between(low, number(value), high)
    if not isinstance(key, str):
        return lambda value: value == key
    if vr in _TEMPORAL:
        return _temporal_test(vr, key)
    text = _folded(vr, key)
    if vr in _WILD and ("*" in text or "?" in text):
        # fnmatch knows brackets, too; in a key they stand for themselves.
        pattern = re.compile(fnmatch.translate(text.replace("[", "[[]")))
        return lambda value: pattern.match(_folded(vr, str(value))) is not None
    return lambda value: _folded(vr, str(value)) == text


def _number_ends(vr: str, key: Value) -> tuple[float, float]:
    single = number(key)
    if single is not None:
        return single, single
    match = _NUMBER_RANGE.fullmatch(key.strip()) if isinstance(key, str) else None
    if match is None or match[1] is match[2] is None:
        raise QueryKeyError(f"a key of VR {vr} is neither a number nor a range of numbers")
    return (
        float(match[1]) if match[1] is not None else -math.inf,
        float(match[2]) if match[2] is not None else math.inf,
    )


def _between(low: float, value: float | None, high: float) -> bool:
    return value is not None and low <= value <= high


def number(value: Value) -> float | None:
    """Return a value as a number; None when it is none, or not finite."""
    if isinstance(value, str) and not re.fullmatch(_NUMBER, value.strip()):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def _temporal_test(vr: str, key: str) -> Callable[[Value], bool]:
    wanted = _temporal_ends(vr, key)
    # 1030 means the whole minute (PS3.5 6.2, TM), so spans that overlap match.
    return lambda value: _overlap(_span_or_none(vr, value), wanted)


def _temporal_ends(vr: str, key: str) -> tuple[str, str]:
    """Return the first and last moment that a key asks for."""
    text = key.strip()
    if _TEMPORAL[vr].fullmatch(text):
        return _span(vr, text)
    match = _TEMPORAL_RANGE[vr].fullmatch(text)
    ends = (match[1], match[2]) if match else (None, None)
    if ends == (None, None) or not all(end is None or _TEMPORAL[vr].fullmatch(end) for end in ends):
        raise QueryKeyError(f"a key of VR {vr} is neither a single value nor a range")
    low = _span(vr, ends[0])[0] if ends[0] else ""
    high = _span(vr, ends[1])[1] if ends[1] else "~"
    return low, high


def moment(vr: str, text: str) -> str | None:
    """Return the digits of a value that is a date, a time or both; None when it is none.

    Parameters
    ----------
    vr : str
        If it is one of dates and times, the value is to be one of that.
    text : str
    """
    text = text.strip()
    patterns = [_TEMPORAL[vr]] if vr in _TEMPORAL else _TEMPORAL.values()
    return _digits(text) if any(it.fullmatch(text) for it in patterns) else None


def _span_or_none(vr: str, value: Value) -> tuple[str, str] | None:
    text = str(value).strip()
    return _span(vr, text) if _TEMPORAL[vr].fullmatch(text) else None


def _span(vr: str, text: str) -> tuple[str, str]:
    """Return the first and last moment that `text` stands for, in digits that sort.

    The zone of a DT is not taken into account: keys and values of one archive share theirs.
    """
    digits = _digits(text)
    full = {"DA": 8, "TM": 12, "DT": 20}[vr]
    return digits.ljust(full, "0"), digits.ljust(full, "9")


def _digits(text: str) -> str:
    """Return a date or time without its zone and the signs between its parts."""
    return re.sub(r"[+-]\d{4}$", "", text).replace(".", "").replace(":", "")


def _overlap(span: tuple[str, str] | None, wanted: tuple[str, str]) -> bool:
    return span is not None and span[0] <= wanted[1] and wanted[0] <= span[1]


def _folded(vr: str, text: str) -> str:
    """Return `text` without the spaces that do not count; names also without their case."""
    stripped = kept_text(vr, text)
    # PS3.4 C.2.2.2.1: names may be matched without regard to case.
    return stripped.casefold() if vr == "PN" else stripped
