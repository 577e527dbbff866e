"""``atlas-node commitment``: the storage commitment transactions that are open, and orders on them.

Everything is done on the files in the spool, under their lock; a running node sees it at once.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_node.cli.options import ConfigOption, LinesOption
from atlas_node.cli.owner import act_as_owner
from atlas_node.cli.table import iso, print_table, shown_time
from atlas_node.errors import SpoolError

if TYPE_CHECKING:
    from atlas_node.spool import CommitmentStore
    from atlas_node.spool.transaction import Transaction

app = typer.Typer(no_args_is_help=True)

IdsArgument = Annotated[
    list[str], typer.Argument(metavar="ID...", help="As `commitment list` prints them.")
]


@app.command("list")
def list_(config: ConfigOption = None, as_json: LinesOption = False) -> None:
    """List the requests of scanners whose report has not been delivered yet."""
    transactions = _store(config).transactions()
    if as_json:
        for transaction in transactions:
            typer.echo(json.dumps(_json(transaction)))
    elif transactions:
        print_table(
            ("Transaction", "Received", "From", "Archives", "Scanner", "Reason"),
            map(_cells, transactions),
        )
    else:
        typer.echo("no open storage commitment transactions")


@app.command("retry")
def retry(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Ask archives and call scanners now, also those that were given up."""
    store = _store(config, to_change=True)
    for identifier in ids:
        _found(store.update(identifier, _due_now), identifier)
        typer.echo(f"{identifier} is tried again")


@app.command("drop")
def drop(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Forget transactions: their scanners are not told any more."""
    store = _store(config, to_change=True)
    for identifier in ids:
        _found(store.get(identifier), identifier)
        store.update(identifier, lambda _: None)
        typer.echo(f"{identifier} is dropped")


def _store(config: Path | None, *, to_change: bool = False) -> CommitmentStore:
    from atlas_node.config import load_config
    from atlas_node.spool import CommitmentStore

    spool = load_config(config).spool.path
    if to_change:
        act_as_owner(spool)
    return CommitmentStore(spool)


def _found(transaction: Transaction | None, identifier: str) -> None:
    if transaction is None:
        raise SpoolError(f"there is no open storage commitment transaction {identifier!a}")


def _due_now(transaction: Transaction) -> Transaction:
    enquiries = tuple(replace(it, next_try_at=0.0) for it in transaction.enquiries)
    return replace(transaction, enquiries=enquiries, next_try_at=0.0, given_up=False)


def _state(transaction: Transaction) -> str:
    if not transaction.complete:
        return "waits for archives"
    return "given up" if transaction.given_up else "to be told"


def _reason(transaction: Transaction) -> str:
    return transaction.detail or "; ".join(it.detail for it in transaction.enquiries if it.detail)


def _cells(transaction: Transaction) -> tuple[str, ...]:
    return (
        transaction.transaction_id,
        shown_time(transaction.received_at),
        transaction.calling_ae,
        ", ".join(f"{it.destination}: {it.status}" for it in transaction.enquiries),
        _state(transaction),
        _reason(transaction),
    )


def _json(transaction: Transaction) -> dict[str, Any]:
    return {
        "transaction_id": transaction.transaction_id,
        "received_at": iso(transaction.received_at),
        "calling_ae": transaction.calling_ae,
        "called_ae": transaction.called_ae,
        "peer": transaction.peer,
        "transaction_uid": transaction.transaction_uid,
        "state": _state(transaction),
        "reason": _reason(transaction),
        "complete_at": iso(transaction.complete_at or None),
        "tries": transaction.tries,
        "next_try_at": iso(transaction.next_try_at or None),
        "archives": [
            {
                "destination": it.destination,
                "status": it.status,
                "tries": it.tries,
                "next_try_at": iso(it.next_try_at or None),
                "detail": it.detail,
                "transaction_uids": it.transaction_uids,
            }
            for it in transaction.enquiries
        ],
    }
