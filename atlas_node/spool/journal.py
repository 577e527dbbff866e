"""How a journal says what the spool knows of an object: a file of JSON lines.

The first line is the entry: once its newline is on the disk, the object is accepted. Each further
line is the state of one delivery after a try or an order, more recipients, or that the object is
finished. Lines are only appended, so a crash can tear the last one at most; what is not ended by a
newline never happened. A later line that a failing disk has spoilt, so that it is none or names a
destination that the object has not, may have said anything: what was open until then is dead, and
the object waits for a person to retry or drop it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy
from atlas_node.spool.entry import Entry, QueuedObject, Recipient, initial_deliveries

JOURNAL_VERSION: Final = 1
DAMAGED: Final = "(damaged journal)"
"""Stands for the destinations that a damaged line may have named."""


def entry_line(entry: Entry) -> bytes:
    """Return the first line of a journal."""
    envelope = entry.envelope
    return _line(
        {
            "version": JOURNAL_VERSION,
            "id": entry.object_id,
            # Written out: dataclasses.asdict takes five times as long as all the rest.
            "envelope": {
                "received_at": envelope.received_at,
                "calling_ae": envelope.calling_ae,
                "called_ae": envelope.called_ae,
                "peer": envelope.peer,
                "sop_class_uid": envelope.sop_class_uid,
                "sop_instance_uid": envelope.sop_instance_uid,
                "transfer_syntax_uid": envelope.transfer_syntax_uid,
            },
            "size": entry.size,
            "offset": entry.offset,
            "to": _recipients_json(entry.recipients),
        }
    )


def recipients_line(recipients: Iterable[Recipient]) -> bytes:
    """Return the journal line of destinations that an object got later."""
    return _line({"to": _recipients_json(recipients)})


def finished_line(at: float) -> bytes:
    """Return the journal line of an object that needs nothing more."""
    return _line({"finished": at})


def delivery_line(record: DeliveryRecord) -> bytes:
    """Return the journal line of a delivery after a try."""
    return _line(
        {
            "delivery": {
                "destination": record.destination,
                "status": record.status,
                "tries": record.tries,
                "at": record.at,
                "detail": record.detail,
                "next_try_at": record.next_try_at,
            }
        }
    )


# ASCII with escapes: no name from the network can put a newline into a journal.
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _line(value: dict[str, Any]) -> bytes:
    return _encode(value).encode("ascii") + b"\n"


def _recipients_json(recipients: Iterable[Recipient]) -> list[dict[str, str]]:
    return [
        {"destination": it.destination, "policy": it.policy, "refusal": it.refusal}
        for it in recipients
    ]


def parse_journal(journal: bytes) -> tuple[QueuedObject, int] | None:
    """Rebuild an object's state from its journal.

    Parameters
    ----------
    journal : bytes
        The whole file.

    Returns
    -------
    tuple of QueuedObject and int, or None
        The state, and the number of bytes up to the end of the last complete line. None when
        the entry line is not complete: the object was never accepted.

    Raises
    ------
    ValueError
        When the entry line is not what this version writes.
    """
    end = journal.rfind(b"\n") + 1
    if not end:
        return None
    first, *rest = journal[:end].splitlines()
    entry = _parse_entry(first)
    deliveries = initial_deliveries(entry)
    finished_at: float | None = None
    for number, line in enumerate(rest, 2):
        finished_at = None
        try:
            said = _parse_line(line)
            unknown = isinstance(said, DeliveryRecord) and said.destination not in deliveries
        except (AttributeError, KeyError, TypeError, ValueError):
            entry, deliveries = _damaged(entry, deliveries, number)
            continue
        if unknown:
            # One to a destination that a damaged line had named is nothing to go by.
            if DAMAGED not in deliveries:
                entry, deliveries = _damaged(entry, deliveries, number)
        elif isinstance(said, DeliveryRecord):
            deliveries[said.destination] = said
        elif isinstance(said, tuple):
            entry = replace(entry, recipients=entry.recipients + said)
            deliveries |= initial_deliveries(replace(entry, recipients=said))
        else:
            finished_at = said
    return QueuedObject(entry, deliveries, finished_at), end


def given_up(deliveries: Mapping[str, DeliveryRecord], why: str) -> dict[str, DeliveryRecord]:
    """Return deliveries, those that are not final dead for a reason."""
    return {
        name: record
        if record.final
        else replace(record, status=DeliveryStatus.DEAD, detail=why, next_try_at=None)
        for name, record in deliveries.items()
    }


def _damaged(
    entry: Entry, deliveries: dict[str, DeliveryRecord], number: int
) -> tuple[Entry, dict[str, DeliveryRecord]]:
    """Return an entry and deliveries of which a damaged line may have said anything."""
    why = f"its journal is damaged at line {number}"
    records = given_up(deliveries, why)
    at = max((it.at for it in records.values()), default=0.0)
    records[DAMAGED] = DeliveryRecord(DAMAGED, DeliveryStatus.DEAD, at=at, detail=why)
    others = tuple(it for it in entry.recipients if it.destination != DAMAGED)
    damaged = Recipient(DAMAGED, Policy.OBSERVE, why)
    return replace(entry, recipients=(*others, damaged)), records


def _parse_entry(line: bytes) -> Entry:
    try:
        value = json.loads(line)
        if value["version"] != JOURNAL_VERSION:
            raise ValueError(f"journal version {value['version']!r}, expected {JOURNAL_VERSION}")
        said = value["envelope"]
        return Entry(
            object_id=value["id"],
            # What repeats over objects is in memory once: there may be a million of them.
            envelope=Envelope(
                said["received_at"],
                sys.intern(said["calling_ae"]),
                sys.intern(said["called_ae"]),
                sys.intern(said["peer"]),
                sys.intern(said["sop_class_uid"]),
                said["sop_instance_uid"],
                sys.intern(said["transfer_syntax_uid"]),
            ),
            size=int(value["size"]),
            offset=int(value["offset"]),
            recipients=_parse_recipients(value["to"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an entry of a spool journal ({error})") from error


def _parse_recipients(value: Any) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(sys.intern(it["destination"]), Policy(it["policy"]), sys.intern(it["refusal"]))
        for it in value
    )


def _parse_line(line: bytes) -> DeliveryRecord | tuple[Recipient, ...] | float:
    """Return a delivery, recipients, or when the object was finished."""
    value: Any
    [(kind, value)] = json.loads(line).items()
    if kind == "finished":
        return float(value)
    if kind == "to":
        return _parse_recipients(value)
    if kind == "delivery":
        return DeliveryRecord(**{**value, "status": DeliveryStatus(value["status"])})
    raise ValueError(f"a line of a spool journal that this version does not know: {kind!a}")
