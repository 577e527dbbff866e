"""`atlas-scrape PDF...`: documents to JSON lines, in parallel, with progress, to be resumed.

One document that cannot be read costs one line on stderr; the others are read all the same, and
the exit status is 1 at the end. The output appears when all are done, in the order in which the
documents were given, so that nobody takes a half for the whole.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from atlas_dictionary.terminal import printable
from atlas_scraper.dispatch import Limits, dispatch
from atlas_scraper.documents import Document, find_documents, read_list
from atlas_scraper.emit import json_line
from atlas_scraper.pages import require_libraries
from atlas_scraper.rows import RowsError
from atlas_scraper.sinks import STDOUT, is_plain, require_writable, sink
from atlas_scraper.state import State, Tally, finished, rows_of
from atlas_scraper.worker import Task, Turned

_LIMITS = Limits()


def scrape_documents(
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="JSON lines; - is standard output."),
    ],
    documents: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PDF...", help="Conformance statements, or folders of them."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows that look like an element but cannot be read."),
    ] = None,
    from_list: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="More documents, one path a line; - is stdin."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes; as many as cores when not given."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="What one document may take.")
    ] = _LIMITS.seconds,
    memory: Annotated[
        int, typer.Option(min=256, metavar="MIB", help="What one process may take.")
    ] = _LIMITS.memory,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep what is done here for later runs. When not given, FILE.part keeps it until"
            " all is done, for the case that the run is stopped.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each document.")
    ] = False,
) -> None:
    """Find the private data elements in DICOM conformance statements (PDF)."""
    if as_json and STDOUT in (output, rejects):
        raise typer.BadParameter("--json and -o - both want standard output")
    if output == rejects:
        raise typer.BadParameter("elements and rejects cannot go to the same place")
    files = find_documents([*(documents or ()), *(_listed(from_list) if from_list else ())])
    if not files:
        raise typer.BadParameter("no .pdf file was given, and no folder that has one")
    require_libraries()
    for path in filter(None, (output, rejects)):
        require_writable(path)
    with _state(state, output) as kept:
        try:
            tallies, places = _read_all(
                files, kept, jobs or len(os.sched_getaffinity(0)), Limits(time_limit, memory)
            )
        except KeyboardInterrupt:
            _say("atlas-scrape: stopped; the same command goes on from here")
            raise
        found = [places.get(document) for document in files]
        with ExitStack() as stack:
            elements = stack.enter_context(sink(output))
            rejected = stack.enter_context(sink(rejects)) if rejects else None
            for tally, place in zip(tallies, found, strict=True):
                if place is not None:
                    _gather(tally, place, elements, rejected)
    if as_json:
        for tally in tallies:
            typer.echo(json_line(tally.as_dict()))
    if len(tallies) > 1:
        _say(_summary(tallies))
    if any(tally.error is not None for tally in tallies):
        raise typer.Exit(1)


def _listed(path: Path) -> list[Path]:
    if path == STDOUT:
        return read_list(sys.stdin)
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            return read_list(lines)
    except OSError as error:
        raise RowsError(f"{path}: cannot be read: {error.strerror}") from None


@contextmanager
def _state(folder: Path | None, output: Path) -> Iterator[State]:
    """Give the folder of what is done: the one named, one beside the output, or one for now."""
    if folder is not None or is_plain(output):
        place = folder or output.with_name(f"{output.name}.part")
        with State(place, keep=folder is not None) as kept:
            yield kept
    else:
        with tempfile.TemporaryDirectory() as passing, State(Path(passing), keep=True) as kept:
            yield kept


def _read_all(
    files: Sequence[Document], kept: State, jobs: int, limits: Limits
) -> tuple[list[Tally], dict[Document, Path]]:
    """Read what is not done yet; give the tallies in order, and where the rows are."""
    done: dict[Document, Tally] = {}
    places: dict[Document, Path] = {}
    tasks = []
    for document in files:
        try:
            places[document] = kept.place(document)
        except OSError as error:
            done[document] = Tally(str(document.path), error=f"cannot be opened: {error.strerror}")
        else:
            earlier = finished(places[document], document)
            if earlier is None:
                tasks.append(Task(document, places[document]))
                continue
            done[document] = earlier
        _say(_sentence(done[document]))
    # The longest begin, so that none is alone at the end.
    tasks.sort(key=lambda task: -task.document.path.stat().st_size)
    with _Bars(len(files)) as bars:
        bars.advance(len(done))
        for task, tally in dispatch(tasks, jobs, limits, bars.turned):
            done[task.document] = tally
            bars.done(task)
            _say(_sentence(tally))
    return [done[document] for document in files], places


class _Bars:
    """Progress on stderr: one bar for all documents, one for each that is being read."""

    def __init__(self, documents: int) -> None:
        console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
        )
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._all = self._progress.add_task("documents", total=documents)
        self._each: dict[Task, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, documents: int) -> None:
        """Count documents that were done before."""
        self._progress.advance(self._all, documents)

    def turned(self, task: Task, turned: Turned) -> None:
        """Show how far a document is."""
        if task not in self._each:
            name = printable(task.document.source)
            self._each[task] = self._progress.add_task(name, total=turned.pages)
        self._progress.update(self._each[task], completed=turned.page, total=turned.pages)

    def done(self, task: Task) -> None:
        """Take the bar of a document away."""
        self._progress.advance(self._all)
        if task in self._each:
            self._progress.remove_task(self._each.pop(task))


def _gather(tally: Tally, place: Path, elements: TextIO, rejected: TextIO | None) -> None:
    """Copy the rows of one document to where they were wanted."""
    counts = {"element": 0, "reject": 0}
    for kind, row in rows_of(place):
        counts[kind] += 1
        wanted = elements if kind == "element" else rejected
        if wanted is not None:
            wanted.write(json_line(row) + "\n")
    tally.elements, tally.rejects = counts["element"], counts["reject"]


def _sentence(tally: Tally) -> str:
    if tally.error is not None:
        return f"atlas-scrape: {tally.file}: {tally.error}"
    return (
        f"{tally.file}: {tally.elements} private elements, {tally.rejects} rejected rows, "
        f"{tally.pages} pages ({tally.pages_read} with a candidate)"
        + (", read in an earlier run" if tally.resumed else "")
    )


def _summary(tallies: Sequence[Tally]) -> str:
    failed = sum(tally.error is not None for tally in tallies)
    return (
        f"{len(tallies)} documents, {failed} not read to the end: "
        f"{sum(tally.elements for tally in tallies)} private elements, "
        f"{sum(tally.rejects for tally in tallies)} rejected rows"
    )


def _say(line: str) -> None:
    typer.echo(printable(line), err=True)
