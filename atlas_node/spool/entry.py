"""What the spool keeps of one object beside its bytes, and how a journal line says it.

A journal is a file of JSON lines. The first is the entry: once its newline is on the disk, the
object is accepted. Each further line is the state of one delivery after a try. Lines are only
appended, so a crash can tear the last one at most; what is not ended by a newline never happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy

JOURNAL_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Recipient:
    """A destination that an object is to go to.

    Attributes
    ----------
    destination : str
        Its name in the configuration.
    policy : Policy
        What annotation may change for it. Decided when the object is accepted, so that a retry
        after a change of the configuration sends the same bytes.
    refusal : str
        Empty; or why the delivery is dead from the start, such as that no route matches.
    """

    destination: str
    policy: Policy
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted object.

    Attributes
    ----------
    object_id : str
        The spool's own identifier, in order of arrival and never used again.
    envelope : Envelope
    size : int
        Bytes of the encoded data set as received.
    offset : int
        Where the data set begins in the object's file.
    recipients : tuple of Recipient
        Where it goes; empty when it is only recorded in the log.
    """

    object_id: str
    envelope: Envelope
    size: int
    offset: int
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class QueuedObject:
    """An object in the spool together with the state of its deliveries, by destination."""

    entry: Entry
    deliveries: Mapping[str, DeliveryRecord]


def initial_deliveries(entry: Entry) -> dict[str, DeliveryRecord]:
    """Return the deliveries of an entry before anything was tried."""
    at = entry.envelope.received_at
    return {
        recipient.destination: DeliveryRecord(
            recipient.destination,
            DeliveryStatus.DEAD if recipient.refusal else DeliveryStatus.PENDING,
            at=at,
            detail=recipient.refusal,
        )
        for recipient in entry.recipients
    }


def entry_line(entry: Entry) -> bytes:
    """Return the first line of a journal."""
    return _line(
        {
            "version": JOURNAL_VERSION,
            "id": entry.object_id,
            "envelope": asdict(entry.envelope),
            "size": entry.size,
            "offset": entry.offset,
            "to": [asdict(recipient) for recipient in entry.recipients],
        }
    )


def delivery_line(record: DeliveryRecord) -> bytes:
    """Return the journal line of a delivery after a try."""
    return _line({"delivery": asdict(record)})


def _line(value: dict[str, Any]) -> bytes:
    # ASCII with escapes: no name from the network can put a newline into a journal.
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


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
        When a complete line is not what this version writes.
    """
    end = journal.rfind(b"\n") + 1
    if not end:
        return None
    first, *rest = journal[:end].splitlines()
    entry = _parse_entry(first)
    deliveries = initial_deliveries(entry)
    for line in rest:
        record = _parse_delivery(line)
        deliveries[record.destination] = record
    return QueuedObject(entry, deliveries), end


def _parse_entry(line: bytes) -> Entry:
    try:
        value = json.loads(line)
        if value["version"] != JOURNAL_VERSION:
            raise ValueError(f"journal version {value['version']!r}, expected {JOURNAL_VERSION}")
        return Entry(
            object_id=value["id"],
            envelope=Envelope(**value["envelope"]),
            size=int(value["size"]),
            offset=int(value["offset"]),
            recipients=tuple(
                Recipient(item["destination"], Policy(item["policy"]), item["refusal"])
                for item in value["to"]
            ),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an entry of a spool journal ({error})") from error


def _parse_delivery(line: bytes) -> DeliveryRecord:
    try:
        value = json.loads(line)["delivery"]
        return DeliveryRecord(**{**value, "status": DeliveryStatus(value["status"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a delivery line of a spool journal ({error})") from error
