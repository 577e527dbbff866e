"""Which objects and elements of the log are wanted, and the text forms that say so.

The command line and the viewer build a `LogFilter` from text with `LogFilter.from_text`, so that
an option and a field of the page mean the same; `queries` turns it into SQL parameters.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from atlas_node.encoding.vr import KNOWN
from atlas_node.model import ElementStatus

_TAG = re.compile(r"\(?\s*([0-9a-f]{4})\s*,?\s*((?:[0-9a-f]{2}|xx)[0-9a-f]{2})\s*\)?", re.I)
_AGO = re.compile(r"(\d{1,9})\s*([smhdw])", re.I)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Conditions that all hold for what is wanted; None asks nothing.

    Attributes
    ----------
    creator : str or None
        Private creator, whatever its case; ``*`` stands for any text.
    tag : str or None
        ``(0019,100a)`` for elements with that very tag at any depth, ``(0019,xx0a)`` for a key of
        the dictionary, whichever block it was in.
    vr : str or None
        VR after annotation.
    name : str or None
        Part of the element's name, whatever its case.
    patient_id, study_uid, series_uid, sop_uid, object_id : str or None
        Exactly so; the UIDs are those of study, series and SOP instance.
    status : ElementStatus or None
    since : float or None
        Objects received at this time or later, seconds since the epoch.
    until : float or None
        Objects received before this time.
    calling_ae, modality, manufacturer : str or None
        Whatever their case; of the manufacturer a part is enough.
    """

    creator: str | None = None
    tag: str | None = None
    vr: str | None = None
    name: str | None = None
    patient_id: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    sop_uid: str | None = None
    status: ElementStatus | None = None
    since: float | None = None
    until: float | None = None
    calling_ae: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    object_id: str | None = None

    @classmethod
    def from_text(cls, conditions: Mapping[str, str | None]) -> LogFilter:
        """Return the filter that a user typed; empty fields ask nothing, others are ignored.

        Raises
        ------
        ValueError
            A tag, status or time cannot be understood; the message names which, and what was
            expected.
        """
        given: dict[str, Any] = {}
        for field in fields(cls):
            text = (conditions.get(field.name) or "").strip()
            if not text:
                continue
            try:
                given[field.name] = _READ.get(field.name, str)(text)
            except ValueError as error:
                raise ValueError(f"{field.name}: {error}") from None
        return cls(**given)

    @property
    def asks_of_elements(self) -> bool:
        """Whether a condition is on elements and not on their object."""
        return any((self.creator, self.tag, self.vr, self.name, self.status))


def parse_tag(text: str) -> str:
    """Return a tag or key as ``(0019,100a)`` or ``(0019,xx0a)``; parentheses may be left out.

    Raises
    ------
    ValueError
        The text is neither.
    """
    match = _TAG.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected a tag such as (0019,100a), 0019100a or 0019,xx0a")
    return f"({match[1]},{match[2]})".lower()


def parse_vr(text: str) -> str:
    """Return a value representation in capitals.

    Raises
    ------
    ValueError
        It is none.
    """
    vr = text.strip().upper()
    if vr not in KNOWN:
        raise ValueError("expected a VR such as DS or UN")
    return vr


def parse_since(text: str) -> float:
    """Return a time in seconds since the epoch from ISO 8601 or from an age such as ``2h``.

    Ages are a whole number of s, m, h, d or w; an ISO time without a zone is local.

    Raises
    ------
    ValueError
        The text is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return time.time() - int(ago[1]) * _SECONDS[ago[2].lower()]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            "expected a time such as 2026-03-01T08:30, or an age such as 30m, 2h or 7d"
        ) from None


def parse_until(text: str) -> float:
    """Return the time up to which is asked, as `parse_since` does; a day alone is meant to its end.

    Raises
    ------
    ValueError
        The text is no time.
    """
    try:
        day = date.fromisoformat(text.strip())
        following = datetime(day.year, day.month, day.day) + timedelta(days=1)
        return following.timestamp()
    except (ValueError, OverflowError, OSError):
        return parse_since(text)


def parse_status(text: str) -> ElementStatus:
    """Return the status that `text` names.

    Raises
    ------
    ValueError
        It names none.
    """
    try:
        return ElementStatus(text.strip().lower())
    except ValueError:
        raise ValueError(f"expected one of {', '.join(ElementStatus)}") from None


_READ = {
    "tag": parse_tag,
    "vr": parse_vr,
    "status": parse_status,
    "since": parse_since,
    "until": parse_until,
}
