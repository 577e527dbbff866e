"""`atlas-scrape compare`: the documents against each other, and against the dictionary."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from atlas_dictionary import open_layers
from atlas_dictionary.terminal import printable
from atlas_scraper.comparison import Comparison, Standing
from atlas_scraper.comparison import compare as compare_with
from atlas_scraper.emit import json_line
from atlas_scraper.resolution import Resolved, resolve
from atlas_scraper.rows import read_rows
from atlas_scraper.sinks import sink

Pair = tuple[Resolved, Comparison]
_SHOWN = (Standing.DISAGREEING, Standing.COMPLETING, Standing.NEW)


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="What atlas-scrape wrote, or a review of it."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write each element once, with all its places, as JSON lines that atlas-dict"
            " import takes.",
        ),
    ] = None,
    show: Annotated[
        list[Standing] | None,
        typer.Option(help="Only these; all but agreeing, silent and without creator by default."),
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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Let documents vote on each element, and compare the result with the dictionary."""
    known = open_layers(dictionary or ())
    rows = [row for file in files for row in read_rows(file)]
    elements = resolve(rows)
    documents = sorted({row.source for row in rows})
    compared = [
        (e, compare_with(known, (e.creator, e.group, e.offset), e.vr, e.vm, documents))
        for e in elements
    ]
    if output is not None:
        with sink(output) as file:
            for element in elements:
                file.write(json_line(element.as_dict()) + "\n")
    wanted = show or _SHOWN
    shown = [
        (element, comparison)
        for element, comparison in compared
        if comparison.standing in wanted or (element.contested and not show)
    ]
    if as_json:
        typer.echo(json_line(_report(compared, shown, documents)))
    else:
        _print(compared, shown, documents)


def _counts(compared: list[Pair]) -> dict[str, int]:
    found = Counter(comparison.standing for _, comparison in compared)
    return {standing.value: found[standing] for standing in Standing}


def _report(compared: list[Pair], shown: list[Pair], documents: list[str]) -> dict[str, Any]:
    return {
        "documents": documents,
        "elements": len(compared),
        "counts": _counts(compared),
        "contested": sum(element.contested for element, _ in compared),
        "shown": [element.as_dict() | comparison.as_dict() for element, comparison in shown],
    }


def _print(compared: list[Pair], shown: list[Pair], documents: list[str]) -> None:
    counts = ", ".join(f"{count} {standing}" for standing, count in _counts(compared).items())
    typer.echo(f"{len(compared)} elements of {len(documents)} documents: {counts}")
    contested = [pair for pair in shown if pair[0].contested]
    if contested:
        _section("the documents contradict each other", contested)
    for standing in Standing:
        found = [pair for pair in shown if pair[1].standing is standing and pair not in contested]
        if found:
            _section(standing.value, found)


def _section(title: str, pairs: list[Pair]) -> None:
    typer.echo(f"\n{title} ({len(pairs)})")
    for element, comparison in pairs:
        vr, vm = element.vr or "no VR", element.vm or "no VM"
        key = f"({element.group:04x},xx{element.offset:02x})"
        _say(f"  {key}  {vr}, {vm}  {element.creator or 'no creator'}  {element.name or ''}")
        for line in (*comparison.differences, *element.reasons):
            _say(f"      {line}")
        _say(f"      in {'; '.join(_places(element))}")


def _places(element: Resolved) -> list[str]:
    """Give each document with its pages."""
    pages: dict[str, dict[int, None]] = {}
    for row in element.rows:
        pages.setdefault(row.source, {})[row.page] = None
    return [f"{name} p. {', '.join(map(str, found))}" for name, found in pages.items()]


def _say(line: str) -> None:
    typer.echo(printable(line.rstrip()))
