"""``atlas-node queue``: what is in the spool, how each delivery stands, and orders about them.

`list` and `show` read the spool's files without a lock. `retry` and `drop` have the running node
do it, or do it themselves when none runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_node.cli.options import ConfigOption, DocumentOption, LinesOption
from atlas_node.cli.owner import act_as_owner
from atlas_node.cli.table import iso, print_table, shown_time
from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus

if TYPE_CHECKING:
    from atlas_node.config import Config
    from atlas_node.spool import Action, Entry, Outcome, QueuedObject

app = typer.Typer(no_args_is_help=True)

DestinationOption = Annotated[str | None, typer.Option(help="Only deliveries to this destination.")]
StatusOption = Annotated[DeliveryStatus | None, typer.Option(help="Only deliveries that stand so.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="As `queue list` prints them.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every delivery that it can be done for.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_OPEN = (DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.DEAD)
_IN_TROUBLE = (DeliveryStatus.FAILED, DeliveryStatus.DEAD)
_SETTLED = (DeliveryStatus.SENT, DeliveryStatus.DROPPED)


@app.command("list")
def list_(
    config: ConfigOption = None,
    destination: DestinationOption = None,
    status: StatusOption = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only objects received since 2026-03-01T08:30, or an age: 30m, 2h, 7d."),
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Objects that are finished and kept for a time.")
    ] = False,
    as_json: LinesOption = False,
) -> None:
    """List every delivery of every object in the spool, in order of arrival.

    Of one that has not been tried yet the reason says what it waits for, if anything is wrong.
    """
    from atlas_node.log.filters import parse_since
    from atlas_node.spool import read_queue

    try:
        begin = parse_since(since) if since else float("-inf")
    except ValueError as error:
        raise typer.BadParameter(f"--since: {error}") from None
    settings = _settings(config)
    _check_destination(settings, destination)
    rows = (
        (queued.entry, record)
        for queued in _explained(settings, read_queue(settings.spool.path, finished=finished))
        if queued.entry.envelope.received_at >= begin
        for record in queued.deliveries.values()
        if destination in (None, record.destination) and status in (None, record.status)
    )
    if as_json:
        for entry, record in rows:
            typer.echo(json.dumps(_delivery_json(entry, record)))
        return
    found = list(rows)
    if found:
        _print_deliveries(found)
    else:
        wanted = "".join(
            f" {word} {value}"
            for word, value in (("to", destination), ("with status", status), ("since", since))
            if value
        )
        typer.echo(f"no deliveries{wanted}")


@app.command("show")
def show(
    object_id: Annotated[str, typer.Argument(metavar="ID", help="As `queue list` prints it.")],
    config: ConfigOption = None,
    as_json: DocumentOption = False,
) -> None:
    """Show one object in the spool with all of its deliveries."""
    from atlas_node.spool import read_queued_object, waited_for

    settings = _settings(config)
    spool = settings.spool.path
    queued = _object(spool, object_id)
    first = {waited_for(record.detail) for record in queued.deliveries.values()} - {None}
    before = [it for it in (read_queued_object(spool, str(it)) for it in first) if it]
    *_, queued = _explained(settings, [*before, queued])
    if as_json:
        typer.echo(json.dumps(_object_json(queued), indent=2))
        return
    _print_object(queued)


@app.command("retry")
def retry(
    ids: IdsArgument = None,
    config: ConfigOption = None,
    destination: DestinationOption = None,
    status: StatusOption = None,
    every: AllOption = False,
    finished: Annotated[
        bool, typer.Option("--finished", help="Send finished objects again that are still kept.")
    ] = False,
    yes: YesOption = False,
    as_json: DocumentOption = False,
) -> None:
    """Try deliveries again now, counting from the start: failed and dead ones, or by status.

    An object that no route matched is routed again, by the routes now in force.
    """
    from atlas_node.spool import Action

    _order(
        Action.RETRY, ids, config, destination, status,
        every=every, finished=finished, yes=yes, as_json=as_json,
    )  # fmt: skip


@app.command("drop")
def drop(
    ids: IdsArgument = None,
    config: ConfigOption = None,
    destination: DestinationOption = None,
    status: StatusOption = None,
    every: AllOption = False,
    yes: YesOption = False,
    as_json: DocumentOption = False,
) -> None:
    """Give deliveries up for good; an object with no other delivery to wait for is removed."""
    from atlas_node.spool import Action

    _order(
        Action.DROP, ids, config, destination, status,
        every=every, finished=False, yes=yes, as_json=as_json,
    )  # fmt: skip


def _order(
    action: Action,
    ids: list[str] | None,
    config: Path | None,
    destination: str | None,
    status: DeliveryStatus | None,
    *,
    every: bool,
    finished: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Find the deliveries that are meant, ask, give the order and print what became of it."""
    from atlas_node.route import recipients_by
    from atlas_node.spool import Action, Outcome, give_order, read_queue

    if not (ids or destination or status or every):
        raise typer.BadParameter("say which: an ID, --destination, --status or --all")
    settings = _settings(config)
    _check_destination(settings, destination)
    spool = settings.spool.path
    if ids:
        queue: Iterable[QueuedObject] = [_object(spool, object_id) for object_id in ids]
    else:
        queue = read_queue(spool, finished=finished)
    targets = []
    for queued in queue:
        statuses: tuple[DeliveryStatus, ...]
        if queued.finished_at is not None:
            statuses = _SETTLED
        elif action is Action.DROP or ids:
            statuses = _OPEN
        else:
            statuses = _IN_TROUBLE
        targets += [
            (queued.entry.object_id, record.destination)
            for record in queued.deliveries.values()
            if destination in (None, record.destination)
            and record.status in ((status,) if status else statuses)
        ]
    count = _counted(len(targets), "delivery", "deliveries")
    if targets and not ids and not yes:
        objects = _counted(len({object_id for object_id, _ in targets}), "object", "objects")
        typer.confirm(f"{action} {count} of {objects}?", abort=True, err=True)
    outcome = Outcome(0)
    if targets:
        act_as_owner(spool)
        outcome = give_order(settings.spool, action, targets, recipients_by(settings))
    _print_outcome(action, outcome, as_json=as_json)
    if outcome.refused or outcome.unanswered:
        raise typer.Exit(1)


def _print_outcome(action: Action, outcome: Outcome, *, as_json: bool) -> None:
    from atlas_node.log import visible

    if as_json:
        refused = [asdict(it) for it in outcome.refused]
        document = {"action": action, "done": outcome.done, "refused": refused}
        typer.echo(json.dumps(document | {"unanswered": outcome.unanswered}, indent=2))
        return
    what = {"retry": "tried again", "drop": "dropped"}[action]
    typer.echo(f"{_counted(outcome.done, 'delivery', 'deliveries')} {what}")
    for it in outcome.refused:
        typer.echo(visible(f"{it.object_id} to {it.destination}: {it.reason}"), err=True)
    if outcome.unanswered:
        typer.echo(
            f"the node has not answered for {outcome.unanswered} yet; the order stands and is "
            "carried out when it does",
            err=True,
        )


def _explained(config: Config, queue: Iterable[QueuedObject]) -> Iterator[QueuedObject]:
    """Yield objects, given in order of arrival, with the reasons why their deliveries wait."""
    from atlas_node.activity import read_activity
    from atlas_node.spool import Reasons

    activity = read_activity(config.spool.path)
    retried: set[tuple[str, str]] = set()
    tried = activity.destinations if activity.running else {}
    reasons = Reasons(tried, {it.name for it in config.destinations}, retried)
    for queued in queue:
        deliveries = queued.deliveries
        retried |= {
            (queued.entry.object_id, name)
            for name, record in deliveries.items()
            if record.status is DeliveryStatus.FAILED
        }
        explained = {name: reasons.explain(record) for name, record in deliveries.items()}
        yield replace(queued, deliveries=explained)


def _settings(config: Path | None) -> Config:
    from atlas_node.config import load_config

    return load_config(config)


def _check_destination(config: Config, destination: str | None) -> None:
    """Refuse the name of a destination that neither the configuration nor the spool has."""
    from atlas_node.spool import read_queue

    names = {it.name for it in config.destinations}
    if destination is None or destination in names:
        return
    for finished in (False, True):
        for queued in read_queue(config.spool.path, finished=finished):
            names.update(queued.deliveries)
    if destination not in names:
        known = f"there are: {', '.join(sorted(names))}" if names else "there are none"
        raise typer.BadParameter(f"--destination: no destination named {destination!a}; {known}")


def _object(spool: Path, object_id: str) -> QueuedObject:
    from atlas_node.spool import read_queued_object

    queued = read_queued_object(spool, object_id)
    if queued is None:
        raise SpoolError(f"there is no object {object_id!a} in the spool {spool}")
    return queued


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _delivery_json(entry: Entry, record: DeliveryRecord) -> dict[str, Any]:
    return {
        "object_id": entry.object_id,
        "received_at": iso(entry.envelope.received_at),
        "calling_ae": entry.envelope.calling_ae,
        "sop_instance_uid": entry.envelope.sop_instance_uid,
        **_record_json(record),
    }


def _object_json(queued: QueuedObject) -> dict[str, Any]:
    envelope = asdict(queued.entry.envelope)
    return {
        "object_id": queued.entry.object_id,
        "size": queued.entry.size,
        **envelope,
        "received_at": iso(queued.entry.envelope.received_at),
        "finished_at": iso(queued.finished_at),
        "deliveries": [_record_json(record) for record in queued.deliveries.values()],
    }


def _record_json(record: DeliveryRecord) -> dict[str, Any]:
    return asdict(record) | {"at": iso(record.at), "next_try_at": iso(record.next_try_at)}


def _print_deliveries(rows: list[tuple[Entry, DeliveryRecord]]) -> None:
    headings = ("Object", "Received", "From", "SOP Instance UID", *_DELIVERY_HEADINGS)
    print_table(
        headings,
        (
            (
                entry.object_id,
                shown_time(entry.envelope.received_at),
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
        ("Received", shown_time(envelope.received_at)),
        ("From", f"{envelope.calling_ae} at {envelope.peer}, calling {envelope.called_ae}"),
        ("SOP Class UID", envelope.sop_class_uid),
        ("SOP Instance UID", envelope.sop_instance_uid),
        ("Transfer syntax", envelope.transfer_syntax_uid),
        ("Bytes", str(entry.size)),
    ):
        typer.echo(f"{label:<17} {visible(value)}")
    if queued.finished_at is not None:
        typer.echo(f"{'Finished':<17} {shown_time(queued.finished_at)}")
    if queued.deliveries:
        typer.echo()
        print_table(_DELIVERY_HEADINGS, map(_delivery_cells, queued.deliveries.values()))
    elif queued.finished_at is None:
        typer.echo("It goes to no destination and waits for the log alone.")


_DELIVERY_HEADINGS = ("Destination", "Status", "Tries", "Next try", "Reason")


def _delivery_cells(record: DeliveryRecord) -> tuple[str, ...]:
    next_try = shown_time(record.next_try_at) if record.next_try_at is not None else ""
    return record.destination, record.status, str(record.tries), next_try, record.detail
