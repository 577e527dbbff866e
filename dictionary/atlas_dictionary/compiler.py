"""Compiler: source files in whatever form they have to one dictionary.

Used by ``atlas-dict build``, and by `layers` for files that are given as they are. Which importer
reads a file is told by its name, and for tables by the columns that its first line names. Sources
that come first win where weights tie (`resolution`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.dcmtk import read_dic
from atlas_dictionary.importers.dicom3tools import read_tpl
from atlas_dictionary.importers.dicom_map import read_dicom_map
from atlas_dictionary.importers.gdcm import read_gdcm
from atlas_dictionary.importers.gdcm_table import read_gdcm_table
from atlas_dictionary.importers.observed import read_observed
from atlas_dictionary.importers.scraper import read_scraped
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import SourceTable
from atlas_dictionary.tables import read_table
from atlas_dictionary.writer import write_dictionary

Reader = Callable[[Path], SourceTable]


def read_source(path: Path) -> SourceTable:
    """Return the statements in a source file.

    Raises
    ------
    DictionaryError
        Where it cannot be read, or where none of its lines can; the message names file and line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DictionaryError(
            f"{path}: not a source: its name should end with {', '.join(SUFFIXES)}"
        )
    table = reader(path)
    if not table.statements and table.notes:
        raise DictionaryError(f"nothing in it can be used: {(*table.faults, *table.notes)[0]}")
    return table


def _read_tsv(path: Path) -> SourceTable:
    return read_observed(path) if b"files_vendor_written" in _first_line(path) else read_table(path)


def _read_csv(path: Path) -> SourceTable:
    return read_dicom_map(path) if b"private_creator" in _first_line(path) else read_table(path)


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline(1000)
    except OSError:
        # Whoever reads it says what is wrong with it.
        return b""


_READERS: dict[str, Reader] = {
    ".tsv": _read_tsv,
    ".csv": _read_csv,
    ".dic": read_dic,
    ".tpl": read_tpl,
    ".xml": read_gdcm,
    ".cxx": read_gdcm_table,
    ".jsonl": read_scraped,
}
SUFFIXES = tuple(_READERS)
"""Endings of the names of source files; upper case will do."""


def read_sources(paths: Iterable[Path]) -> list[SourceTable]:
    """Return the tables of `paths`, a folder giving all that it has, in the order of their rank.

    Tables of the same rank keep the order in which they are given; without a rank it is 0.

    Raises
    ------
    DictionaryError
        Where a source cannot be read, or where a folder has none.
    """
    tables: list[SourceTable] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
            if not found:
                raise DictionaryError(f"{path}: has no file that ends with {', '.join(SUFFIXES)}")
            tables += map(read_source, found)
        else:
            tables.append(read_source(path))
    return sorted(tables, key=lambda table: table.info.rank)


def compile_tables(tables: Iterable[SourceTable]) -> bytes:
    """Return the compiled dictionary of `tables`; the first win where weights tie.

    Raises
    ------
    DictionaryError
        Where two have the same id.
    """
    tables = list(tables)
    seen: set[str] = set()
    for table in tables:
        if table.info.id in seen:
            raise DictionaryError(f"two sources have the id {table.info.id!r}")
        seen.add(table.info.id)
    resolved = resolve(tables)
    meta = {
        "statements": str(sum(len(table.statements) for table in tables)),
        "merged within a source": str(resolved.merged),
    }
    unread = sum(table.info.unread for table in tables)
    if unread:
        meta["lines of published files not read"] = str(unread)
    return write_dictionary(resolved, meta)
