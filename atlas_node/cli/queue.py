"""``atlas-node queue``: what is in the spool, and how each delivery stands.

It reads the spool's files without a lock, so it can be used while the node runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from atlas_node.spool import Entry, QueuedObject

app = typer.Typer(no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="Configuration file; by default config.yaml here."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command("list")
def list_(
    config: ConfigOption = None,
    status: Annotated[
        DeliveryStatus | None, typer.Option(help="Only deliveries that stand so.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List every delivery of every object in the spool, in order of arrival."""
    from atlas_node.spool import read_queue

    rows = [
        (queued.entry, record)
        for queued in read_queue(_spool(config))
        for record in queued.deliveries.values()
        if status in (None, record.status)
    ]
    if as_json:
        for entry, record in rows:
            typer.echo(json.dumps(_delivery_json(entry, record)))
    elif rows:
        _print_deliveries(rows)
    else:
        typer.echo("no deliveries" + (f" with status {status}" if status else ""))


@app.command("show")
def show(
    object_id: Annotated[str, typer.Argument(metavar="ID", help="As `queue list` prints it.")],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show one object in the spool with all of its deliveries."""
    from atlas_node.spool import read_queued_object

    spool = _spool(config)
    queued = read_queued_object(spool, object_id)
    if queued is None:
        raise SpoolError(f"there is no object {object_id!a} in the spool {spool}")
    if as_json:
        typer.echo(json.dumps(_object_json(queued), indent=2))
        return
    _print_object(queued)


def _spool(config: Path | None) -> Path:
    from atlas_node.config import load_config

    return load_config(config).spool.path


def _delivery_json(entry: Entry, record: DeliveryRecord) -> dict[str, Any]:
    return {
        "object_id": entry.object_id,
        "received_at": entry.envelope.received_at,
        "calling_ae": entry.envelope.calling_ae,
        "sop_instance_uid": entry.envelope.sop_instance_uid,
        **asdict(record),
    }


def _object_json(queued: QueuedObject) -> dict[str, Any]:
    return {
        "object_id": queued.entry.object_id,
        "size": queued.entry.size,
        **asdict(queued.entry.envelope),
        "deliveries": [asdict(record) for record in queued.deliveries.values()],
    }


def _print_deliveries(rows: list[tuple[Entry, DeliveryRecord]]) -> None:
    headings = ("Object", "Received", "From", "SOP Instance UID", *_DELIVERY_HEADINGS)
    _print_table(
        headings,
        (
            (
                entry.object_id,
                _time(entry.envelope.received_at),
                entry.envelope.calling_ae,
                entry.envelope.sop_instance_uid,
                *_delivery_cells(record),
            )
            for entry, record in rows
        ),
    )


def _print_object(queued: QueuedObject) -> None:
    from atlas_node.log import visible

    entry, envelope = queued.entry, queued.entry.envelope
    for label, value in (
        ("Object", entry.object_id),
        ("Received", _time(envelope.received_at)),
        ("From", f"{envelope.calling_ae} at {envelope.peer}, calling {envelope.called_ae}"),
        ("SOP Class UID", envelope.sop_class_uid),
        ("SOP Instance UID", envelope.sop_instance_uid),
        ("Transfer syntax", envelope.transfer_syntax_uid),
        ("Bytes", str(entry.size)),
    ):
        typer.echo(f"{label:<17} {visible(value)}")
    if queued.deliveries:
        typer.echo()
        _print_table(_DELIVERY_HEADINGS, map(_delivery_cells, queued.deliveries.values()))
    else:
        typer.echo("It goes to no destination and waits for the log alone.")


_DELIVERY_HEADINGS = ("Destination", "Status", "Tries", "Next try", "Reason")


def _delivery_cells(record: DeliveryRecord) -> tuple[str, ...]:
    next_try = _time(record.next_try_at) if record.next_try_at is not None else ""
    return record.destination, record.status, str(record.tries), next_try, record.detail


def _print_table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from atlas_node.log import visible

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells: list[RenderableType] = [Text(visible(cell)) for cell in row]
        table.add_row(*cells)
    # A pipe has no width: no UID is broken over lines there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
