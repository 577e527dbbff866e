"""The spool of one worker: accepts objects, hands out what is due, forgets what is done.

Receiving, delivering and recording meet here and nowhere else; each has its own threads, and
every method of `Spool` may be called from any of them. The rule: an object leaves the spool only
when every delivery of it is sent and the annotation log has said so.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from atlas_node.config import SpoolSettings
from atlas_node.encoding.part10 import file_header
from atlas_node.errors import SpoolFullError
from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope
from atlas_node.spool.entry import Entry, QueuedObject, Recipient, initial_deliveries
from atlas_node.spool.limits import Occupancy
from atlas_node.spool.partition import Buffer, Partition
from atlas_node.spool.queues import DeliveryQueue

_PARTITION_PATIENCE: Final = 10.0
_FULL_LINE_EVERY: Final = 10.0
_SYNTAXES_AHEAD: Final = 256

_logger = logging.getLogger(__name__)


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
        Whether the log was not told of the object since this worker started.
    """

    entry: Entry
    deliveries: tuple[DeliveryRecord, ...]
    new: bool


@dataclass(slots=True)
class _Kept:
    entry: Entry
    deliveries: dict[str, DeliveryRecord]
    recorded: bool = field(default=False)


class Spool:
    """The partition of one worker.

    Parameters
    ----------
    settings : SpoolSettings
    partition : int
        Number of the worker.
    workers : int
        How many workers share the limits.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    SpoolError
        When the partition cannot be used or another process has it.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        partition: int = 0,
        workers: int = 1,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._files = Partition(
            settings.path / str(partition), settings.durability, patience=_PARTITION_PATIENCE
        )
        self._occupancy = Occupancy(settings.limits, workers, self._files.folder)
        self._suffix = f"{partition:02x}{secrets.token_hex(2)}"
        self._last_ns = 0
        self._wakes = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._kept: dict[str, _Kept] = {}
        self._queues: dict[str, DeliveryQueue] = {}
        self._unrecorded: dict[str, None] = {}
        self._full_said = float("-inf")
        for queued, damage in self._files.sweep():
            self._restore(queued, damage)

    def close(self) -> None:
        """Let another process have the partition; what is in it stays."""
        self._files.close()

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    # Receiving

    def accept(self, envelope: Envelope, data: Buffer, recipients: Sequence[Recipient]) -> str:
        """Keep an object; when this returns it is durable and the sender may be told so.

        Parameters
        ----------
        envelope : Envelope
        data : bytes, bytearray or memoryview
            The encoded data set as received.
        recipients : sequence of Recipient
            Where it goes; none: it is only recorded in the log.

        Returns
        -------
        str
            The identifier of the object.

        Raises
        ------
        SpoolFullError
            When a limit is reached.
        SpoolError
            When it cannot be written.
        """
        header = file_header(
            sop_class_uid=envelope.sop_class_uid,
            sop_instance_uid=envelope.sop_instance_uid,
            transfer_syntax_uid=envelope.transfer_syntax_uid,
            source_ae=envelope.calling_ae,
        )
        size = len(data)
        with self._lock:
            try:
                self._occupancy.check(size)
            except SpoolFullError as error:
                self._say_full(error)
                raise
            self._occupancy.add(size)
            object_id = self._new_id()
        entry = Entry(object_id, envelope, size, len(header), tuple(recipients))
        try:
            self._files.write(entry, header, data)
        except BaseException:
            with self._lock:
                self._occupancy.subtract(size)
            raise
        with self._lock:
            self._keep(entry, initial_deliveries(entry))
            self._changed.notify_all()
        return object_id

    def _new_id(self) -> str:
        """Return an identifier that sorts after every earlier one of this partition."""
        self._last_ns = max(self._last_ns + 1, int(self._clock() * 1e9))
        return f"{self._last_ns:016x}-{self._suffix}"

    def _say_full(self, error: SpoolFullError) -> None:
        now = time.monotonic()
        if now - self._full_said >= _FULL_LINE_EVERY:
            self._full_said = now
            _logger.error("refusing objects with 0xA700: %s", error)

    # Delivering

    def take(self, destination: str, timeout: float) -> Delivery | None:
        """Take the next delivery that is due for a destination.

        Parameters
        ----------
        destination : str
        timeout : float
            Seconds to wait for one.

        Returns
        -------
        Delivery or None
            None when nothing came due, or `wake` was called.
        """
        give_up = time.monotonic() + timeout
        with self._lock:
            wakes = self._wakes
            queue = self._queues.setdefault(destination, DeliveryQueue())
            while (object_id := queue.pop(self._clock())) is None:
                wait = give_up - time.monotonic()
                if wait <= 0 or wakes != self._wakes:
                    return None
                next_at = queue.next_at()
                if next_at is not None:
                    wait = min(wait, max(0.0, next_at - self._clock()))
                self._changed.wait(wait)
            kept = self._kept[object_id]
            recipient = next(it for it in kept.entry.recipients if it.destination == destination)
            return Delivery(kept.entry, recipient, kept.deliveries[destination])

    def settle(
        self, delivery: Delivery, record: DeliveryRecord, *, hold_place: bool = False
    ) -> None:
        """Put down what became of a delivery that was taken.

        Parameters
        ----------
        delivery : Delivery
        record : DeliveryRecord
            Its new state. One that is not final comes again at its `next_try_at`.
        hold_place : bool
            Let it come again before everything that arrived after it: nothing was wrong with the
            object, the destination could not be reached.
        """
        object_id = delivery.entry.object_id
        try:
            self._files.append(object_id, record)
        except OSError as error:
            # What is on the disk is older: after a crash it would be sent once more, not lost.
            _logger.error("cannot write the journal of %s: %s", object_id, error.strerror)
        with self._lock:
            self._kept[object_id].deliveries[record.destination] = record
            if not record.final:
                at = None if hold_place else record.next_try_at
                self._queues[record.destination].push(object_id, at)
            self._unrecorded[object_id] = None
            self._changed.notify_all()

    def read(self, entry: Entry) -> memoryview:
        """Return the received data set of an object, mapped from its file.

        Raises
        ------
        SpoolError
            When the file is missing or damaged.
        """
        return self._files.read(entry)

    def syntaxes_ahead(self, destination: str) -> list[tuple[str, str]]:
        """Return the SOP classes and transfer syntaxes of what comes next for a destination."""
        with self._lock:
            queue = self._queues.get(destination)
            ahead = queue.peek(_SYNTAXES_AHEAD) if queue else []
            envelopes = [self._kept[object_id].entry.envelope for object_id in ahead]
        return list(dict.fromkeys((it.sop_class_uid, it.transfer_syntax_uid) for it in envelopes))

    def due(self, destination: str) -> bool:
        """Whether a delivery to a destination is due now."""
        with self._lock:
            queue = self._queues.get(destination)
            return queue is not None and queue.is_due(self._clock())

    def waiting(self) -> dict[str, int]:
        """Return the number of deliveries not final, by destination, where there are any."""
        with self._lock:
            return {name: len(queue) for name, queue in self._queues.items() if len(queue)}

    def wake(self) -> None:
        """Have every waiting thread return, so that it looks whether it should stop."""
        with self._lock:
            self._wakes += 1
            self._changed.notify_all()

    # Recording

    def unrecorded(self, limit: int, timeout: float) -> list[Change]:
        """Return objects whose state the log has not been told, those longest waiting first.

        Parameters
        ----------
        limit : int
            At most so many.
        timeout : float
            Seconds to wait for one. Returns early when `wake` was called.
        """
        with self._lock:
            wakes = self._wakes
            self._changed.wait_for(lambda: self._unrecorded or wakes != self._wakes, timeout)
            changes = []
            for object_id in list(self._unrecorded)[:limit]:
                kept = self._kept[object_id]
                changes.append(
                    Change(kept.entry, tuple(kept.deliveries.values()), not kept.recorded)
                )
            return changes

    def recorded(self, changes: Sequence[Change]) -> None:
        """Note that the log has these; remove the objects that need nothing more."""
        done = []
        with self._lock:
            for change in changes:
                object_id = change.entry.object_id
                kept = self._kept[object_id]
                kept.recorded = True
                if tuple(kept.deliveries.values()) != change.deliveries:
                    continue
                self._unrecorded.pop(object_id, None)
                if all(it.status is DeliveryStatus.SENT for it in change.deliveries):
                    del self._kept[object_id]
                    self._occupancy.subtract(kept.entry.size)
                    done.append(object_id)
        for object_id in done:
            try:
                self._files.remove(object_id)
            except OSError as error:
                _logger.error("cannot remove %s from the spool: %s", object_id, error.strerror)

    def postpone(self, change: Change) -> None:
        """Put an object that the log did not take behind the others."""
        with self._lock:
            self._unrecorded.pop(change.entry.object_id, None)
            self._unrecorded[change.entry.object_id] = None

    # Start

    def _restore(self, queued: QueuedObject, damage: str) -> None:
        deliveries = dict(queued.deliveries)
        if damage:
            _logger.error("object %s is damaged: %s", queued.entry.object_id, damage)
            for name, record in deliveries.items():
                if not record.final:
                    deliveries[name] = replace(
                        record, status=DeliveryStatus.DEAD, detail=damage, next_try_at=None
                    )
        self._last_ns = max(self._last_ns, int(queued.entry.object_id.partition("-")[0], 16))
        self._occupancy.add(queued.entry.size)
        self._keep(queued.entry, deliveries)

    def _keep(self, entry: Entry, deliveries: dict[str, DeliveryRecord]) -> None:
        self._kept[entry.object_id] = _Kept(entry, deliveries)
        self._unrecorded[entry.object_id] = None
        for name, record in deliveries.items():
            if not record.final:
                queue = self._queues.setdefault(name, DeliveryQueue())
                # After a start everything is due at once, in the order of arrival.
                queue.push(entry.object_id)
