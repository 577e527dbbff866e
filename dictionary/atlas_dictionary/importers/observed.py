"""Importer of counts of VRs in real explicit VR files: one line a creator, element and VR.

Columns: creator, group, element, vr, files_vendor_written, files_toolkit_written, occurrences,
non_empty, vm_observed, manufacturers, implementations. The last two count files by (0008,0070) and
by the implementation version name (0002,0013) of whoever wrote the file, ``NAME:12;OTHER:3``.

A file that a vendor wrote tells what the vendor means. One that a toolkit wrote anew may carry the
opinion of the toolkit's dictionary instead, and becomes a statement of its own, without the flag
`observed`. The weight of a statement is its number of files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from atlas_dictionary.entry import NO_FLAGS, Condition, Flags
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.readings import Readings, read_bytes
from atlas_dictionary.keys import ElementKey
from atlas_dictionary.statements import SourceTable, Statement

COLUMNS = (
    "creator", "group", "element", "vr", "files_vendor_written", "files_toolkit_written",
    "occurrences", "non_empty", "vm_observed", "manufacturers", "implementations",
)  # fmt: skip
_TOOLKITS = re.compile(
    r"OFFIS_DC|DCTOOL|DCM4CHE|GDCM|ITK|OSIRIX|PYDICOM|PYNETDICOM|FO-DICOM|ALIZA|EFILM|MERGECOM"
    r"|CLEARCANVAS|LEADTOOLS",
    re.IGNORECASE,
)
"""Implementation version names of toolkits and workstations, which rewrite what others made."""
_RELEASES = (
    # Each: an implementation version name, and the pattern of the software versions it goes with.
    (re.compile(r"Philips MR (\d+)(\d)\.\d"), "{0}.{1}*"),
    (re.compile(r"((?:DV|MR|RX|HD)\d+\.\d)"), "*{0}*"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line, read."""

    key: ElementKey
    vrs: tuple[str, ...]
    vendor: int
    toolkit: int
    vm: str
    manufacturers: dict[str, int]
    implementations: dict[str, int]


def read_observed(path: Path) -> SourceTable:
    """Return the counts in `path` as statements; notes tell what could not be read.

    Raises
    ------
    DictionaryError
        When the file cannot be read, or has other columns.
    """
    data = read_bytes(path)
    readings = Readings(path, data)
    lines = data.decode("utf-8", "replace").split("\n")
    if tuple(lines[0].rstrip("\r").split("\t")) != COLUMNS:
        raise DictionaryError(f"{path}, line 1: the columns should be {', '.join(COLUMNS)}")
    rows = defaultdict(list)
    for number, line in enumerate(lines[1:], 2):
        if line.strip():
            with readings.line(number):
                row = _row(readings, line.rstrip("\r"))
                rows[row.key].append(row)
    for same in rows.values():
        readings.statements += _statements(same)
    table = readings.table()
    return replace(table, info=replace(table.info, kind="observed"))


def is_toolkit(implementation: str) -> bool:
    """Return whether an implementation version name is that of a toolkit or a workstation."""
    return _TOOLKITS.match(implementation) is not None


def _row(readings: Readings, line: str) -> _Row:
    fields = dict(zip(COLUMNS, line.split("\t"), strict=False))
    if len(fields) < len(COLUMNS):
        raise DictionaryError(f"{len(fields)} fields under {len(COLUMNS)} columns")
    vendor, toolkit = (
        _number(fields[f"files_{writer}_written"]) for writer in ("vendor", "toolkit")
    )
    implementations = _counts(fields["implementations"])
    # Not more files are the vendor's than toolkits left: a workstation may pass for a vendor.
    by_toolkits = sum(n for name, n in implementations.items() if is_toolkit(name))
    own = max(0, min(vendor, vendor + toolkit - by_toolkits))
    return _Row(
        key=readings.key(fields["group"], fields["element"], fields["creator"]),
        vrs=readings.vrs(fields["vr"]),
        vendor=own,
        toolkit=vendor + toolkit - own,
        vm=_vm(fields["vm_observed"]),
        manufacturers=_counts(fields["manufacturers"]),
        implementations=implementations,
    )


def _statements(rows: list[_Row]) -> Iterator[Statement]:
    """Yield what the lines of one key say: vendors, toolkits, and conditions of what differs."""
    written = [row for row in rows if row.vendor]
    for row in rows:
        for files, flags, said in (
            (row.vendor, Flags.OBSERVED, "written by the vendor"),
            (row.toolkit, NO_FLAGS, "written anew by a toolkit"),
        ):
            if files:
                yield Statement(
                    key=row.key, vrs=row.vrs, vm=row.vm, flags=flags,
                    detail=f"{files} file{'s' * (files > 1)} {said}: {_names(row, flags)}",
                    weight=files,
                )  # fmt: skip
    if len(written) > 1:
        for row in written:
            yield from _conditional(row)


def _conditional(row: _Row) -> Iterator[Statement]:
    """Yield one statement for each release that wrote this VR where others wrote another."""
    # Of several manufacturers it is not known which goes with which release.
    maker = f"{next(iter(row.manufacturers))}*" if len(row.manufacturers) == 1 else ""
    for name, files in row.implementations.items():
        for pattern, software in _RELEASES:
            match = pattern.fullmatch(name)
            if match:
                condition = Condition(maker, "", software.format(*match.groups()))
                yield Statement(
                    key=row.key, vrs=row.vrs, vm=row.vm, flags=Flags.OBSERVED,
                    detail=f"{files} files: {name}", weight=files, condition=condition,
                )  # fmt: skip


def _names(row: _Row, flags: Flags) -> str:
    """Return the implementations that wrote it, the manufacturers where none is named."""
    toolkits = not flags
    names = [n for n in row.implementations if is_toolkit(n) is toolkits and n != "-"]
    return ", ".join(names or (n for n in row.manufacturers if n != "-")) or "not named"


def _counts(text: str) -> dict[str, int]:
    """Return ``NAME:12;OTHER:3`` as names with their numbers of files."""
    pairs = (part.rpartition(":") for part in text.split(";") if part.strip())
    return {name.strip(): _number(number) for name, _, number in pairs}


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise DictionaryError(f"{text!r} is no number of files")
    return int(text)


def _vm(text: str) -> str:
    """Return the numbers of values that were seen, ``0,1,3``, as a range; 0 is no number."""
    seen = [count for count in map(_number, text.split(",")) if count] if text.strip() else []
    if not seen:
        return ""
    return str(seen[0]) if len(set(seen)) == 1 else f"{min(seen)}-{max(seen)}"
