"""Commands of `atlas-dict` that read or write files: build, verify, import, diff, export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from atlas_dictionary.cli.output import AsJson, Layers, in_one_line, layered, print_json
from atlas_dictionary.compiler import SUFFIXES, compile_tables, read_source, read_sources
from atlas_dictionary.container import Container, map_file
from atlas_dictionary.difference import compare
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.exporters import FORMATS, Format, select
from atlas_dictionary.importers.pydicom import import_private, import_public
from atlas_dictionary.layers import open_file
from atlas_dictionary.reader import BUILT_IN, FileDictionary
from atlas_dictionary.tables import write_table
from atlas_dictionary.terminal import printable
from atlas_dictionary.verify import verify as verify_file
from atlas_dictionary.writer import save

_BUILT_IN = "built-in"


def build(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help=f"Files ({', '.join(SUFFIXES)}) and folders of them. Where weights tie, the one"
            " with the lower rank wins, then the one that is given first.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The compiled file to write.")],
    as_json: AsJson = False,
) -> None:
    """Compile sources to one file; the same sources give the same bytes."""
    tables = read_sources(sources)
    notes = [note for table in tables for note in table.notes]
    data = compile_tables(tables)
    container = Container(data, str(output))
    verify_file(container)
    save(data, output)
    _report(output, "{}: {}", container, as_json, notes)


def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A compiled file; the built-in one when not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the whole of a compiled file: checksums and every reference in it."""
    path = file or BUILT_IN
    container = map_file(path)
    verify_file(container)
    _report(path, "{}: sound, {}", container, as_json)


def import_source(
    source: Annotated[
        str,
        typer.Argument(
            help="pydicom-private or pydicom-public (of the installed pydicom), or a file.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The source table to write.")],
    identifier: Annotated[str, typer.Option("--id", help="Short name of the source.")] = "",
    title: Annotated[str, typer.Option(help="What it is.")] = "",
    origin: Annotated[str, typer.Option(help="Where it was published.")] = "",
    source_version: Annotated[str, typer.Option(help="Its version.")] = "",
    licence: Annotated[
        str, typer.Option(help="Its licence (SPDX identifier), or what is known of it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Turn a published dictionary into a source table: normalised, sorted, one line a statement."""
    installed = {"pydicom-private": import_private, "pydicom-public": import_public}
    table = installed[source]() if source in installed else read_source(Path(source))
    given = {
        "id": identifier,
        "title": title,
        "origin": origin,
        "version": source_version,
        "licence": licence,
    }
    stated: dict[str, Any] = {name: text for name, text in given.items() if text}
    table = replace(table, info=replace(table.info, **stated))
    save(write_table(table).encode("utf-8"), output)
    if as_json:
        print_json({"file": str(output), "statements": len(table.statements), "notes": table.notes})
        return
    _tell(table.notes)
    typer.echo(f"{printable(str(output))}: {len(table.statements)} statements")


def diff(
    before: Annotated[
        str, typer.Argument(help="A compiled file or a source, or built-in.", metavar="A")
    ],
    after: Annotated[str, typer.Argument(help="The same.", metavar="B")],
    as_json: AsJson = False,
) -> None:
    """List what B has that A has not (+), lacks (-), and says otherwise (~)."""
    difference = compare(*(open_file(BUILT_IN if f == _BUILT_IN else f) for f in (before, after)))
    if as_json:
        print_json(difference.to_json())
        return
    for sign, entries in (("+", difference.added), ("-", difference.removed)):
        for entry in entries:
            typer.echo(f"{sign} {in_one_line(entry)}")
    for change in difference.changed:
        typer.echo(f"~ {in_one_line(change.after)}")
        for field, (was, now) in change.fields.items():
            typer.echo(printable(f"    {field}: {was or 'nothing'} -> {now or 'nothing'}"))
    counts = (len(difference.added), len(difference.removed), len(difference.changed))
    typer.echo("{} added, {} removed, {} changed".format(*counts), err=True)


def export(
    output: Annotated[
        Path,
        typer.Argument(
            help="The file to write, - for stdout; for dcm4che a folder.", metavar="FILE"
        ),
    ],
    to: Annotated[Format, typer.Option("--to", help="The form.")],
    creator: Annotated[
        str | None,
        typer.Option("--creator", "-c", help="Only this private creator; * for any characters."),
    ] = None,
    dictionary: Layers = None,
) -> None:
    """Write private elements in the form of another program; as csv or json, all elements."""
    exported = FORMATS[to](select(layered(dictionary), creator))
    if not exported.entries:
        raise DictionaryError("nothing to export")
    _tell(exported.notes)
    if str(output) == "-":
        if "" not in exported.files:
            raise DictionaryError(f"{to.value} is a folder of files: name one in place of -")
        typer.echo(exported.files[""].encode("utf-8"), nl=False)
        return
    for name, text in exported.files.items():
        if name:
            _make_folder(output)
        save(text.encode("utf-8"), output / name if name else output)
    typer.echo(f"{printable(str(output))}: {exported.entries} entries")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be made a folder: {error.strerror}") from None


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        typer.echo(printable(f"note: {note}"), err=True)


def _report(
    path: Path, line: str, container: Container, as_json: bool, notes: Iterable[str] = ()
) -> None:
    """Print what a compiled file is: as a document, or as a `line` for its path and the facts."""
    facts = {
        "entries": len(FileDictionary(container)),
        "bytes": len(container.data),
        "format": f"{container.major}.{container.minor}",
        "checksum": f"{container.body_crc:08x}",
    }
    if as_json:
        print_json({"file": str(path), **facts, "notes": list(notes)})
        return
    _tell(notes)
    said = "{entries} entries, {bytes} bytes, format {format}, checksum {checksum}".format(**facts)
    typer.echo(line.format(printable(str(path)), said))
