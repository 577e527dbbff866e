"""Importer of what atlas-scrape found in conformance statements: JSON, one element a line.

Each object has group, element, creator, vr, vm, name, description, source, page and confidence.
It may be a row of one document, a row with the `review` of a person, or an element over several
documents, which has them in `sources` (`atlas-scrape compare -o`). Left out and noted are an
element without a creator, which names nothing in the dictionary; one that a person rejected; and
one of little confidence that no person accepted, for it may be a slip of the scraper. Documents and
pages go into the detail.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.statements import SourceTable, Statement

LEAST_CONFIDENCE = 0.8
"""A row of less confidence, as the scraper counts it, is left out."""


def read_scraped(path: Path) -> SourceTable:
    """Return the elements in the JSON lines of `path`; notes tell what was left out.

    Raises
    ------
    DictionaryError
        When the file cannot be read at all.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            with readings.line(number):
                readings.statements.append(_statement(readings, line))
    return readings.table()


def _statement(readings: Readings, line: bytes) -> Statement:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise DictionaryError(f"not JSON: {error}") from None
    if not isinstance(row, dict):
        raise DictionaryError("not a JSON object")
    fields = {name: value.strip() for name, value in row.items() if isinstance(value, str)}
    review = fields.get("review", "")
    if review == "rejected":
        raise UnusableLineError("rejected in review")
    key = readings.key(
        fields.get("group", ""),
        fields.get("element", ""),
        fields.get("creator", ""),
        fields.get("name", ""),
    )
    confidence = row.get("confidence")
    doubtful = isinstance(confidence, int | float) and confidence < LEAST_CONFIDENCE
    if doubtful and review != "accepted":
        raise UnusableLineError(f"{key} has a confidence of {confidence} only")
    return Statement(
        key=key,
        vrs=readings.vrs(fields.get("vr", "")),
        vm=readings.vm(fields.get("vm", "")),
        name=fields.get("name", ""),
        description=fields.get("description", ""),
        detail=_places(row) + (", reviewed" if review == "accepted" else ""),
    )


def _places(row: dict[str, Any]) -> str:
    """Return the documents with their pages, as ``one.pdf p. 7, 12; other.pdf p. 3``."""
    sources = row.get("sources")
    pages: dict[str, list[str]] = {}
    for place in sources if isinstance(sources, list) else [row]:
        if isinstance(place, dict) and isinstance(place.get("source"), str):
            found = pages.setdefault(place["source"].strip(), [])
            page = place.get("page")
            if isinstance(page, int) and str(page) not in found:
                found.append(str(page))
    return "; ".join(
        f"{name} p. {', '.join(found)}" if found else name for name, found in pages.items()
    )
