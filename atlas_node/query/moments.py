"""Dates and times of keys and of values: which spans of time they are, and whether two can meet.

`matching` compares by it and `lists` keeps the begin of each value for the database. A time of a
zone is compared in UTC (PS3.4 C.2.2.2.5); a DT without one may be of any zone. The rule: where it
is not known whether two spans meet, they do.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_ZONE: Final = r"(?:\+(?:(?:0\d|1[0-3])[0-5]\d|1400)|-(?:(?:0\d|1[01])[0-5]\d|1200))"
"""From -1200 to +1400 (PS3.5 6.2); other digits after a dash are the end of a range."""
_DT: Final = rf"(?:\d{{4}}(?:\d\d){{0,4}}|\d{{14}}(?:\.\d{{1,6}})?){_ZONE}?"
_TEMPORAL: Final = {
    "DA": re.compile(r"\d{4}\.?\d{2}\.?\d{2}"),
    "TM": re.compile(r"\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?"),
    "DT": re.compile(_DT),
}
_RANGE: Final = {
    "DA": re.compile(r"([\d.]+)?\s*-\s*([\d.]+)?"),
    "TM": re.compile(r"([\d.:]+)?\s*-\s*([\d.:]+)?"),
    # A zone such as -0500 belongs to its end, so the dash of the range is the one between ends.
    "DT": re.compile(rf"({_DT})?\s*-\s*({_DT})?"),
}
_AT_END: Final = re.compile(rf"{_ZONE}$")
_FIRST: Final = {"DA": "0" * 8, "TM": "0" * 12, "DT": "00010101000000000000"}
_LAST: Final = {"DA": "9" * 8, "TM": "9" * 12, "DT": "99991231235959999999"}
_WEST: Final = -12 * 60
_EAST: Final = 14 * 60
_MARGIN: Final = 3 * 24 * 60
"""Minutes. A day and two hours are between the zones; a 31st of February is moved by two days."""

VRS: Final = frozenset(_TEMPORAL)


@dataclass(frozen=True, slots=True)
class Span:
    """The time from a first to a last moment, as digits that sort.

    Attributes
    ----------
    first, last : str
        In local time; of a range without a begin or an end ``""`` or ``"~"``.
    zone : int or None
        Minutes east of UTC, of the first moment; None where it is not known.
    last_zone : int or None
        Of the last moment.
    """

    first: str
    last: str
    zone: int | None = None
    last_zone: int | None = None

    def meets(self, other: Span) -> bool:
        """Whether a moment may be in both."""
        return _reaches(self.last, self.last_zone, other.first, other.zone) and _reaches(
            other.last, other.last_zone, self.first, self.zone
        )


@dataclass(frozen=True, slots=True)
class Moments:
    """That a value is a date or time in a range, or a longer span of time with its begin in it.

    Attributes
    ----------
    low, high : str
        First and last moment, as `moment` writes them.
    certain : tuple of str and str, or None
        Between these a value of the key's VR satisfies it, elsewhere it must be tested for its
        zone. None: nowhere must it.
    local : Moments or None
        Where values that have no zone are, which need no test, as the key has none either.
    """

    low: str
    high: str
    certain: tuple[str, str] | None = None
    local: Moments | None = None

    @property
    def around(self) -> list[str]:
        """What is written to less precision than `low` and has it within: an hour, say."""
        return [self.low[:end] for end in range(1, len(self.low))]


def asked_span(vr: str, key: str) -> Span | None:
    """Return the time that a key asks for, a value or a range; None when it is neither."""
    text = key.strip()
    single = span(vr, text)
    if single is not None:
        return single
    match = _RANGE[vr].fullmatch(text)
    if match is None or match[1] is match[2] is None:
        return None
    low, high = (None if end is None else span(vr, end) for end in match.groups())
    if (low is None, high is None) != (match[1] is None, match[2] is None):
        return None
    return Span(
        "" if low is None else low.first,
        "~" if high is None else high.last,
        None if low is None else low.zone,
        None if high is None else high.last_zone,
    )


def span(vr: str, text: str) -> Span | None:
    """Return the time of a value: 1030 is a whole minute (PS3.5 6.2); None when it is none."""
    text = text.strip()
    if not _TEMPORAL[vr].fullmatch(text):
        return None
    digits = _digits(text)
    last = digits + _LAST[vr][len(digits) :]
    if vr == "DT" and len(digits) == len("YYYYMM"):
        last = f"{digits}{_days(int(digits[:4]), int(digits[4:])):02}{last[8:]}"
    zone = _minutes(text) if vr == "DT" else None
    return Span(digits + _FIRST[vr][len(digits) :], last, zone, zone)


def place(vr: str, asked: Span) -> Moments:
    """Return where the values are to be looked for that meet what a key asks for."""
    if vr != "DT":
        return Moments(asked.first, asked.last)
    return Moments(
        _earlier(asked.first, _MARGIN),
        _earlier(asked.last, -_MARGIN),
        (_earlier(asked.first, -_MARGIN), _earlier(asked.last, _MARGIN)),
        Moments(asked.first, asked.last) if asked.zone is asked.last_zone is None else None,
    )


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


def _digits(text: str) -> str:
    """Return a date or time without its zone and the signs between its parts."""
    return _AT_END.sub("", text).replace(".", "").replace(":", "")


def _minutes(text: str) -> int | None:
    found = _AT_END.search(text)
    if found is None:
        return None
    sign, hours, minutes = found[0][0], int(found[0][1:3]), int(found[0][3:])
    return (-1 if sign == "-" else 1) * (60 * hours + minutes)


def _reaches(later: str, its_zone: int | None, moment: str, zone: int | None) -> bool:
    """Whether a moment may be at another or after it."""
    if its_zone is zone is None:
        return later >= moment
    return _earlier(later, _WEST if its_zone is None else its_zone) >= _earlier(
        moment, _EAST if zone is None else zone
    )


def _earlier(moment: str, minutes: int) -> str:
    """Return a moment of a DT that is so many minutes earlier; no begin and no end are as they are.

    It is in UTC if these are its zone. What is past the last day of a month, as implementations
    write the end of a range, is that day.
    """
    if moment in ("", "~"):
        return moment
    year, month = max(int(moment[:4]), 1), min(max(int(moment[4:6]), 1), 12)
    day = min(max(int(moment[6:8]), 1), _days(year, month))
    hour, minute, second = (
        min(int(moment[at : at + 2]), most) for at, most in ((8, 23), (10, 59), (12, 59))
    )
    try:
        found = datetime(year, month, day, hour, minute, second, int(moment[14:])) - timedelta(
            minutes=minutes
        )
    except OverflowError:
        return "" if minutes > 0 else "~"
    return f"{found.year:04}{found:%m%d%H%M%S%f}"


def _days(year: int, month: int) -> int:
    return calendar.monthrange(max(year, 1), month)[1] if 1 <= month <= 12 else 31
