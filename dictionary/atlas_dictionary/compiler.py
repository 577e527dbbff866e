"""Compiler: source files in whatever form they have to one dictionary.

Used by ``atlas-dict build``, and by `layers` for files that are given as they are. Which importer
reads a file is told by its name. Sources that come first win where weights tie (`resolution`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.dcmtk import read_dic
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import SourceTable
from atlas_dictionary.tables import read_table
from atlas_dictionary.writer import write_dictionary

SUFFIXES = (".tsv", ".csv", ".dic")
"""Endings of the names of source files; upper case will do."""


def read_source(path: Path) -> SourceTable:
    """Return the statements in a source file.

    Raises
    ------
    DictionaryError
        Where it cannot be read; the message names file and line.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DictionaryError(
            f"{path}: not a source: its name should end with {', '.join(SUFFIXES)}"
        )
    return read_dic(path) if suffix == ".dic" else read_table(path)


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
    return write_dictionary(resolved, meta)
