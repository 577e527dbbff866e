"""Objects that are not finished, as memory has them: their deliveries, queues and numbers.

`Spool` keeps them and holds its lock around every call; it writes the journals and knows what the
log was told. The rule: the queues and the numbers always say what the deliveries say, so whatever
changes a delivery changes it here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from atlas_node.model import DeliveryRecord
from atlas_node.spool.entry import Entry, Recipient, initial_deliveries
from atlas_node.spool.handout import Delivery
from atlas_node.spool.queues import DeliveryQueue
from atlas_node.spool.standing import Standing, StandingCounts

_SYNTAXES_AHEAD: Final = 256
_LATELY: Final = 1.0


@dataclass(slots=True)
class Unfinished:
    """One object with its deliveries.

    Attributes
    ----------
    entry : Entry
    deliveries : dict of str to DeliveryRecord
        By destination.
    recorded : bool
        Whether the log was told of the object since this forwarder started.
    """

    entry: Entry
    deliveries: dict[str, DeliveryRecord]
    recorded: bool = False

    def recipient(self, destination: str) -> Recipient:
        """Return what was decided for one of its destinations."""
        return next(it for it in self.entry.recipients if it.destination == destination)


class UnfinishedObjects:
    """The objects of one partition by their identifiers; called under a lock.

    Parameters
    ----------
    lock : threading.Lock
        That lock; whoever waits for a delivery waits for `changed` of its queue.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._objects: dict[str, Unfinished] = {}
        self._queues: dict[str, DeliveryQueue] = {}
        self._in_hand: set[tuple[str, str]] = set()
        self._counts = StandingCounts()

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._objects

    def __getitem__(self, object_id: str) -> Unfinished:
        return self._objects[object_id]

    def get(self, object_id: str) -> Unfinished | None:
        """Return an object; None when it is not here."""
        return self._objects.get(object_id)

    def size(self) -> int:
        """Return the bytes of all data sets."""
        return sum(it.entry.size for it in self._objects.values())

    def add(self, entry: Entry, deliveries: dict[str, DeliveryRecord]) -> None:
        """Take an object in; what is not final is due at once, in the order of arrival."""
        self._objects[entry.object_id] = Unfinished(entry, deliveries)
        self._count(entry.object_id, deliveries)

    def add_recipients(self, object_id: str, recipients: Sequence[Recipient]) -> None:
        """Let an object go to destinations that it did not have."""
        kept = self._objects[object_id]
        added = initial_deliveries(replace(kept.entry, recipients=tuple(recipients)))
        kept.entry = replace(kept.entry, recipients=(*kept.entry.recipients, *recipients))
        kept.deliveries.update(added)
        self._count(object_id, added)

    def _count(self, object_id: str, deliveries: dict[str, DeliveryRecord]) -> None:
        self._counts.add(*deliveries.values())
        for name, record in deliveries.items():
            if not record.final:
                self.queue(name).push(object_id)

    def remove(self, object_id: str) -> None:
        """Forget an object that needs nothing more."""
        self._counts.remove(*self._objects.pop(object_id).deliveries.values())

    def change(self, object_id: str, record: DeliveryRecord) -> None:
        """Change a delivery; where it stands in its queue is the caller's to say."""
        deliveries = self._objects[object_id].deliveries
        self._counts.remove(deliveries[record.destination])
        self._counts.add(record)
        deliveries[record.destination] = record

    # Deliveries in hand

    def take(self, destination: str, now: float, last: Collection[str] = ()) -> Delivery | None:
        """Return the next delivery that is due, which a thread has in hand from now on.

        Parameters
        ----------
        destination : str
        now : float
            As `time.monotonic` counts.
        last : collection of str
            Identifiers of objects that come only when no other is due.
        """
        object_id = self.queue(destination).pop(now, last)
        if object_id is None:
            return None
        kept = self._objects[object_id]
        self._in_hand.add((object_id, destination))
        return Delivery(kept.entry, kept.recipient(destination), kept.deliveries[destination])

    def put_back(self, object_id: str, record: DeliveryRecord) -> None:
        """Change a delivery that was in hand and is not any more."""
        self._in_hand.discard((object_id, record.destination))
        self.change(object_id, record)

    def is_in_hand(self, object_id: str, destination: str) -> bool:
        """Whether a thread has a delivery in hand."""
        return (object_id, destination) in self._in_hand

    # Queues

    def queue(self, destination: str) -> DeliveryQueue:
        """Return the queue of a destination, which is made when it is asked for first."""
        queue = self._queues.get(destination)
        if queue is None:
            queue = self._queues[destination] = DeliveryQueue(self._lock)
        return queue

    def queues(self) -> Iterator[tuple[str, DeliveryQueue]]:
        """Return all queues with their destinations."""
        return iter(self._queues.items())

    def syntaxes_ahead(self, destination: str) -> list[tuple[str, str]]:
        """Return the SOP classes and transfer syntaxes of what comes next for a destination."""
        ahead = self.queue(destination).peek(_SYNTAXES_AHEAD)
        envelopes = [self._objects[object_id].entry.envelope for object_id in ahead]
        return list(dict.fromkeys((it.sop_class_uid, it.transfer_syntax_uid) for it in envelopes))

    def moves(self, object_id: str) -> bool:
        """Whether all that an object still waits for are destinations that take objects now."""
        lately = time.monotonic() - _LATELY
        return all(
            it.final or self.queue(it.destination).sent_at > lately
            for it in self._objects[object_id].deliveries.values()
        )

    # Numbers

    def standing(self, now: float) -> dict[str, Standing]:
        """Return how the deliveries stand, by destination; `now` is in seconds since the epoch."""
        return {name: self._standing_of(name, now) for name in self._counts.destinations()}

    def _standing_of(self, destination: str, now: float) -> Standing:
        queue = self.queue(destination)
        in_hand = [object_id for object_id, name in self._in_hand if name == destination]
        oldest = min(filter(None, (*in_hand, queue.oldest())), default=None)
        oldest_at = self._objects[oldest].entry.envelope.received_at if oldest else None
        next_at = queue.next_at()
        next_try_at = None if next_at is None else now + next_at - time.monotonic()
        return self._counts.of(destination, len(in_hand), oldest_at, next_try_at)
