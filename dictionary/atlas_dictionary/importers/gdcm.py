"""Importer of private dictionaries in the XML form of GDCM, which dicom-private-dicts uses too.

``<entry owner="..." group="0019" element="xx0a" vr="US" vm="1" name="..."/>``. The element is an
offset, a number in the block of one real object (``100a``), or names a block (``10xx``). Names may
have been escaped twice: ``&amp;#x2019;`` is an apostrophe.
"""

from __future__ import annotations

import html
from pathlib import Path
from xml.parsers import expat

from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.statements import SourceTable, Statement


def read_gdcm(path: Path) -> SourceTable:
    """Return the private dictionary in the XML file `path`; notes tell what could not be read.

    Raises
    ------
    DictionaryError
        When the file cannot be read, or is not XML.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        with readings.line(parser.CurrentLineNumber):
            if tag == "entry":
                readings.statements.append(_statement(readings, attributes))
            elif tag != "dict":
                raise DictionaryError(f"element <{tag}> is unknown")

    def refuse(*_: object) -> None:
        raise DictionaryError(
            f"{path}, line {parser.CurrentLineNumber}: entities are not read (a private dictionary"
            " needs none)"
        )

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise DictionaryError(f"{path}, line {error.lineno}: not XML: {reason}") from None
    return readings.table()


def _statement(readings: Readings, attributes: dict[str, str]) -> Statement:
    missing = [name for name in ("group", "element", "vr") if name not in attributes]
    if missing:
        raise DictionaryError(f"an entry without {missing[0]}")
    owner = html.unescape(attributes.get("owner", ""))
    name = " ".join(html.unescape(attributes.get("name", "")).split())
    key = readings.key(attributes["group"], attributes["element"], owner, name)
    return Statement(
        key=key,
        vrs=readings.vrs(attributes["vr"]),
        vm=readings.vm(attributes.get("vm", "")),
        name=name,
    )
