"""Make the tables of this folder again, from the dictionaries as they are published.

``python dictionary/sources/make_sources.py DATA`` reads what lies below the folder DATA, each
source under the path that `SOURCES` names, and the installed pydicom, and writes one table a
source. The same publications give the same bytes; a test compares them. Notes, on stderr, tell
what a publication has that could not be read. ``dicom-ps3.15.tsv`` and ``posda.tsv`` are kept by
hand; a source that `APART` names keeps its table where DATA has not its files. ``siblings.tsv``
is inferred from all others at the end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from atlas_dictionary.compiler import read_source, read_sources
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.pydicom import FAMILY, import_private, import_public
from atlas_dictionary.siblings import infer
from atlas_dictionary.statements import SourceInfo, SourceTable
from atlas_dictionary.tables import write_table
from atlas_scraper import Reject, scrape
from atlas_scraper.emit import json_line

FOLDER = Path(__file__).parent


class Publication(NamedTuple):
    """Files that together are one source, and what must be said of it."""

    files: tuple[str, ...]
    info: SourceInfo


SOURCES = (
    Publication(
        ("observed.tsv",),
        SourceInfo(
            id="observed",
            title="VRs in 2,910 explicit VR files, by who wrote the file",
            origin="public repositories of DICOM test data, counted for this project",
            version="2026-11",
            licence="none needed: plain facts, counted for this project",
            rank=5,
            weight=10,
            kind="observed",
        ),
    ),
    Publication(
        ("dictionaries/dicom3tools/*.tpl",),
        SourceInfo(
            id="dicom3tools",
            title="Private dictionary of dicom3tools",
            origin="https://www.dclunie.com/dicom3tools.html",
            version="2024",
            licence="BSD-3-Clause",
            rank=10,
            family=FAMILY,
        ),
    ),
    Publication(
        ("conformance-pdfs/*.pdf",),
        SourceInfo(
            id="conformance",
            title="Conformance statements, read by atlas-scrape",
            origin="ge_signa_r3.pdf: GE Medical Systems, Direction 2258357, revision 3;"
            " ge_contour72.pdf: GE Medical Systems, Direction 2174982, revision 1.0;"
            " philips_intera_10.1.pdf: Philips Medical Systems, 4522 131 88821, 10 April 2003",
            version="1997, 2001, 2003",
            licence="none needed: plain facts, no text of the documents",
            rank=15,
        ),
    ),
    Publication(
        ("dictionaries/dicom-private-dicts/*.xml",),
        SourceInfo(
            id="dicom-private-dicts",
            title="dicom-private-dicts, made of conformance statements",
            origin="https://github.com/malaterre/dicom-private-dicts",
            version="2015",
            licence="BSD-3-Clause",
            rank=20,
        ),
    ),
    Publication(
        ("dictionaries/gdcm/gdcmPrivateDefaultDicts.cxx",),
        SourceInfo(
            id="gdcm-table",
            title="Private dictionary that GDCM is built with, corrected by hand",
            origin="https://github.com/malaterre/GDCM,"
            " Source/DataDictionary/gdcmPrivateDefaultDicts.cxx",
            version="3.0.24",
            licence="BSD-3-Clause",
            rank=25,
            family=FAMILY,
        ),
    ),
    Publication(
        ("dictionaries/gdcm/privatedicts.xml",),
        SourceInfo(
            id="gdcm",
            title="Private dictionary of GDCM (Grassroots DICOM)",
            origin="https://github.com/malaterre/GDCM",
            version="3",
            licence="BSD-3-Clause",
            rank=30,
            family=FAMILY,
            successor="gdcm-table",
        ),
    ),
    Publication(
        ("dictionaries/dcmtk/private.dic",),
        SourceInfo(
            id="dcmtk",
            title="Private dictionary of DCMTK",
            origin="https://dicom.offis.de/dcmtk",
            version="2026",
            licence="BSD-3-Clause",
            rank=50,
        ),
    ),
)
"""In the order of their rank; pydicom's two tables have theirs from the importer."""

APART = frozenset({"gdcm-table"})
"""Ids of sources that are published apart: docs/dictionary.md says where."""

SIBLINGS = SourceInfo(
    id="siblings",
    title="Elements inferred from creators with the same layout",
    origin="the other tables, by atlas_dictionary.siblings",
    version="1",
    licence="none needed: inferred",
    rank=70,
)


def tables(data: Path) -> Iterator[tuple[str, SourceTable]]:
    """Yield the name of each table without its ending, and the table.

    Raises
    ------
    DictionaryError
        When a publication is missing below `data`, or cannot be read.
    """
    for source in SOURCES:
        if source.info.id not in APART or any((data / name).is_file() for name in source.files):
            yield source.info.id, _merged(source, data)
    yield "pydicom-private", import_private()
    yield "pydicom-public", import_public()


def siblings() -> SourceTable:
    """Return what is inferred from the tables that this folder has now."""
    kept = sorted(path for path in FOLDER.glob("*.tsv") if path.stem != SIBLINGS.id)
    table = infer(read_sources(kept), SIBLINGS)
    return replace(table, info=replace(table.info, statements=len(table.statements)))


def _merged(source: Publication, data: Path) -> SourceTable:
    paths = sorted(path for pattern in source.files for path in data.glob(pattern))
    if not paths:
        raise DictionaryError(f"{data}: has no {', '.join(source.files)}")
    if paths[0].suffix == ".pdf":
        with tempfile.TemporaryDirectory() as folder:
            read = [read_source(_scraped(paths, Path(folder)))]
    else:
        read = [read_source(path) for path in paths]
    return SourceTable(
        info=replace(
            source.info,
            statements=sum(len(table.statements) for table in read),
            unread=sum(table.info.unread for table in read),
        ),
        statements=tuple(s for table in read for s in table.statements),
        notes=tuple(note for table in read for note in table.notes),
        faults=tuple(fault for table in read for fault in table.faults),
    )


def _scraped(documents: list[Path], folder: Path) -> Path:
    """Return a file with what ``atlas-scrape`` finds in `documents`."""
    path = folder / "scraped.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            for found in scrape(document):
                if not isinstance(found, Reject):
                    file.write(json_line(found.as_dict()) + "\n")
    return path


def main(data: Path) -> None:
    """Write all tables."""
    for name, table in tables(data):
        _write(name, table)
    _write(SIBLINGS.id, siblings())


def _write(name: str, table: SourceTable) -> None:
    for note in table.notes:
        sys.stderr.write(f"note: {note}\n")
    (FOLDER / f"{name}.tsv").write_text(write_table(table), "utf-8", newline="")
    unread = table.info.unread
    sys.stdout.write(f"{name}.tsv: {table.info.statements} statements, {unread} not read\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_sources.py DATA")
    try:
        main(Path(sys.argv[1]))
    except DictionaryError as error:
        sys.exit(str(error))
