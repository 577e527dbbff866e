"""`atlas-node log`: what was decoded, as a table or as JSON in the terminal.

It reads the log like any viewer and never writes to it. Rows are oldest first, so that the newest
stand at the bottom and `--follow` goes on below them. What came from the network is printed with
its control characters made visible. A terminal gets rows of its width, in colour unless NO_COLOR is
set; a pipe gets them in full, in colour where FORCE_COLOR is set, as for ``less -RS``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_node.cli.options import ConfigOption
from atlas_node.cli.table import iso

if TYPE_CHECKING:
    from atlas_node.log import LoggedElement, LogStore

_POLL_SECONDS = 0.5
_TITLES = ("time", "from", "object", "tag", "creator", "name", "VR", "status", "value")
_VR, _STATUS = 6, 7
# Columns that give way on a narrow terminal, each down to this width, in this order.
_FLEXIBLE = ((8, 16), (7, 9), (5, 16), (2, 8), (4, 10), (8, 4))
_WIDEST_PADDED = 40
"""In a pipe a longer cell puts its own row out of line, and no other."""
_COLOURS = {
    "decoded": typer.colors.GREEN,
    "unknown": typer.colors.YELLOW,
    "ambiguous": typer.colors.YELLOW,
    "refused": typer.colors.RED,
}


def log(
    *,
    config: ConfigOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as objects arrive, until interrupted.")
    ] = False,
    creator: Annotated[
        str | None, typer.Option(help="Private creator; * stands for any text.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="(0019,100a), 0019100a, or 0019,xx0a in any block.")
    ] = None,
    vr: Annotated[str | None, typer.Option(help="VR after annotation.")] = None,
    name: Annotated[str | None, typer.Option(help="Part of the element's name.")] = None,
    patient: Annotated[str | None, typer.Option(help="Patient ID.")] = None,
    study: Annotated[str | None, typer.Option(help="Study Instance UID.")] = None,
    series: Annotated[str | None, typer.Option(help="Series Instance UID.")] = None,
    sop: Annotated[str | None, typer.Option(help="SOP Instance UID.")] = None,
    status: Annotated[
        str | None, typer.Option(help="decoded, already, unknown, refused or ambiguous.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="2026-03-01T08:30, or an age: 30m, 2h, 7d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Before this time, or to the end of this day; as --since.")
    ] = None,
    calling_ae: Annotated[str | None, typer.Option(help="AE title of the sender.")] = None,
    modality: Annotated[str | None, typer.Option(help="Modality.")] = None,
    manufacturer: Annotated[str | None, typer.Option(help="Part of the manufacturer.")] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", help="Identifier of one object.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many elements, the newest.")] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line for each element.")
    ] = False,
) -> None:
    """Show the private elements that the node found, the newest last."""
    from atlas_node.config import load_config
    from atlas_node.log import LogFilter, LogStore

    try:
        wanted = LogFilter.from_text(
            {
                "creator": creator, "tag": tag, "vr": vr, "name": name, "patient_id": patient,
                "study_uid": study, "series_uid": series, "sop_uid": sop, "status": status,
                "since": since, "until": until, "calling_ae": calling_ae, "modality": modality,
                "manufacturer": manufacturer, "object_id": object_id,
            }
        )  # fmt: skip
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
    settings = load_config(config)
    show = _print_json if as_json else _Table().print
    with LogStore.open(settings.log.url, read_only=True) as store:
        seen = store.newest()
        found = [e for e in store.elements(wanted, limit) if e.cursor[0] <= seen]
        show(sorted(found, key=lambda element: element.cursor[0]))
        if not follow:
            if not found:
                typer.echo(_why_nothing(store), err=as_json)
            return
        try:
            while True:
                elements, newest = store.after(wanted, seen)
                show(elements)
                if newest == seen:
                    time.sleep(_POLL_SECONDS)
                seen = newest
        except KeyboardInterrupt:
            return


def _why_nothing(store: LogStore) -> str:
    from atlas_node.log import LogFilter

    objects = store.totals(LogFilter()).objects
    if not objects:
        return f"The log {store.place} is empty: no object has been received yet."
    things = "object" if objects == 1 else "objects"
    return f"No element matches, among {objects} {things} in the log {store.place}."


def _print_json(elements: Iterable[LoggedElement]) -> None:
    for found in elements:
        record = {
            "received_at": iso(found.received_at),
            "calling_ae": found.calling_ae,
            "object_id": found.object_id,
            "sop_instance_uid": found.sop_instance_uid,
            "study_instance_uid": found.study_uid,
            "patient_id": found.patient_id,
        }
        typer.echo(json.dumps(record | found.element.to_json()))


class _Table:
    """Prints rows under one heading; columns only widen, so that a followed log stays aligned."""

    def __init__(self) -> None:
        from rich.console import Console

        self._terminal = Console().width if sys.stdout.isatty() else None
        self._coloured = _wants_colour()
        self._widths: list[int] = []
        self._before: Sequence[str] = ()

    def print(self, elements: Iterable[LoggedElement]) -> None:
        """Print a row for each element."""
        from rich.cells import cell_len

        rows = [_cells(found) for found in elements]
        if not rows:
            return
        first = not self._widths
        natural = [max(map(cell_len, column)) for column in zip(_TITLES, *rows, strict=True)]
        widened = [max(pair) for pair in zip(natural, self._widths or natural, strict=True)]
        if self._terminal is None:
            self._widths = [min(width, _WIDEST_PADDED) for width in widened]
        else:
            self._widths = _fitted(widened, self._terminal)
        if first:
            zone = datetime.now().astimezone().tzname()
            self._write((f"time ({zone})", *_TITLES[1:]), [{"bold": True}] * len(_TITLES))
        for row in rows:
            cells = list(row)
            if self._terminal is not None and row[:3] == self._before[:3]:
                cells[:3] = "", "", ""
            self._before = row
            styles: list[dict[str, Any]] = [{}] * len(cells)
            if colour := _COLOURS.get(row[_STATUS].split(":")[0]):
                styles[_STATUS] = {"fg": colour}
                if "→" in row[_VR]:
                    styles[_VR] = {"fg": colour}
            self._write(cells, styles)

    def _write(self, cells: Sequence[str], styles: Sequence[dict[str, Any]]) -> None:
        last = len(cells) - 1
        texts = [
            self._placed(cell, width, padded=place < last)
            for place, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        if self._coloured:
            texts = [
                typer.style(text, **style) if style and text.strip() else text
                for text, style in zip(texts, styles, strict=True)
            ]
        typer.echo("  ".join(texts).rstrip(), color=self._coloured)

    def _placed(self, cell: str, width: int, *, padded: bool) -> str:
        from rich.cells import cell_len

        room = width - cell_len(cell)
        if room < 0 and self._terminal is not None:
            return _cut(cell, width)
        return cell + " " * room if padded else cell


def _wants_colour() -> bool:
    """Whether to colour: by no-color.org and force-color.org, else where it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _cells(found: LoggedElement) -> tuple[str, ...]:
    from atlas_node.log import value_text, visible

    element = found.element
    moment = datetime.fromtimestamp(found.received_at).astimezone()
    change = element.vr if element.vr == element.vr_before else f"{element.vr_before}→{element.vr}"
    status = f"{element.status}: {element.reason}" if element.reason else str(element.status)
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}",
        visible(found.calling_ae),
        visible(found.object_id),
        visible(element.path),
        visible(element.creator),
        visible(element.name),
        visible(change),
        visible(status),
        value_text(element.value, truncated=element.truncated),
    )


def _fitted(widths: list[int], terminal: int) -> list[int]:
    """Narrow the flexible columns until the row fits the terminal, as far as they go."""
    fitted = list(widths)
    for column, least in _FLEXIBLE:
        excess = sum(fitted) + 2 * (len(fitted) - 1) - terminal
        if excess <= 0:
            break
        fitted[column] = max(min(least, fitted[column]), fitted[column] - excess)
    return fitted


def _cut(cell: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(cell, width - 1).rstrip() + "…"
