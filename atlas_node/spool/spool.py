"""The forwarding side of a partition: hands out what is due, forgets what is done.

Delivering and recording meet here, each in threads of its own, and every method of `Spool` may be
called from any of them. It learns of objects by the doorbell and, at its start, from the journals.
The rule: an object leaves the spool only when every delivery of it is sent or dropped, and the
annotation log has said so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from atlas_node.config import SpoolSettings
from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool.annotations import HeldAnnotations
from atlas_node.spool.arrivals import Arrivals
from atlas_node.spool.doorbell import Doorbell
from atlas_node.spool.entry import Entry, QueuedObject, Recipient
from atlas_node.spool.finished import FinishedObjects
from atlas_node.spool.handout import Change, Delivery
from atlas_node.spool.journal import DAMAGED, delivery_line, given_up, recipients_line
from atlas_node.spool.lock import FORWARDER_LOCK
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.partition import Partition
from atlas_node.spool.reserve import give_up_when_full
from atlas_node.spool.standing import Standing
from atlas_node.spool.unfinished import UnfinishedObjects
from atlas_node.spool.unrecorded import Unrecorded
from atlas_node.spool.waiting import waits_for

_PATIENCE: Final = 10.0

_logger = logging.getLogger(__name__)


class Spool:
    """The partition of one worker, as its forwarder has it.

    Parameters
    ----------
    settings : SpoolSettings
    partition : int
        Number of the worker.
    occupancy : Occupancy
        Shared by all workers.
    doorbell : Doorbell
        Of this worker.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    SpoolError
        When the partition cannot be used or another process forwards from it.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        partition: int,
        occupancy: Occupancy,
        doorbell: Doorbell,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._number = partition
        self._occupancy = occupancy
        self._files = Partition(settings.path / str(partition), FORWARDER_LOCK, _PATIENCE)
        self._finished = FinishedObjects(settings, partition, self._files, occupancy)
        self._lock = threading.Lock()
        self._unfinished = UnfinishedObjects(self._lock)
        self._leaving: set[str] = set()
        self._unrecorded = Unrecorded(self._lock)
        self._annotations = HeldAnnotations()
        self._arrivals = Arrivals(doorbell, occupancy, partition, self._files)
        finished = []
        accepted, there = occupancy.accepted_before(partition, self._files.journals)
        for queued, damage in self._files.sweep(there):
            if queued.finished_at is None:
                with self._lock:
                    self._restore(queued, damage)
            else:
                finished.append(queued)
        # Accepted, and not counted until their journals can be read.
        self._uncounted = set(self._files.unreadable)
        # Data whose journal is gone: the forwarder before this one was ended while it removed it.
        self._files.remove_torn()
        size = self._unfinished.size()
        occupancy.begin_forwarding(partition, accepted, len(self._unfinished), size)
        for queued in finished:
            self._finished.add(queued.entry, queued.finished_at or 0.0)

    def close(self) -> None:
        """Let another process have the partition; what is in it stays."""
        self._files.close()

    def __len__(self) -> int:
        with self._lock:
            return len(self._unfinished)

    # Arriving

    def listen(self, timeout: float) -> None:
        """Take in what the receiver has accepted, waiting at most `timeout` seconds for it.

        One thread of the forwarder calls this without end; it also removes finished objects
        whose time is over.
        """
        new = self._arrivals.wait(timeout, self._unfinished)
        if new:
            with self._lock:
                for queued in new:
                    entry = queued.entry
                    if self._is_new(entry.object_id):
                        self._keep(entry, dict(queued.deliveries))
                        if entry.object_id in self._uncounted:
                            self._uncounted.remove(entry.object_id)
                            self._occupancy.returned(self._number, entry.size)
        self._finished.expire(self._clock())

    def _is_new(self, object_id: str) -> bool:
        """Whether an object whose journal was read is to be kept, not kept or even gone by now."""
        if object_id in self._unfinished or object_id in self._leaving:
            return False
        # In this order: what is no longer leaving is finished, stuck or without a journal.
        return not self._finished.has(object_id) and self._files.has_journal(object_id)

    # Delivering

    def take(
        self,
        destination: str,
        timeout: float,
        last: Collection[str] = (),
        stopping: Callable[[], bool] = lambda: False,
    ) -> Delivery | None:
        """Take the next delivery that is due for a destination.

        Parameters
        ----------
        destination : str
        timeout : float
            Seconds to wait for one.
        last : collection of str
            Identifiers of objects that come only when no other is due.
        stopping : callable
            Whether the caller is to stop: it gets nothing more then. Whoever makes it so calls
            `wake` afterwards.

        Returns
        -------
        Delivery or None
            None when nothing came due.
        """
        give_up = time.monotonic() + timeout
        with self._lock:
            queue = self._unfinished.queue(destination)
            # Asked under the lock that `wake` takes, so that no stop is slept over.
            while not stopping():
                delivery = self._unfinished.take(destination, time.monotonic(), last)
                if delivery is not None:
                    return delivery
                wait = give_up - time.monotonic()
                if wait <= 0:
                    break
                next_at = queue.next_at()
                if next_at is not None:
                    wait = min(wait, max(0.0, next_at - time.monotonic()))
                queue.changed.wait(wait)
        return None

    def settle(
        self,
        delivery: Delivery,
        record: DeliveryRecord,
        *,
        hold_place: bool = False,
        annotation: object | None = None,
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
        annotation : object or None
            What was sent, for the recorder, so that it need not be made again.
        """
        object_id, destination = delivery.entry.object_id, record.destination
        self._write(object_id, record)
        with self._lock:
            self._unfinished.put_back(object_id, record)
            queue = self._unfinished.queue(destination)
            if record.status is DeliveryStatus.SENT:
                queue.sent_at = time.monotonic()
            if record.final:
                self._release(object_id, destination)
            else:
                queue.push(object_id, None if hold_place else self._steady(record.next_try_at))
            kept = self._unfinished[object_id]
            if annotation is not None and not kept.recorded:
                self._annotations.hold(kept.entry, annotation)
            self._tell_recorder(object_id)

    def hold_back(self, delivery: Delivery, behind: str) -> bool:
        """Put back a delivery that was taken, to come after that of another object.

        It is not counted a try, and comes again when the other object's delivery to the same
        destination is final or `let_pass` is called. The journal says what it waits for.

        Returns
        -------
        bool
            False, and nothing is done, when the other is final already or gone.
        """
        object_id, record = delivery.entry.object_id, delivery.record
        if not self._comes_before(behind, record.destination):
            return False
        if record.status is DeliveryStatus.PENDING and record.detail != waits_for(behind):
            record = replace(record, at=self._clock(), detail=waits_for(behind))
            self._write(object_id, record)
        with self._lock:
            # A person may have dropped the other one meanwhile.
            if not self._comes_before(behind, record.destination):
                return False
            self._unfinished.put_back(object_id, record)
            self._unfinished.queue(record.destination).hold(object_id, behind)
            return True

    def let_pass(self, destination: str, object_ids: Collection[str]) -> None:
        """Hand out what is held back behind some deliveries, although they may not be final."""
        with self._lock:
            for object_id in object_ids:
                self._release(object_id, destination)

    def _release(self, behind: str, destination: str) -> None:
        for object_id in self._unfinished.queue(destination).release(behind):
            record = self._unfinished[object_id].deliveries[destination]
            if record.status is DeliveryStatus.PENDING:
                record = replace(record, at=self._clock(), detail="")
                self._unfinished.change(object_id, record)
                self._write(object_id, record)

    def _comes_before(self, object_id: str, destination: str) -> bool:
        """Whether there is a delivery that another one can be held back behind."""
        kept = self._unfinished.get(object_id)
        return kept is not None and not kept.deliveries[destination].final

    def _write(self, object_id: str, record: DeliveryRecord) -> None:
        """Put a delivery into the journal, if the disk takes it."""
        try:
            self._files.append(object_id, delivery_line(record))
        except SpoolError as error:
            # What is on the disk is older: after a crash it would be sent once more, not lost.
            _logger.error("%s", error)

    def read(self, entry: Entry) -> memoryview:
        """Return the received data set of an object, mapped from its file.

        Raises
        ------
        DamagedObjectError
            When the file is missing or has not the size that was written.
        UnreadableObjectError
            When the disk does not give back all of it.
        SpoolError
            When it cannot be read now.
        """
        return self._files.read(entry)

    def syntaxes_ahead(self, destination: str) -> list[tuple[str, str]]:
        """Return the SOP classes and transfer syntaxes of what comes next for a destination."""
        with self._lock:
            return self._unfinished.syntaxes_ahead(destination)

    def due(self, destination: str) -> bool:
        """Whether a delivery to a destination is due now."""
        with self._lock:
            return self._unfinished.queue(destination).is_due(time.monotonic())

    def waiting(self) -> dict[str, int]:
        """Return the number of deliveries not final, by destination, where there are any."""
        with self._lock:
            return {name: len(queue) for name, queue in self._unfinished.queues() if len(queue)}

    def standing(self) -> dict[str, Standing]:
        """Return how the deliveries stand, by destination."""
        with self._lock:
            return self._unfinished.standing(self._clock())

    def log_lag(self) -> tuple[int, float]:
        """Return how many objects the log is to be told of, and since when, in seconds."""
        with self._lock:
            return len(self._unrecorded), self._unrecorded.lag()

    def wake(self) -> None:
        """Have every waiting thread look whether it is to stop."""
        with self._lock:
            self._unrecorded.changed.notify_all()
            for _, queue in self._unfinished.queues():
                queue.changed.notify_all()

    # Orders

    def retry(self, object_id: str, destination: str) -> str:
        """Have a delivery tried again from the start, and now; of a finished object, too.

        Only the thread that calls `listen` may call this.

        Returns
        -------
        str
            Empty; or why it is not done.

        Raises
        ------
        SpoolError
            When the journal cannot be written.
        """
        with self._lock:
            if object_id in self._finished:
                queued = self._files.load(object_id)
                if queued is not None and destination in queued.deliveries:
                    self._finished.take_out(object_id)
                    self._keep(queued.entry, dict(queued.deliveries))
            return self._order(object_id, destination, DeliveryStatus.PENDING, "")

    def drop(self, object_id: str, destination: str, why: str) -> str:
        """Give a delivery up for good; the object leaves when no other delivery needs it.

        Returns
        -------
        str
            Empty; or why it is not done.

        Raises
        ------
        SpoolError
            When the journal cannot be written.
        """
        with self._lock:
            return self._order(object_id, destination, DeliveryStatus.DROPPED, why)

    def entry(self, object_id: str) -> Entry | None:
        """Return what is known of an object that is not finished."""
        with self._lock:
            kept = self._unfinished.get(object_id)
            return kept.entry if kept else None

    def add_recipients(self, object_id: str, recipients: Sequence[Recipient]) -> None:
        """Send an object to more destinations than it had when it was accepted.

        Raises
        ------
        SpoolError
            When the journal cannot be written.
        """
        with self._lock:
            known = self._unfinished[object_id].deliveries
            more = [it for it in recipients if it.destination not in known]
            self._files.append(object_id, recipients_line(more))
            self._unfinished.add_recipients(object_id, more)
            self._tell_recorder(object_id)

    def _order(self, object_id: str, destination: str, status: DeliveryStatus, why: str) -> str:
        kept = self._unfinished.get(object_id)
        if kept is None or destination not in kept.deliveries:
            return "it is not in the spool"
        if self._unfinished.is_in_hand(object_id, destination):
            return "it is being sent at this moment"
        refusal = kept.recipient(destination).refusal
        if refusal and status is DeliveryStatus.PENDING:
            return refusal
        record = kept.deliveries[destination]
        if record.settled and status is DeliveryStatus.DROPPED:
            return f"it is {record.status} already"
        record = DeliveryRecord(destination, status, at=self._clock(), detail=why)
        self._files.append(object_id, delivery_line(record))
        self._unfinished.change(object_id, record)
        queue = self._unfinished.queue(destination)
        if record.final:
            queue.remove(object_id)
            self._release(object_id, destination)
        else:
            queue.push(object_id)
        self._tell_recorder(object_id)
        return ""

    # Recording

    def unrecorded(
        self,
        limit: int,
        timeout: float,
        patience: float = 0.0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> list[Change]:
        """Return objects whose state the log has not been told, those longest waiting first.

        Parameters
        ----------
        limit : int
            At most so many.
        timeout : float
            Seconds to wait for one.
        patience : float
            Seconds that an object may wait for its deliveries, so that the log is told of both
            at once, and of many objects at once.
        stopping : callable
            Whether the caller is to stop: it waits for nothing then. Whoever makes it so calls
            `wake` afterwards.
        """
        give_up = time.monotonic() + timeout
        with self._lock:
            while not (found := self._unrecorded.ripe(limit, patience, self._unfinished.moves)):
                wait = give_up - time.monotonic()
                if wait <= 0 or stopping():
                    return []
                next_look = self._unrecorded.next_look(patience)
                self._unrecorded.changed.wait(wait if next_look is None else min(wait, next_look))
            return [self._change(object_id) for object_id in found]

    def _change(self, object_id: str) -> Change:
        kept = self._unfinished[object_id]
        deliveries = tuple(kept.deliveries.values())
        annotation = self._annotations.of(object_id)
        return Change(kept.entry, deliveries, not kept.recorded, annotation)

    def recorded(self, changes: Sequence[Change]) -> None:
        """Note that the log has these; remove the objects that need nothing more."""
        done = []
        with self._lock:
            for change in changes:
                object_id = change.entry.object_id
                kept = self._unfinished[object_id]
                kept.recorded = True
                self._annotations.release(object_id)
                if tuple(kept.deliveries.values()) != change.deliveries:
                    continue
                self._unrecorded.remove(object_id)
                if all(it.settled for it in change.deliveries):
                    self._unfinished.remove(object_id)
                    self._leaving.add(object_id)
                    self._occupancy.removed(self._number, kept.entry.size)
                    done.append(kept.entry)
        for entry in done:
            self._finished.finish(entry, self._clock())
            self._leaving.discard(entry.object_id)

    def postpone(self, change: Change) -> None:
        """Put an object that the log did not take behind the others."""
        with self._lock:
            self._unrecorded.put_last(change.entry.object_id)

    def make_room(self) -> None:
        """Give the reserve of the spool up when its disk is full: the log may be on the same."""
        give_up_when_full(self._files.folder.parent)

    def _tell_recorder(self, object_id: str) -> None:
        deliveries = self._unfinished[object_id].deliveries.values()
        self._unrecorded.add(object_id, ready=all(it.final for it in deliveries))

    # Keeping

    def _steady(self, at: float | None) -> float | None:
        """Return a time of the clock as `time.monotonic` counts, which nobody can set back."""
        return None if at is None else time.monotonic() + at - self._clock()

    def _restore(self, queued: QueuedObject, damage: str) -> None:
        deliveries = dict(queued.deliveries)
        if damage:
            _logger.error("object %s is damaged: %s", queued.entry.object_id, damage)
            deliveries = given_up(deliveries, damage)
        if DAMAGED in deliveries and not deliveries[DAMAGED].settled:
            why = deliveries[DAMAGED].detail
            _logger.error("object %s waits for a person: %s", queued.entry.object_id, why)
        self._keep(queued.entry, deliveries)

    def _keep(self, entry: Entry, deliveries: dict[str, DeliveryRecord]) -> None:
        self._unfinished.add(entry, deliveries)
        self._tell_recorder(entry.object_id)
