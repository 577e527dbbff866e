"""Delivery to one destination: from the spool, annotated, by C-STORE, until it is answered for.

A worker runs one `Courier` for each destination, in a thread of its own, so that one that is
slow or down holds up nothing but itself. Three things can go wrong, and each has its own cure:

- The destination cannot be reached, or our spool cannot be opened: everything for it waits in its
  order, for as long as it takes. No object is to blame and none is counted a try.
- It is out of resources (A7xx) or the association breaks while an object is sent: this object may
  be the cause, so it waits and one of another series is tried at once. Only when that fails as
  well does the destination wait, and then what has not been tried goes before what has failed.
  Being out of resources is counted a try where the destination stores others meanwhile: it
  refuses this object then.
- It refuses an object, or our disk does not give the object back: that object is tried again later
  and is dead after `retry.max_tries`.

An object that waits holds back those of its series that arrived after it, unless it is itself at
fault (`setbacks`).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from atlas_node.activity import DestinationState, OutgoingAssociation, Tally
from atlas_node.activity.metrics import BYTES_DELIVERED, DELIVERIES, DELIVERY_SECONDS
from atlas_node.activity.state import LONGEST_FAILURE
from atlas_node.annotate import Annotation, Annotator
from atlas_node.config import Destination, NodeSettings, Retry
from atlas_node.dimse.peer import Peer
from atlas_node.dimse.presentation import forms, may_be_sent
from atlas_node.dimse.scu import ContextRefusedError, KeptAssociation
from atlas_node.dimse.setbacks import Fault, Setbacks
from atlas_node.dimse.status import SUCCESS, Verdict, blames_object, describe, verdict
from atlas_node.dimse.transport.established import AssociationLostError
from atlas_node.errors import (
    AtlasError,
    DamagedObjectError,
    PeerError,
    SpoolError,
    UnreadableObjectError,
)
from atlas_node.model import DeliveryStatus
from atlas_node.spool import Delivery, Spool

_JITTER: Final = 0.2
_WAIT: Final = 60.0

_logger = logging.getLogger(__name__)


def backoff(retry: Retry, failures: int) -> float:
    """Return how long to wait after a number of failures in a row, in seconds, with jitter."""
    delay = min(retry.max_delay, retry.first_delay * 2.0 ** min(failures - 1, 60))
    return delay * random.uniform(1 - _JITTER, 1)  # noqa: S311


class _NotAllowedError(AtlasError):
    """The configuration lets an object be sent in no form that it can have."""

    def __init__(self, destination: Destination) -> None:
        super().__init__(
            f"it has no form in one of the transfer_syntaxes of destination {destination.name}"
        )


class Courier:
    """Delivers to one destination.

    Parameters
    ----------
    destination : Destination
    node : NodeSettings
    spool : Spool
    annotator : callable
        Returns the annotator in force.
    tally : Tally or None
        Counts what becomes of the deliveries.
    after : Courier or None
        The one that had this destination before, and was told to stop. This one begins when that
        one has ended, and keeps the order of what failed until then.

    Raises
    ------
    ConfigurationError
        When the TLS files of the destination cannot be used.
    """

    def __init__(
        self,
        destination: Destination,
        node: NodeSettings,
        spool: Spool,
        annotator: Callable[[], Annotator],
        tally: Tally | None = None,
        after: Courier | None = None,
    ) -> None:
        self.destination = destination
        self._after = after
        self._tally = tally or Tally()
        self._answered_at: float | None = None
        self._failure: tuple[float, str] | None = None
        self._peer = Peer.of(destination, node)
        self._association = KeptAssociation(self._peer, node)
        self._spool = spool
        self._annotator = annotator
        self._stopping = threading.Event()
        self._busy = False
        self._failures = 0
        self._rest_until = 0.0
        self._setbacks: Setbacks = after._setbacks if after else Setbacks()
        self._thread = threading.Thread(
            target=self._run, name=f"courier-{destination.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the object that is being sent, waiting `timeout` seconds for it.

        The rest stays in the spool.
        """
        self._stopping.set()
        self._spool.wake()
        self._thread.join(timeout)

    @property
    def resting(self) -> bool:
        """Whether it can deliver nothing now: nothing is due, or the destination is let rest."""
        if self._busy or self._after is not None:
            return False
        if self._stopping.is_set():
            return True
        return time.monotonic() < self._rest_until or not self._spool.due(self.destination.name)

    def association(self) -> OutgoingAssociation | None:
        """Return what is known of the association that is open, if one is."""
        after = self._after
        return after.association() if after else self._association.description()

    def state(self) -> DestinationState:
        """Return what the last tries have shown of the destination."""
        after = self._after
        if after is not None:
            return after.state()
        failed_at, failure = self._failure or (None, "")
        rest = self._rest_until - time.monotonic()
        return DestinationState(
            next_try_at=time.time() + rest if rest > 0 else None,
            answered_at=self._answered_at,
            failed_at=failed_at,
            failure=failure[:LONGEST_FAILURE],
        )

    def _run(self) -> None:
        if self._after is not None:
            # Two at once would pass each other within a series.
            self._after._thread.join()
            self._after = None
        used, idle = time.monotonic(), _WAIT
        while not self._stopping.is_set():
            rest = self._rest_until - time.monotonic()
            if rest > 0:
                self._stopping.wait(rest)
                continue
            delivery = self._spool.take(
                self.destination.name,
                max(0.0, used + idle - time.monotonic()),
                self._setbacks.last(),
                self._stopping.is_set,
            )
            if delivery is not None:
                self._busy = True
                self._deliver(delivery)
                self._busy = False
                used, idle = time.monotonic(), self.destination.idle_timeout
            elif time.monotonic() - used >= idle:
                self._association.close()
                used, idle = time.monotonic(), _WAIT
        self._association.close()

    def _deliver(self, delivery: Delivery) -> None:
        """Send one object and settle its delivery, whatever happens."""
        envelope = delivery.entry.envelope
        annotation: Annotation | None = None
        try:
            taken = self._negotiate(delivery)
            annotation = self._annotate(delivery, taken)
            if self._held_back(delivery, annotation):
                return
            # Where it cannot be re-encoded, the object goes out in the form in which it came.
            syntax = (envelope.sop_class_uid, annotation.transfer_syntax_uid)
            if not may_be_sent(syntax[1], self.destination):
                raise _NotAllowedError(self.destination)
            begun = time.monotonic()
            status, comment = self._association.store(
                syntax, envelope.sop_instance_uid, annotation.pieces
            )
            taken_for = time.monotonic() - begun
            self._tally.observe(DELIVERY_SECONDS, taken_for, self.destination.name)
        except (DamagedObjectError, _NotAllowedError) as error:
            self._failed(delivery, str(error), annotation, Fault.OBJECT, hopeless=True)
        except (ContextRefusedError, UnreadableObjectError) as error:
            self._failed(delivery, str(error), annotation, Fault.OBJECT)
        except AssociationLostError as error:
            stores_others = self._setbacks.others_stored(delivery.entry.object_id)
            fault = Fault.UNCLEAR if stores_others else Fault.DESTINATION
            self._failed(delivery, str(error), annotation, fault)
            self._broke_down(delivery, str(error))
        except (PeerError, SpoolError) as error:
            self._not_tried(delivery, str(error))
        except Exception as error:
            # A fault of ours in one object must not end the thread that all others wait for.
            _logger.exception("delivery of %s failed", delivery.entry.object_id)
            detail = f"internal error: {type(error).__name__}"
            self._failed(delivery, detail, annotation, Fault.OBJECT)
        else:
            self._answered(delivery, status, comment, annotation)

    def _negotiate(self, delivery: Delivery) -> str:
        """Return the transfer syntax in which the destination takes an object."""
        envelope, policy = delivery.entry.envelope, delivery.recipient.policy
        as_received = (envelope.sop_class_uid, envelope.transfer_syntax_uid)
        wanted = forms([as_received], policy, self.destination)
        if not wanted:
            raise _NotAllowedError(self.destination)
        _, taken = self._association.takes(
            wanted,
            lambda: forms(
                self._spool.syntaxes_ahead(self.destination.name), policy, self.destination
            ),
        )
        return taken

    def _annotate(self, delivery: Delivery, deliver_as: str) -> Annotation:
        return self._annotator().annotate(
            self._spool.read(delivery.entry),
            delivery.entry.envelope.transfer_syntax_uid,
            delivery.recipient.policy,
            deliver_as,
        )

    def _held_back(self, delivery: Delivery, annotation: Annotation) -> bool:
        """Put an object back when one of its series that came before it must be sent first."""
        series = annotation.identity.series_instance_uid
        while first := self._setbacks.ahead_of(delivery.entry.object_id, series):
            if self._spool.hold_back(delivery, first):
                return True
            self._spool.let_pass(self.destination.name, self._setbacks.ended(first))
        return False

    def _series(self, delivery: Delivery, annotation: Annotation | None) -> str:
        """Return the series of an object that failed; empty where it cannot be read."""
        try:
            if annotation is None:
                as_received = delivery.entry.envelope.transfer_syntax_uid
                annotation = self._annotate(delivery, as_received)
            return annotation.identity.series_instance_uid
        except Exception:
            _logger.debug("%s has no series to be read", delivery.entry.object_id)
            return ""

    def _answered(
        self, delivery: Delivery, status: int, comment: str, annotation: Annotation
    ) -> None:
        detail = describe(status, comment)
        meaning = verdict(status)
        if meaning is not Verdict.LATER:
            self._reached()
        if meaning is Verdict.STORED:
            self._tally.add(BYTES_DELIVERED, self.destination.name, by=delivery.entry.size)
            if status != SUCCESS:
                _logger.warning(
                    "%s took %s with a warning: %s", self._peer, delivery.entry.object_id, detail
                )
            passed = self._setbacks.ended(delivery.entry.object_id, stored=True)
            tries = delivery.record.tries + 1
            self._settle(delivery, DeliveryStatus.SENT, tries, detail, annotation)
            self._spool.let_pass(self.destination.name, passed)
            return
        detail = f"{self._peer}: {detail}"
        if meaning is Verdict.REFUSED:
            fault = Fault.OBJECT if blames_object(status) else Fault.UNCLEAR
            self._failed(delivery, detail, annotation, fault)
        elif self._setbacks.others_stored(delivery.entry.object_id):
            self._failed(delivery, f"{detail}, but it stores others", annotation, Fault.UNCLEAR)
        else:
            self._failed(delivery, detail, annotation, Fault.DESTINATION, counted=False)
            self._broke_down(delivery, detail)

    def _failed(
        self,
        delivery: Delivery,
        detail: str,
        annotation: Annotation | None,
        fault: Fault,
        *,
        counted: bool = True,
        hopeless: bool = False,
    ) -> None:
        """Settle a delivery that failed: it is dead when no try is left, or another is hopeless."""
        object_id, tries = delivery.entry.object_id, delivery.record.tries + counted
        dead = hopeless or (counted and tries >= self.destination.retry.max_tries)
        series = "" if fault is Fault.OBJECT else self._series(delivery, annotation)
        if dead:
            passed = self._setbacks.ended(object_id) | self._setbacks.give_up_order(series)
        else:
            passed = self._setbacks.failed(object_id, series, fault)
        _logger.log(
            logging.ERROR if dead else logging.WARNING,
            "%s to %s: %s%s", object_id, self.destination.name, detail,
            "; the delivery is dead" if dead else "",
        )  # fmt: skip
        status = DeliveryStatus.DEAD if dead else DeliveryStatus.FAILED
        self._settle(delivery, status, tries, detail, annotation)
        self._spool.let_pass(self.destination.name, passed)

    def _settle(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        tries: int,
        detail: str,
        annotation: Annotation | None,
    ) -> None:
        self._tally.add(DELIVERIES, self.destination.name, status.value)
        now = time.time()
        next_try = None
        if status is DeliveryStatus.FAILED:
            failures = max(tries, self._setbacks.failures(delivery.entry.object_id))
            next_try = now + backoff(self.destination.retry, failures)
        record = replace(
            delivery.record,
            status=status,
            tries=tries,
            at=now,
            detail=detail,
            next_try_at=next_try,
        )
        self._spool.settle(delivery, record, annotation=annotation)

    def _not_tried(self, delivery: Delivery, detail: str) -> None:
        self._tally.add(DELIVERIES, self.destination.name, "unreachable")
        self._let_rest(detail)
        now = time.time()
        record = replace(
            delivery.record,
            status=DeliveryStatus.FAILED,
            at=now,
            detail=detail,
            next_try_at=now + self._rest_until - time.monotonic(),
        )
        self._spool.settle(delivery, record, hold_place=True)

    def _broke_down(self, delivery: Delivery, why: str) -> None:
        """Let the destination rest, unless the one object that it broke down over may be why."""
        self._failure = (time.time(), why)
        if self._setbacks.unanswered(delivery.entry.object_id):
            self._let_rest(why)

    def _let_rest(self, why: str) -> None:
        self._failure = (time.time(), why)
        self._failures += 1
        self._rest_until = time.monotonic() + backoff(self.destination.retry, self._failures)
        if self._failures == 1:
            _logger.error("destination %s: %s; its objects wait", self.destination.name, why)

    def _reached(self) -> None:
        self._answered_at = time.time()
        self._setbacks.answered()
        if self._failures:
            _logger.info("destination %s answers again", self.destination.name)
        self._failures = 0
        self._rest_until = 0.0
