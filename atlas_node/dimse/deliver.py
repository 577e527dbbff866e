"""Delivery to one destination: from the spool, annotated, by C-STORE, until it is answered for.

A worker runs one `Courier` for each destination, in a thread of its own, so that one that is
slow or down holds up nothing but itself. Three things can go wrong, and each has its own cure:

- The destination cannot be reached: everything for it waits in its order, for as long as it
  takes. No object is to blame and none is counted a try.
- It is out of resources (A7xx) or the association breaks while an object is sent: the object
  waits and so does the destination, but another object goes next, as this one may be the cause.
- It refuses an object: that object is tried again later and is dead after `retry.max_tries`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from atlas_node.annotate import Annotator
from atlas_node.config import Destination, NodeSettings, Retry
from atlas_node.dimse.presentation import deliverable_as
from atlas_node.dimse.scu import (
    AssociationLostError,
    ContextRefusedError,
    KeptAssociation,
    Peer,
    Syntax,
)
from atlas_node.dimse.status import SUCCESS, Verdict, describe, verdict
from atlas_node.errors import PeerError, SpoolError
from atlas_node.model import DeliveryStatus, Policy
from atlas_node.spool import Delivery, Spool

_JITTER: Final = 0.2
_WAIT: Final = 60.0

_logger = logging.getLogger(__name__)


def backoff(retry: Retry, failures: int) -> float:
    """Return how long to wait after a number of failures in a row, in seconds, with jitter."""
    delay = min(retry.max_delay, retry.first_delay * 2.0 ** min(failures - 1, 60))
    return delay * random.uniform(1 - _JITTER, 1)  # noqa: S311


def _forms(syntaxes: Sequence[Syntax], policy: Policy) -> list[Syntax]:
    """Return every form in which objects of `syntaxes` can be sent, the best of each first."""
    return [
        (sop_class, form)
        for sop_class, transfer_syntax in syntaxes
        for form in deliverable_as(transfer_syntax, policy)
    ]


class Courier:
    """Delivers to one destination.

    Parameters
    ----------
    destination : Destination
    node : NodeSettings
    spool : Spool
    annotator : callable
        Returns the annotator in force.

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
    ) -> None:
        self.destination = destination
        self._peer = Peer.of(destination, node)
        self._association = KeptAssociation(self._peer, node)
        self._spool = spool
        self._annotator = annotator
        self._stopping = threading.Event()
        self._busy = False
        self._failures = 0
        self._rest_until = 0.0
        self._thread = threading.Thread(
            target=self._run, name=f"courier-{destination.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the object that is being sent; the rest stays in the spool."""
        self._stopping.set()
        self._spool.wake()
        self._thread.join(timeout)

    @property
    def resting(self) -> bool:
        """Whether it can deliver nothing now: nothing is due, or the destination is let rest."""
        if self._busy:
            return False
        return time.monotonic() < self._rest_until or not self._spool.due(self.destination.name)

    def _run(self) -> None:
        used = time.monotonic()
        while not self._stopping.is_set():
            rest = self._rest_until - time.monotonic()
            if rest > 0:
                self._stopping.wait(rest)
                continue
            idle = self.destination.idle_timeout if self._association.is_open else _WAIT
            delivery = self._spool.take(
                self.destination.name, max(0.0, used + idle - time.monotonic())
            )
            if delivery is not None:
                self._busy = True
                self._deliver(delivery)
                self._busy = False
                used = time.monotonic()
            elif time.monotonic() - used >= idle:
                self._association.close()
                used = time.monotonic()
        self._association.close()

    def _deliver(self, delivery: Delivery) -> None:
        """Send one object and settle its delivery, whatever happens."""
        envelope = delivery.entry.envelope
        policy = delivery.recipient.policy
        try:
            ahead = self._spool.syntaxes_ahead(self.destination.name)
            wanted = _forms([(envelope.sop_class_uid, envelope.transfer_syntax_uid)], policy)
            _, taken = self._association.takes(wanted, _forms(ahead, policy))
            annotation = self._annotator().annotate(
                self._spool.read(delivery.entry), envelope.transfer_syntax_uid, policy, taken
            )
            # Where it cannot be re-encoded, the object goes out in the form in which it came.
            syntax = (envelope.sop_class_uid, annotation.transfer_syntax_uid)
            status, comment = self._association.store(
                syntax, envelope.sop_instance_uid, annotation.pieces
            )
        except SpoolError as error:
            self._settle(delivery, DeliveryStatus.DEAD, str(error))
        except ContextRefusedError as error:
            self._refused(delivery, str(error))
        except AssociationLostError as error:
            self._refused(delivery, str(error))
            self._let_rest(str(error))
        except PeerError as error:
            self._unreachable(delivery, str(error))
        except Exception as error:
            # A fault of ours in one object must not end the thread that all others wait for.
            _logger.exception("delivery of %s failed", delivery.entry.object_id)
            self._refused(delivery, f"internal error: {type(error).__name__}")
        else:
            self._answered(delivery, status, comment)

    def _answered(self, delivery: Delivery, status: int, comment: str) -> None:
        detail = describe(status, comment)
        meaning = verdict(status)
        if meaning is not Verdict.LATER:
            self._reached()
        if meaning is Verdict.STORED:
            if status != SUCCESS:
                _logger.warning(
                    "%s took %s with a warning: %s", self._peer, delivery.entry.object_id, detail
                )
            self._settle(delivery, DeliveryStatus.SENT, detail)
        elif meaning is Verdict.LATER:
            self._settle(delivery, DeliveryStatus.FAILED, detail)
            self._let_rest(f"{self._peer}: {detail}")
        else:
            self._refused(delivery, f"{self._peer}: {detail}")

    def _refused(self, delivery: Delivery, detail: str) -> None:
        dead = delivery.record.tries + 1 >= self.destination.retry.max_tries
        _logger.log(
            logging.ERROR if dead else logging.WARNING,
            "%s to %s: %s%s", delivery.entry.object_id, self.destination.name, detail,
            "; the delivery is dead" if dead else "",
        )  # fmt: skip
        self._settle(delivery, DeliveryStatus.DEAD if dead else DeliveryStatus.FAILED, detail)

    def _settle(self, delivery: Delivery, status: DeliveryStatus, detail: str) -> None:
        now = time.time()
        tries = delivery.record.tries + 1
        next_try = None
        if status is DeliveryStatus.FAILED:
            next_try = now + backoff(self.destination.retry, tries)
        record = replace(
            delivery.record,
            status=status,
            tries=tries,
            at=now,
            detail=detail,
            next_try_at=next_try,
        )
        self._spool.settle(delivery, record)

    def _unreachable(self, delivery: Delivery, detail: str) -> None:
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

    def _let_rest(self, why: str) -> None:
        self._failures += 1
        self._rest_until = time.monotonic() + backoff(self.destination.retry, self._failures)
        if self._failures == 1:
            _logger.error("destination %s: %s; its objects wait", self.destination.name, why)

    def _reached(self) -> None:
        if self._failures:
            _logger.info("destination %s answers again", self.destination.name)
        self._failures = 0
        self._rest_until = 0.0
