"""The command `atlas-scrape`: private data elements out of conformance statements in PDF.

It parses arguments, calls `atlas_scraper.scrape` for one document after another, writes what
comes out and reports. One document that cannot be read costs one line on stderr; the others are
read all the same, and the exit status is 1 at the end.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from atlas_scraper.emit import Element, json_line
from atlas_scraper.pages import MissingLibraryError, UnreadableDocumentError, require_libraries
from atlas_scraper.scrape import Reject, scrape

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(slots=True)
class Tally:
    """What came out of one document; `error` is None when it was read to its end."""

    file: str
    pages: int = 0
    pages_read: int = 0
    elements: int = 0
    rejects: int = 0
    error: str | None = None


@app.command()
def scrape_documents(
    documents: Annotated[
        list[Path],
        typer.Argument(metavar="PDF...", help="Conformance statements, or folders of them."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="JSON lines; - is standard output."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows that look like an element but cannot be read."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each document.")
    ] = False,
) -> None:
    """Find the private data elements in DICOM conformance statements (PDF)."""
    if as_json and str(output) == "-":
        raise typer.BadParameter("--json and -o - both want standard output")
    files = list(_documents(documents))
    if not files:
        raise typer.BadParameter("no .pdf file in the folders given")
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        require_libraries()
        with ExitStack() as stack:
            elements = _sink(stack, output)
            rejected = _sink(stack, rejects) if rejects else None
            tallies = _scrape_all(files, elements, rejected, errors)
            failed = any(tally.error is not None for tally in tallies)
    except (MissingLibraryError, OSError) as error:
        _fail(errors, str(error))
    if as_json:
        for tally in tallies:
            typer.echo(json_line(_as_dict(tally)))
    if failed:
        raise typer.Exit(1)


def _scrape_all(
    files: list[Path], elements: TextIO, rejected: TextIO | None, errors: Console
) -> list[Tally]:
    """Read every document; progress and failures go to `errors`."""
    tallies = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as progress:
        task = progress.add_task("documents", total=len(files))
        pages = progress.add_task("pages", total=None)
        for file in files:
            tally = Tally(str(file))

            def turned(page: int, total: int, read: bool, tally: Tally = tally) -> None:
                tally.pages = total
                tally.pages_read += read
                progress.update(pages, completed=page, total=total)

            _scrape_one(file, tally, elements, rejected, turned)
            tallies.append(tally)
            progress.advance(task)
            errors.print(_sentence(tally), markup=False)
    return tallies


def _scrape_one(
    file: Path,
    tally: Tally,
    elements: TextIO,
    rejected: TextIO | None,
    turned: Callable[[int, int, bool], None],
) -> None:
    try:
        for found in scrape(file, turned):
            if isinstance(found, Element):
                tally.elements += 1
                elements.write(json_line(found.as_dict()) + "\n")
            else:
                tally.rejects += 1
                if rejected is not None:
                    rejected.write(json_line(_reject_dict(found)) + "\n")
    except UnreadableDocumentError as error:
        tally.error = str(error)


def _documents(given: list[Path]) -> Iterator[Path]:
    """Files as given, and the PDF files of each folder in the order of their names."""
    for path in given:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() == ".pdf")
        else:
            yield path


def _sink(stack: ExitStack, path: Path) -> TextIO:
    if str(path) == "-":
        return sys.stdout
    return stack.enter_context(path.open("w", encoding="utf-8"))


def _reject_dict(reject: Reject) -> dict[str, Any]:
    return {
        "source": reject.source,
        "page": reject.page,
        "table": reject.table,
        "box": reject.box,
        "reason": reject.reason,
        "text": reject.text,
    }


def _as_dict(tally: Tally) -> dict[str, Any]:
    return {
        "file": tally.file,
        "pages": tally.pages,
        "pages_read": tally.pages_read,
        "elements": tally.elements,
        "rejects": tally.rejects,
        "error": tally.error,
    }


def _sentence(tally: Tally) -> str:
    if tally.error is not None:
        return f"atlas-scrape: {tally.file}: {tally.error}"
    return (
        f"{tally.file}: {tally.elements} private elements, {tally.rejects} rejected rows, "
        f"{tally.pages} pages ({tally.pages_read} with a candidate)"
    )


def _fail(errors: Console, message: str) -> None:
    errors.print(f"atlas-scrape: {message}", markup=False)
    raise typer.Exit(1)


def main() -> None:
    """Run the console script `atlas-scrape`."""
    app()
