"""`atlas-scrape review`: rows and pages side by side in a browser, for a person to decide."""

import webbrowser
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Annotated

import typer

from atlas_dictionary import open_layers
from atlas_dictionary.terminal import printable
from atlas_scraper.documents import find_documents
from atlas_scraper.emit import json_line
from atlas_scraper.pages import require_libraries
from atlas_scraper.rows import read_rows
from atlas_scraper.sinks import require_writable


def review(
    *,
    elements: Annotated[Path, typer.Argument(metavar="FILE", help="What atlas-scrape wrote.")],
    documents: Annotated[
        list[Path], typer.Argument(metavar="PDF...", help="Its documents, or folders of them.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="What is decided, as JSON lines that atlas-dict import takes. A review that was"
            " left goes on from it.",
        ),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The rejects of the same run, to be read by a person."),
    ] = None,
    dictionary: Annotated[
        list[Path] | None,
        typer.Option(
            "--dictionary",
            "-d",
            metavar="FILE",
            help="Above the built-in dictionary; may be repeated, a later one wins.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open it in the browser of this desktop.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address as a JSON document.")
    ] = False,
) -> None:
    """Review what was found: page and rows side by side in a browser of this machine."""
    # The server is imported where it serves: workers of atlas-scrape load this module, too.
    from atlas_scraper.review import Decisions, Pictures, serve  # noqa: PLC0415

    require_libraries()
    if output in (elements, rejects):
        raise typer.BadParameter("the decisions need a file of their own (-o)")
    require_writable(output)
    rows = [row for path in filter(None, (elements, rejects)) for row in read_rows(path)]
    if not rows:
        raise typer.BadParameter(f"{elements} has no rows")
    decisions = Decisions(rows, output, open_layers(dictionary or ()))
    paths = _paths(decisions.documents(), documents)
    missing = [name for name in decisions.documents() if name not in paths]
    for name in missing:
        typer.echo(printable(f"atlas-scrape: {name}: no such PDF was given: no images"), err=True)

    def announce(url: str) -> None:
        if as_json:
            typer.echo(json_line({"url": url, "output": str(output)}))
        else:
            typer.echo(f"The review is on {url}")
            typer.echo(printable(f"Decisions go to {output}. End it with Ctrl-C."), err=True)
        if open_browser:
            webbrowser.open(url)

    # Ctrl-C is the usual end of a review.
    with suppress(KeyboardInterrupt):
        serve(decisions, Pictures(paths), elements.name, port, announce)
    decided = sum(item.row.review is not None for item in decisions.items)
    typer.echo(f"{decided} of {len(decisions.items)} rows decided", err=True)


def _paths(names: list[str], given: list[Path]) -> dict[str, Path]:
    """Find the documents of the rows among the files given: by name, then by the file's name."""
    found = find_documents(given)
    by_source = {document.source: document.path for document in found}
    by_file: dict[str, list[Path]] = {}
    for document in found:
        by_file.setdefault(document.path.name, []).append(document.path)
    paths = {}
    for name in names:
        alike = by_file.get(PurePath(name).name, [])
        if name in by_source:
            paths[name] = by_source[name]
        elif len(alike) == 1:
            paths[name] = alike[0]
    return paths
