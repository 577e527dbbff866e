"""The last reader of the spool: writes what was received, decoded and delivered into the log.

One thread of a forwarder runs a `Recorder`. The log may be slow, locked, full or away: that holds
up neither receiving nor delivery, the objects wait in the spool until the log has them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from atlas_node.activity import Tally
from atlas_node.activity.metrics import (
    ELEMENTS,
    OBJECTS_NOT_ANNOTATED,
    OBJECTS_RECORDED,
    RECORD_SECONDS,
)
from atlas_node.annotate import Annotation, Annotator, record_of, value_of
from atlas_node.errors import DamagedObjectError, LogError, SpoolError, UnreadableObjectError
from atlas_node.log import Facts, LogStore
from atlas_node.model import AnnotatedObject, DeliveryRecord, ElementStatus, Identity, Policy
from atlas_node.route.indexing import Indexer
from atlas_node.spool import Change, Spool, fingerprint

_BATCH: Final = 256
_POLL: Final = 5.0
_PATIENCE: Final = 0.3
_FIRST_DELAY: Final = 0.5
_MAX_DELAY: Final = 30.0

_logger = logging.getLogger(__name__)


class Recorder:
    """Brings the log up to date with one spool, in a thread of its own.

    Parameters
    ----------
    spool : Spool
    store : LogStore
    annotator : callable
        Returns the annotator in force, for objects that no courier has annotated.
    policy : Policy
        For objects that go to no destination.
    indexer : callable
        Returns what gets the same objects; None where no private attribute is indexed.
    tally : Tally or None
        Counts what is recorded.
    """

    def __init__(
        self,
        spool: Spool,
        store: LogStore,
        annotator: Callable[[], Annotator],
        policy: Policy,
        indexer: Callable[[], Indexer | None] = lambda: None,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._spool = spool
        self._store = store
        self._annotator = annotator
        self._policy = policy
        self._indexer = indexer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._batch = _BATCH
        self._delay = 0.0

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Record what is there and end; what the log does not take stays in the spool."""
        self._stopping.set()
        self._spool.wake()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            waits = (0.0, 0.0) if stopping else (_POLL, _PATIENCE)
            changes = self._spool.unrecorded(self._batch, *waits, self._stopping.is_set)
            if changes and self._record(changes):
                # They map files that are removed by now, whose room nobody gets until they go.
                del changes
                continue
            if stopping:
                return
            self._stopping.wait(self._delay)

    def _record(self, changes: Sequence[Change]) -> bool:
        deliveries: list[tuple[str, DeliveryRecord]] = [
            (change.entry.object_id, record) for change in changes for record in change.deliveries
        ]
        try:
            known = self._known(changes)
            new = [it for it in changes if it.new and it.entry.object_id not in known]
            objects = [self._annotated(change) for change in new]
            if (indexer := self._indexer()) is not None:
                # First: what the log has is not annotated again after a crash between the two.
                indexer.record(
                    (it.identity, None if it.error else it.elements.facts)
                    for it in objects
                    if isinstance(it.elements, Facts)
                )
            self._store.record(objects, deliveries)
        except (LogError, SpoolError) as error:
            if not self._delay:
                _logger.error("the annotation log is behind, objects wait in the spool: %s", error)
            # One at a time from here, the failed one last: what the log cannot take of one
            # object does not keep the others out of it.
            self._batch = 1
            self._spool.postpone(changes[0])
            self._spool.make_room()
            self._delay = min(_MAX_DELAY, self._delay * 2 or _FIRST_DELAY)
            return False
        if self._delay:
            _logger.info("the annotation log takes records again")
        self._count(objects)
        self._spool.recorded(changes)
        self._batch = min(_BATCH, self._batch * 2)
        self._delay = 0.0
        return True

    def _count(self, objects: Sequence[AnnotatedObject]) -> None:
        tally, now = self._tally, time.time()
        tally.add(OBJECTS_RECORDED, by=len(objects))
        elements: Counter[str] = Counter()
        for thing in objects:
            tally.observe(RECORD_SECONDS, now - thing.envelope.received_at)
            if thing.error:
                tally.add(OBJECTS_NOT_ANNOTATED)
            elements.update({it: thing.counts.get(it, 0) for it in ElementStatus})
        for status, count in elements.items():
            tally.add(ELEMENTS, status, by=count)

    def _known(self, changes: Sequence[Change]) -> Collection[str]:
        """Return which objects the log has: after a start that may be many, annotated long ago."""
        asked = [it.entry.object_id for it in changes if it.new and it.annotation is None]
        return self._store.known(asked) if asked else ()

    def _annotated(self, change: Change) -> AnnotatedObject:
        entry, annotation = change.entry, change.annotation
        envelope = entry.envelope
        try:
            data = self._spool.read(entry)
            if not isinstance(annotation, Annotation):
                policy = entry.recipients[0].policy if entry.recipients else self._policy
                annotation = self._annotator().annotate(data, envelope.transfer_syntax_uid, policy)
            digest = fingerprint(data)
        except (DamagedObjectError, UnreadableObjectError) as error:
            return AnnotatedObject(
                object_id=entry.object_id,
                envelope=envelope,
                identity=Identity(
                    sop_class_uid=envelope.sop_class_uid,
                    sop_instance_uid=envelope.sop_instance_uid,
                ),
                size=entry.size,
                changed=False,
                error=str(error),
                counts={},
            )
        return AnnotatedObject(
            object_id=entry.object_id,
            envelope=envelope,
            identity=annotation.identity,
            size=entry.size,
            changed=annotation.changed,
            error=annotation.error,
            counts=annotation.counts,
            elements=Facts(annotation.facts, record_of, value_of),
            fingerprint=digest,
        )
