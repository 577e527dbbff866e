"""Importer of the private dictionary that GDCM is built with, ``gdcmPrivateDefaultDicts.cxx``.

``{0x0019,0x000a,"ACME",VR::US,VM::VM1,"Gate count",false },`` an entry a line. It began as a copy
of GDCM's XML and has grown since: entries were added and corrected by hand, so that it knows more.
Only the table is read; comments between its fields are left out, and lines that are comments say
nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from atlas_dictionary.entry import NO_FLAGS, Flags
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.statements import SourceTable, Statement

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_ENTRY = re.compile(
    r"\{ 0x([0-9a-f]{4}) , 0x([0-9a-f]{4}) , TEXT , VR::(\w+) , VM::VM(\w+) , TEXT ,"
    r" (true|false) \} ,?".replace(" ", r"\s*").replace("TEXT", _TEXT),
    re.IGNORECASE,
)
_END = re.compile(r"\{0xffff\s*,", re.IGNORECASE)
"""The entry after the last one."""
_COMMENT = re.compile(rf"{_TEXT}|/\*.*?\*/|//[^\n]*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")
_START = re.compile(r"DICT_ENTRY\s+\w+\s*\[\s*\]\s*=\s*\{")


def read_gdcm_table(path: Path) -> SourceTable:
    """Return the private dictionary in the C++ file `path`; notes tell what could not be read.

    Raises
    ------
    DictionaryError
        When the file cannot be read, or has no such table.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    text = _COMMENT.sub(_kept, data.decode("utf-8", "replace"))
    start = _START.search(text)
    if start is None:
        raise DictionaryError(f"{path}, line 1: has no table of DICT_ENTRY")
    first = text.count("\n", 0, start.end()) + 1
    for number, line in enumerate(text[start.end() :].split("\n"), first):
        bare = line.strip()
        if _END.match(bare):
            break
        if bare:
            with readings.line(number):
                readings.statements.append(_statement(readings, bare))
    return readings.table()


def _kept(comment: re.Match[str]) -> str:
    """Return text in quotation marks as it is, and of a comment the ends of its lines."""
    found = comment[0]
    return found if found.startswith('"') else "\n" * found.count("\n")


def _statement(readings: Readings, line: str) -> Statement:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise DictionaryError("is no entry {group,element,owner,VR,VM,name,retired}")
    group, element, owner, vr, vm, name, retired = match.groups()
    name = _ESCAPED.sub(r"\1", name).strip()
    vm = vm.replace("_", "-")
    return Statement(
        key=readings.key(group, element, _ESCAPED.sub(r"\1", owner), name),
        vrs=readings.vrs(vr),
        # What was added by hand has 1 throughout; where 1 was meant, GDCM's XML says so too.
        vm=readings.vm("" if vm == "1" else vm),
        name=name,
        flags=Flags.RETIRED if retired == "true" else NO_FLAGS,
    )
