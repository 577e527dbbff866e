"""The elements of an object as CSV that a spreadsheet may open (RFC 4180).

The object page offers it for download. The rule: what came from the network is text to whoever
opens the file, never a formula, and no control character is in it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from atlas_node.log import value_text, visible

COLUMNS: Final = (
    "path", "creator", "key", "name", "vr_before", "vr", "vm", "value", "truncated", "status",
    "reason", "sources", "confidence",
)  # fmt: skip

_SIGNS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a formula begins with; the last four are the first in full width, which some take too."""

_FORMULA: Final = (*_SIGNS, "\t", "\r", "\n")
_FORMULA_WITHIN: Final = re.compile(rf"(?<=[;\t])(?=[\"'\s]*[{re.escape(_SIGNS)}])")
"""Where a program that parts cells by semicolon or tab would begin a cell with a formula."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def elements_csv(elements: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a heading and a row for each element, in UTF-8 with a byte order mark.

    Parameters
    ----------
    elements : iterable of mapping
        Records of elements as JSON. A value is one cell, its items parted by a backslash.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for element in elements:
        cells = {
            **element,
            "value": value_text(element["value"]),
            "truncated": "yes" if element.get("truncated") else "",
            "sources": " ".join(element["sources"]),
        }
        writer.writerow([cell(str(cells[column])) for column in COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def cell(text: str) -> str:
    """Return `text` such that no spreadsheet reads it as a formula.

    An apostrophe goes before what begins like one, if it is not a plain number; also after a
    semicolon or tab, for in many countries a spreadsheet parts the cells there and not at commas.
    """
    before = "'" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else ""
    return before + visible(_FORMULA_WITHIN.sub("'", text))
