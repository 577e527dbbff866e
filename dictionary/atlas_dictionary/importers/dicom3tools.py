"""Importer of the templates of dicom3tools, ``.tpl``: one element a line.

``(0019,000a) VERS="SSPI" VR="US" VM="1" Owner="SIEMENS MR HEADER" Keyword="..." Name="..."``; the
element is an offset with a block of 00. Other attributes, such as DefinedTerms, say nothing that
the dictionary keeps. Lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import re
from pathlib import Path

from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.keywords import is_placeholder
from atlas_dictionary.statements import SourceTable, Statement

_LINE = re.compile(r"\(\s*([0-9a-fx]{4})\s*,\s*([0-9a-fx]{4})\s*\)(.*)", re.ASCII | re.IGNORECASE)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)("?)')
_IGNORED = frozenset({"VERS", "PrivateBlock", "RenderAsString", "DefinedTerms", "Units"})


def read_tpl(path: Path) -> SourceTable:
    """Return the private dictionary in the template `path`; notes tell what could not be read.

    Raises
    ------
    DictionaryError
        When the file cannot be read at all.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.decode("utf-8", "replace").strip()
        if line and not line.startswith("#"):
            with readings.line(number):
                readings.statements.append(_statement(readings, line))
    return readings.table()


def _statement(readings: Readings, line: str) -> Statement:
    match = _LINE.fullmatch(line)
    if match is None:
        raise DictionaryError('"(gggg,eeee) VR="..." VM="..." Owner="..." Name="..."" expected')
    fields = {}
    for name, value, end in _ATTRIBUTE.findall(match[3]):
        if not end:
            readings.note(f"{name} has no closing quote")
        fields[name] = value.strip()
    for name in fields.keys() - {"VR", "VM", "Owner", "Keyword", "Name"} - _IGNORED:
        readings.note(f"attribute {name} is unknown: left out")
    if "VR" not in fields:
        raise DictionaryError("no VR is given")
    name = fields.get("Name", "")
    key = readings.key(match[1], match[2], fields.get("Owner", ""), name)
    keyword = fields.get("Keyword", "")
    return Statement(
        key=key,
        vrs=readings.vrs(fields["VR"]),
        vm=readings.vm(fields.get("VM", "")),
        keyword="" if is_placeholder(keyword) else keyword,
        name=name,
    )
