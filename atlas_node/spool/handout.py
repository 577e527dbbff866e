"""What `Spool` hands out: deliveries to the couriers, changes to the recorder.

An annotation passes through here without being looked at: what it is, couriers and recorder know.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas_node.model import DeliveryRecord
from atlas_node.spool.entry import Entry, Recipient


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that a destination's thread has taken and must `Spool.settle`."""

    entry: Entry
    recipient: Recipient
    record: DeliveryRecord


@dataclass(frozen=True, slots=True)
class Change:
    """What the annotation log has still to be told of one object.

    Attributes
    ----------
    entry : Entry
    deliveries : tuple of DeliveryRecord
        The present state of all of them.
    new : bool
        Whether the log was not told of the object since this forwarder started.
    annotation : object or None
        What a courier handed to `Spool.settle`.
    """

    entry: Entry
    deliveries: tuple[DeliveryRecord, ...]
    new: bool
    annotation: object | None = None
