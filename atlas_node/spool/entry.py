"""What the spool keeps of one object beside its bytes.

`Intake` makes an `Entry` of what the sender said and of where the object goes; `journal` writes it
down and reads it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy

NO_ROUTE: Final = "(no route)"
"""Stands in the place of a destination for an object that no route matches."""


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
    """An object in the spool with the state of its deliveries.

    Attributes
    ----------
    entry : Entry
    deliveries : mapping of str to DeliveryRecord
        By destination.
    finished_at : float or None
        When it was finished, in seconds since the epoch; None when something is to be done yet.
    """

    entry: Entry
    deliveries: Mapping[str, DeliveryRecord]
    finished_at: float | None = None


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
