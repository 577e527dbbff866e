"""Importer of what atlas-scrape finds in conformance statements: JSON, one element a line.

Each object has group, element, creator, vr, vm, name, description, source, page and confidence.
An element without a creator names nothing in the dictionary, and one of little confidence may be a
slip of the scraper: both are left out and noted. Document and page go into the detail.
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
    key = readings.key(
        fields.get("group", ""),
        fields.get("element", ""),
        fields.get("creator", ""),
        fields.get("name", ""),
    )
    confidence = row.get("confidence")
    if isinstance(confidence, int | float) and confidence < LEAST_CONFIDENCE:
        raise UnusableLineError(f"{key} has a confidence of {confidence} only")
    page = row.get("page")
    place = fields.get("source", "")
    return Statement(
        key=key,
        vrs=readings.vrs(fields.get("vr", "")),
        vm=readings.vm(fields.get("vm", "")),
        name=fields.get("name", ""),
        description=fields.get("description", ""),
        detail=f"{place} p. {page}" if isinstance(page, int) else place,
    )
