"""Attribute matching: whether a value satisfies a key of a query (PS3.4 C.2.2.2).

The node itself matches only keys on private attributes, which it answers from its index; all
others are the upstream's. `parse_key` reads a key's value once, `Condition.matches` is asked for
each value. The rule: a key that cannot be read as its VR wants matches nothing that it should not.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from atlas_node.encoding.vr import SINGLE_TEXT
from atlas_node.errors import AtlasError
from atlas_node.query import moments, numeric
from atlas_node.query.moments import Moments
from atlas_node.query.numeric import NUMERIC, Value, Within

_WILD: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_STARS: Final = _WILD | moments.VRS | {"DS", "IS"}
"""VRs in which a lone ``*`` is asked for, though only some have wildcards."""
_ABSENT: Final = '""'
_BINARY: Final = NUMERIC - {"DS", "IS"}
SEARCHABLE: Final = NUMERIC | _WILD | {"AS", "DA", "DT", "TM", "UI"}
"""VRs whose values the index keeps and can be asked for."""


class QueryKeyError(AtlasError):
    """A key of a query has a value that its VR does not allow."""


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
    absent : bool
        Whether an attribute without a value satisfies it; then `places` has not all there is.
    places : tuple of Place or None
        Every value that satisfies it is in one of them. None: each value must be tested.
    """

    vr: str
    universal: bool
    _test: Callable[[Value], bool]
    places: tuple[Place, ...] | None = None
    absent: bool = False

    def matches(self, values: Sequence[Value]) -> bool:
        """Whether an attribute with these values satisfies the key: one of them is enough."""
        if self.universal or (self.absent and not any(value != "" for value in values)):
            return True
        return any(self._test(value) for value in values)


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
    if not wanted or (vr in _STARS and any(map(_is_star, wanted))):
        return Condition(vr, True, lambda value: True)
    absent = vr not in _BINARY and _ABSENT in wanted
    if absent:
        wanted = [value for value in wanted if value != _ABSENT]
    tests = [_test(vr, value) for value in wanted]
    places = [_place(vr, value) for value in wanted]
    known = tuple(it for it in places if it is not None)
    everywhere = known if len(known) == len(places) else None
    if len(tests) == 1:
        return Condition(vr, False, tests[0], everywhere, absent)
    return Condition(
        vr, False, lambda value: any(test(value) for test in tests), everywhere, absent
    )


def _is_star(key: Value) -> bool:
    return isinstance(key, str) and key.strip() != "" and not key.strip().strip("*")


def kept_text(vr: str, text: str) -> str:
    """Return a value without the spaces that do not count in its VR (PS3.5 6.2)."""
    return text.rstrip("\0 ") if vr in SINGLE_TEXT else text.strip("\0 ")


def _place(vr: str, key: Value) -> Place | None:
    if vr in NUMERIC:
        return numeric.place(vr, *_number_ends(vr, key))
    if not isinstance(key, str):
        return None
    if vr in moments.VRS:
        return moments.place(vr, _asked_span(vr, key))
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
        return lambda value: _between(low, numeric.compared(vr, value), high)
    if not isinstance(key, str):
        return lambda value: value == key
    if vr in moments.VRS:
        return _temporal_test(vr, key)
    text = _folded(vr, key)
    if vr in _WILD and ("*" in text or "?" in text):
        # fnmatch knows brackets, too; in a key they stand for themselves.
        pattern = re.compile(fnmatch.translate(text.replace("[", "[[]")))
        return lambda value: pattern.match(_folded(vr, str(value))) is not None
    return lambda value: _folded(vr, str(value)) == text


def _number_ends(vr: str, key: Value) -> tuple[float, float]:
    ends = numeric.asked_ends(vr, key)
    if ends is None:
        raise QueryKeyError(f"a key of VR {vr} is neither a number nor a range of numbers")
    return ends


def _between(low: float, value: float | None, high: float) -> bool:
    return value is not None and low <= value <= high


def _temporal_test(vr: str, key: str) -> Callable[[Value], bool]:
    wanted = _asked_span(vr, key)
    return lambda value: (its := moments.span(vr, str(value))) is not None and its.meets(wanted)


def _asked_span(vr: str, key: str) -> moments.Span:
    asked = moments.asked_span(vr, key)
    if asked is None:
        raise QueryKeyError(f"a key of VR {vr} is neither a single value nor a range")
    return asked


def _folded(vr: str, text: str) -> str:
    """Return `text` without the spaces that do not count; names also without their case."""
    stripped = kept_text(vr, text)
    # PS3.4 C.2.2.2.1: names may be matched without regard to case.
    return stripped.casefold() if vr == "PN" else stripped
