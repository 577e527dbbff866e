"""Rows as files keep them: JSON lines of what was found, read back and checked.

The command writes one line for each element and each reject; `resolution` and `review` read them
through `read_rows`. A file may have been edited by hand, or come from elsewhere, so every field is
checked, and an error names file and line.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from atlas_dictionary import DictionaryError
from atlas_dictionary.keys import PRIVATE, parse_key

_LONGEST_LINE = 1 << 20
FACTS = ("group", "element", "creator", "vr", "vm", "name", "description")
"""What a row says of an element, by the names of the line."""


class RowsError(Exception):
    """A file of rows cannot be read or written; the message names it, and the line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: an element, or a reject, which has a text in place of a tag.

    Parameters
    ----------
    source : str
        The document.
    page : int
        From 1.
    table : int or None
    box : tuple of float or None
        Left, top, right and bottom in points; None for a line that has none.
    group, offset : int or None
        The element; None for a reject.
    creator, vr, vm, name, description : str or None
    confidence : float
        From 0 to 1; 0 for a reject.
    reasons : tuple of str
        What makes it less than certain.
    text : str
        Text of a reject.
    review : str or None
        What a person decided: ``accepted`` or ``rejected``.
    found : mapping or None
        The facts as they were read, where a person changed them.
    """

    source: str
    page: int
    table: int | None = None
    box: tuple[float, float, float, float] | None = None
    group: int | None = None
    offset: int | None = None
    creator: str | None = None
    vr: str | None = None
    vm: str | None = None
    name: str | None = None
    description: str | None = None
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    text: str = ""
    review: str | None = None
    found: Mapping[str, str | None] | None = None

    @property
    def tag(self) -> str:
        """The element as ``(0019,xx0a)``; empty for a reject."""
        if self.group is None or self.offset is None:
            return ""
        return f"({self.group:04x},xx{self.offset:02x})"

    @property
    def facts(self) -> dict[str, str | None]:
        """What it says of the element, as the line has it."""
        known = self.group is not None and self.offset is not None
        return {
            "group": f"{self.group:04x}" if known else None,
            "element": f"xx{self.offset:02x}" if known else None,
            "creator": self.creator,
            "vr": self.vr,
            "vm": self.vm,
            "name": self.name,
            "description": self.description,
        }

    def as_dict(self) -> dict[str, Any]:
        """Give the object of the line."""
        line: dict[str, Any] = {
            **self.facts,
            "source": self.source,
            "page": self.page,
            "table": self.table,
            "confidence": self.confidence,
            "reasons": list(self.reasons),
            "box": list(self.box) if self.box else None,
        }
        if self.text:
            line["text"] = self.text
        if self.review:
            line["review"] = self.review
        if self.found is not None:
            line["found"] = dict(self.found)
        return line


def read_rows(path: Path) -> Iterator[Row]:
    """Give the rows of a file of elements or of rejects.

    Raises
    ------
    RowsError
        When the file cannot be read, or a line is no row.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if line.strip():
                    yield _row(path, number, line)
    except OSError as error:
        raise RowsError(f"{path}: cannot be read: {error.strerror}") from None


def element_numbers(group: str, element: str) -> tuple[int, int]:
    """Give group number and offset of a private element, written ``0019`` and ``xx0a``.

    Raises
    ------
    DictionaryError
        The digits are none, the group is even, or they leave the element open (PS3.5 7.8.1).
    """
    key = parse_key(group, element, "-")
    if key.mask != PRIVATE or not key.tag & 0x10000:
        raise DictionaryError(f"({group},{element}) is no private element such as (0019,xx0a)")
    return key.tag >> 16, key.tag & 0xFF


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise _no_row(path, number, "not JSON") from None
    if not isinstance(given, dict):
        raise _no_row(path, number, "not a JSON object")
    try:
        return _checked(given)
    except (DictionaryError, OverflowError, ValueError) as error:
        raise _no_row(path, number, str(error)) from None


def _no_row(path: Path, number: int, reason: str) -> RowsError:
    return RowsError(f"{path}, line {number}: {reason}; expected a line that atlas-scrape wrote")


def _checked(given: Mapping[str, Any]) -> Row:
    text, reason = _text(given, "text") or "", _text(given, "reason")
    group = offset = None
    if _text(given, "group") is not None:
        group, offset = element_numbers(_text(given, "group") or "", _text(given, "element") or "")
    elif not text:
        raise ValueError("neither an element nor the text of a reject")
    facts = {name: _text(given, name) for name in FACTS[2:]}
    reasons = given.get("reasons")
    if reasons is not None and not _all(reasons, str):
        raise ValueError("reasons is no list of texts")
    review = _text(given, "review")
    if review not in (None, "accepted", "rejected"):
        raise ValueError("review is neither accepted nor rejected")
    found = given.get("found")
    if found is not None and not isinstance(found, dict):
        raise ValueError("found is no JSON object")
    source, page = _text(given, "source"), given.get("page")
    if not source or not isinstance(page, int) or page < 1:
        raise ValueError("names no source and page")
    table, confidence = given.get("table"), given.get("confidence", 0)
    if table is not None and not isinstance(table, int):
        raise ValueError("table is no number")
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise ValueError("confidence is no number from 0 to 1")
    return Row(
        source=source,
        page=page,
        table=table,
        box=_box(given.get("box")),
        group=group,
        offset=offset,
        **facts,
        confidence=float(confidence),
        reasons=(*(reasons or ()), *((reason,) if reason else ())),
        text=text,
        review=review,
        found=None if found is None else {name: _text(found, name) for name in FACTS},
    )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _box(value: Any) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    if not _all(value, int | float) or len(value) != 4:
        raise ValueError("box is not four numbers")
    left, top, right, bottom = map(float, value)
    if not all(map(isfinite, (left, top, right, bottom))):
        raise ValueError("box is not four numbers")
    return left, top, right, bottom


def _all(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)
