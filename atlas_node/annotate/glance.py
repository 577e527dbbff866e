"""Values that are seen to fit at a glance: a length, or one pattern over the encoded bytes.

`definition` makes a `Glance` for each VR and multiplicity, and the walks try it before they ask
`choice` and `verify`, which give reasons. The rule: what a glance accepts, `verify.misfit` accepts,
in every character set. What it does not accept may fit all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from atlas_node.annotate.verify import ONE_VALUE, Multiplicity
from atlas_node.encoding.header import LITTLE_ENDIAN
from atlas_node.encoding.vr import (
    LONG_FORM,
    MAX_LENGTH,
    MAX_SHORT_LENGTH,
    STREAM_UNIT,
    UNIT,
)

_TEXT: Final = r"[ -\[\]-~]"
_COMPONENT: Final = r"[ -<>-\[\]_-~]*"
_ONE_VALUE: Final[dict[str, str]] = {
    vr: ONE_VALUE[vr] for vr in ("AE", "AS", "CS", "DA", "DS", "DT", "TM")
} | {
    "IS": r"(?=[^\\]{0,12}(?:\\|\Z)) *+[+-]?[0-9]{1,9} *",
    "LO": _TEXT + r"{0,64}",
    "PN": rf"(?=[^\\]{{0,64}}(?:\\|\Z)){_COMPONENT}(?:\^{_COMPONENT}){{0,4}}",
    "SH": _TEXT + r"{0,16}",
    "UC": _TEXT + r"*",
    "UI": r"(?=[^\\]{0,64}(?:\\|\Z))(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*",
}
_WHOLE_VALUE: Final[dict[str, str]] = {
    "LT": r"[ -~\t\n\f\r]{0,10240}",
    "ST": r"[ -~\t\n\f\r]{0,1024}",
    "UR": r"[!-\[\]-~]* *",
    "UT": r"[ -~\t\n\f\r]*",
}
_MAX_COUNT: Final = 64
"""A larger number of values is left to a closer look."""

_MAX_KEPT: Final = 1024
"""Headers for longer values are made anew each time: lengths come from the network."""


class Headers(dict[int, bytes | None]):
    """What stands behind the tag in a little endian header, by the length of the value.

    None: no value of that length is sure to fit. To be asked as ``headers[length]``.

    Parameters
    ----------
    vr : str
    fits : callable
        Whether a value of a length may fit, as far as the length can say.

    Attributes
    ----------
    code : bytes
        The VR.
    long : bool
        Whether its header has the long form.
    """

    def __init__(self, vr: str, fits: Callable[[int], bool]) -> None:
        super().__init__()
        self.code = vr.encode("ascii")
        self.long = self.code in LONG_FORM
        self._longest = MAX_LENGTH if self.long else MAX_SHORT_LENGTH
        self._fits = fits

    def __missing__(self, length: int) -> bytes | None:
        header = None
        if length <= self._longest and self._fits(length):
            if self.long:
                header = self.code + b"\0\0" + LITTLE_ENDIAN.length.pack(length)
            else:
                header = self.code + LITTLE_ENDIAN.short_length.pack(length)
        if length < _MAX_KEPT:
            self[length] = header
        return header


class Glance(NamedTuple):
    """How to see that a value fits a VR.

    Attributes
    ----------
    headers : Headers
        Of the VR; None for a length that is not sure to fit.
    match : callable or None
        Whether the value fits, as ``match(data, start, stop)``; None: its length says enough.
    """

    headers: Headers
    match: Callable[[Any, int, int], Any] | None


@lru_cache(maxsize=1024)
def glance(vr: str, vm: Multiplicity | None) -> Glance | None:
    """Return how to see that a value fits `vr` and `vm`; None where there is no such way."""
    unit = UNIT.get(vr)
    if unit is not None:
        return Glance(_counted(vr, unit, vm), None)
    unit = STREAM_UNIT.get(vr)
    if unit is not None:
        return Glance(_multiples(vr, max(unit, 2)), None)
    if vr in _WHOLE_VALUE:
        return Glance(_multiples(vr, 2), _compiled(_WHOLE_VALUE[vr]))
    if vr in _ONE_VALUE:
        return Glance(_multiples(vr, 2), _compiled(_counted_pattern(_ONE_VALUE[vr], vm)))
    return None


@lru_cache(maxsize=64)
def any_value(vr: str) -> Headers:
    """Return the headers of a standard element, whose value is only asked to be whole."""
    return _multiples(vr, UNIT.get(vr) or STREAM_UNIT.get(vr) or 1)


@lru_cache(maxsize=64)
def _multiples(vr: str, unit: int) -> Headers:
    return Headers(vr, lambda length: length % unit == 0)


def _counted(vr: str, unit: int, vm: Multiplicity | None) -> Headers:
    if vm is None or vm == Multiplicity(1, None, 1):
        return _multiples(vr, unit)
    return Headers(
        vr,
        lambda length: (
            length % unit == 0 and length <= unit * _MAX_COUNT and vm.allows(length // unit)
        ),
    )


def _counted_pattern(one: str, vm: Multiplicity | None) -> str:
    """Return the pattern of as many values as `vm` allows, or of none."""
    if vm is None or vm == Multiplicity(1, None, 1):
        return rf"{one}(?:\\{one})*"
    if vm == Multiplicity(1, 1, 1):
        return one
    high = vm.low if vm.high is None else vm.high
    if not 1 <= vm.low <= high <= _MAX_COUNT or not 1 <= vm.step <= _MAX_COUNT:
        return ""
    values = rf"{one}(?:\\{one}){{{vm.low - 1},{high - 1}}}"
    if vm.high is None:
        values += rf"(?:(?:\\{one}){{{vm.step}}})*"
    return rf"(?:{values})?"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Callable[[Any, int, int], Any]:
    # One NUL behind the last value is padding, whatever the VR.
    return re.compile(rf"(?:{pattern})\x00?".encode("ascii")).fullmatch
