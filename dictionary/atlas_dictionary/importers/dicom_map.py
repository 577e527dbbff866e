"""Importer of dicom-map's ``tags.csv``: group, element, private_creator, vr, vm, keyword, name, ...

The header line tells it from a table of our own: it names ``private_creator``. Standard elements
are those without one. ``vendors`` and ``sources`` go into the detail, so that it stays known where
dicom-map has it from.
"""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path

from atlas_dictionary.entry import NO_FLAGS, Flags
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.keys import parse_key
from atlas_dictionary.keywords import is_placeholder
from atlas_dictionary.statements import SourceTable, Statement

COLUMNS = (
    "group", "element", "private_creator", "vr", "vm", "keyword", "name", "description", "retired",
    "vendors", "sources",
)  # fmt: skip
_NO = frozenset({"", "0", "false", "no", "n", "none"})


def read_dicom_map(path: Path) -> SourceTable:
    """Return the dictionary in `path`; notes tell what could not be read.

    Raises
    ------
    DictionaryError
        When the file cannot be read, or has not the columns of dicom-map.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DictionaryError(f"{path}, line 1: has no column {missing[0]!r}")
        for row in reader:
            fields = {name: (row[name] or "").strip() for name in COLUMNS}
            with readings.line(reader.line_num):
                readings.statements.append(_statement(readings, fields))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DictionaryError(f"{path}: not CSV in UTF-8: {error}") from None
    return readings.table()


def _statement(readings: Readings, fields: dict[str, str]) -> Statement:
    group, element = (fields[n].lower().removeprefix("0x") for n in ("group", "element"))
    owner = html.unescape(fields["private_creator"])
    name = html.unescape(fields["name"])
    key = readings.key(group, element, owner, name) if owner else parse_key(group, element, None)
    keyword = fields["keyword"]
    detail = "; ".join(f"{n}: {fields[n]}" for n in ("vendors", "sources") if fields[n])
    return Statement(
        key=key,
        vrs=readings.vrs(fields["vr"]),
        vm=readings.vm(fields["vm"]),
        keyword="" if is_placeholder(keyword) else keyword,
        name=name,
        description=html.unescape(fields["description"]),
        flags=NO_FLAGS if fields["retired"].lower() in _NO else Flags.RETIRED,
        detail=detail,
    )
