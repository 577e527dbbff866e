"""The `atlas-dict` command: parses, calls the library, prints.

Errors become one line on stderr and an exit code in `main` and nowhere else: 0 success, 1 failure
or nothing found, 2 wrong use. What comes from a dictionary or a user is printed as plain text,
never as markup, and without control characters.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from atlas_dictionary.compiler import compile_tables, read_source, read_sources
from atlas_dictionary.container import Container, map_file
from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Candidate, Entry
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.importers.pydicom import import_private, import_public
from atlas_dictionary.layers import open_layers
from atlas_dictionary.questions import answer_keyword, answer_tag, parse_tag
from atlas_dictionary.reader import BUILT_IN, FileDictionary
from atlas_dictionary.tables import write_table
from atlas_dictionary.terminal import printable
from atlas_dictionary.verify import verify as verify_file
from atlas_dictionary.writer import save

app = typer.Typer(
    help="The dictionary of DICOM private and public data elements.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

Layers = Annotated[
    list[Path] | None,
    typer.Option(
        "--dictionary",
        "-d",
        help="A compiled file, .dic, .tsv or .csv above the built-in dictionary; may be repeated,"
        " a later one wins. ATLAS_DICTPATH names more, separated by colons.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def lookup(
    group: Annotated[
        str,
        typer.Argument(
            help="Group in hexadecimal, such as 0019; or a whole tag, (0019,xx0a); or a keyword.",
            metavar="GROUP",
        ),
    ],
    element: Annotated[
        str | None,
        typer.Argument(help="Element in hexadecimal: xx0a, 100a, 0010.", metavar="ELEMENT"),
    ] = None,
    creator: Annotated[
        str | None,
        typer.Option(
            "--creator", "-c", help="Private creator; without it, all that define the element."
        ),
    ] = None,
    dictionary: Layers = None,
    as_json: AsJson = False,
) -> None:
    """Show what the dictionary knows of an element; exit 1 when that is nothing."""
    entries = _answers(open_layers(dictionary or ()), group, element, creator)
    if not entries:
        if as_json:
            _print_json({"found": False})
            raise typer.Exit(1)
        asked = f"{group} {element}" if element else group
        owner = f" of creator {creator!r}" if creator is not None else ""
        raise DictionaryError(f"no entry for {asked}{owner}")
    if not as_json:
        typer.echo("\n\n".join(map(_describe, entries)))
    elif creator is None and entries[0].creator is not None:
        # As many answers as creators: an array, whatever their number.
        _print_json([entry.to_json() for entry in entries])
    else:
        _print_json(entries[0].to_json())


@app.command()
def info(dictionary: Layers = None, as_json: AsJson = False) -> None:
    """Count what the dictionary holds, and name its sources."""
    facts = open_layers(dictionary or ()).info()
    if as_json:
        _print_json(facts)
        return
    for name, value in facts.items():
        if name not in ("file", "sources", "layers", "build", "private_by_vr"):
            typer.echo(f"{name.replace('_', ' '):20} {_plain(value)}")
    for layer in facts.get("layers", [facts]):
        typer.echo(f"\n{printable(layer['file'])}")
        for source in layer["sources"]:
            words = (source["title"], source["version"], source["licence"], source["origin"])
            said = ", ".join(word for word in words if word)
            typer.echo(printable(f"  {source['id']}: {source['statements']} statements; {said}"))


@app.command()
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Tables (.tsv, .csv), .dic files, and folders of them. Where weights tie, the one"
            " with the lower rank wins, then the one that is given first.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The compiled file to write.")],
) -> None:
    """Compile sources to one file; the same sources give the same bytes."""
    tables = read_sources(sources)
    for table in tables:
        for note in table.notes:
            typer.echo(printable(f"note: {note}"), err=True)
    data = compile_tables(tables)
    container = Container(data, str(output))
    verify_file(container)
    save(data, output)
    typer.echo(f"{printable(str(output))}: {_summary(container)}")


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A compiled file; the built-in one when not given.")
    ] = None,
) -> None:
    """Check the whole of a compiled file: checksums and every reference in it."""
    path = file or BUILT_IN
    container = map_file(path)
    verify_file(container)
    typer.echo(f"{printable(str(path))}: sound, {_summary(container)}")


@app.command("import")
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
    licence: Annotated[str, typer.Option(help="Its licence (SPDX identifier).")] = "",
) -> None:
    """Turn a published dictionary into a source table: normalised, sorted, one line a statement."""
    installed = {"pydicom-private": import_private, "pydicom-public": import_public}
    table = installed[source]() if source in installed else read_source(Path(source))
    for note in table.notes:
        typer.echo(printable(f"note: {note}"), err=True)
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
    typer.echo(f"{printable(str(output))}: {len(table.statements)} statements")


def _answers(
    dictionary: Dictionary, group: str, element: str | None, creator: str | None
) -> list[Entry]:
    tag = parse_tag(group) if element is None else (group, element)
    if tag is None and creator is not None:
        raise typer.BadParameter("--creator goes with a tag, not with a keyword")
    if tag is None:
        return answer_keyword(dictionary, group)
    try:
        return answer_tag(dictionary, *tag, creator)
    except DictionaryError as error:
        raise typer.BadParameter(printable(str(error))) from None


def _describe(entry: Entry) -> str:
    """Return an entry as lines for a terminal."""
    kind = "standard" if entry.creator is None else entry.creator
    rows = [
        ("VR", f"{entry.vr}   (confidence {entry.confidence:.2f})"),
        ("VM", entry.vm),
        ("keyword", entry.keyword),
        ("name", entry.name),
        ("description", entry.description),
        ("candidates", ", ".join(map(_candidate, entry.candidates))),
        ("sources", ", ".join(f"{s.id} {s.detail}".strip() for s in entry.sources)),
        ("flags", entry.flags.name.replace("|", ", ").lower() if entry.flags.name else ""),
    ]
    lines = [f"{entry.key}  {printable(kind)}"]
    lines += [f"  {label:12} {printable(text)}" for label, text in rows if text]
    return "\n".join(lines)


def _candidate(candidate: Candidate) -> str:
    text = f"{candidate.vr} (weight {candidate.weight}"
    condition = candidate.condition
    if condition is not None:
        fields = (condition.manufacturer, condition.model, condition.software)
        text += ", for " + " ".join(filter(None, fields))
    return text + ")"


def _summary(container: Container) -> str:
    return (
        f"{len(FileDictionary(container))} entries, {len(container.data)} bytes, format "
        f"{container.major}.{container.minor}, checksum {container.body_crc:08x}"
    )


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{printable(str(k))} {v}" for k, v in value.items())
    return printable(str(value))


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document))


def main() -> None:
    """Run the command line; the entry point of the `atlas-dict` script."""
    try:
        app()
    except DictionaryError as error:
        typer.echo(f"atlas-dict: {printable(str(error))}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: nothing is left to say to it.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
