"""The storage service: what becomes of the data set of a C-STORE request.

`StorageScp` begins a `StoreOperation` for each request, and the data path feeds it as the data
set comes in. The rule: the answer is 0x0000 only after the receiver has returned from accepting
the object, and whatever kept it from being accepted becomes a status, never an exception.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from atlas_node.activity import Tally
from atlas_node.activity.metrics import (
    BYTES_RECEIVED,
    OBJECTS_RECEIVED,
    OBJECTS_REFUSED,
    RECEIVE_SECONDS,
)
from atlas_node.dimse.status import (
    CANNOT_UNDERSTAND,
    SUCCESS,
    Answer,
    refusal,
)
from atlas_node.dimse.transport.services import Requestor
from atlas_node.errors import SpoolError
from atlas_node.model import Envelope
from atlas_node.spool import Arrival

_logger = logging.getLogger(__name__)

_SUCCESS = Answer(SUCCESS)


class ObjectReceiver(Protocol):
    """Takes objects; both methods raise `SpoolError` for what they cannot keep."""

    def begin(self, envelope: Envelope) -> Arrival:
        """Make place for an object whose data set comes next."""

    def accept(self, arrival: Arrival) -> str:
        """Accept an object that is complete; it is durable when this returns."""


class RefusedStore:
    """A C-STORE request that is refused whatever its data set; the bytes are passed over."""

    def __init__(self, answer: Answer, tally: Tally) -> None:
        self._answer = answer
        self._tally = tally

    def take(self, data: memoryview) -> None:
        """Pass over the bytes."""

    def finish(self) -> Answer:
        """Return the refusal."""
        _count_refusal(self._tally, self._answer)
        return self._answer

    def abandon(self) -> None:
        """Do nothing."""


class StoreOperation:
    """One C-STORE request while its data set comes in.

    Parameters
    ----------
    receiver : ObjectReceiver
    requestor : Requestor
    envelope : Envelope
    tally : Tally
        Counts what becomes of it.
    """

    __slots__ = ("_arrival", "_begun", "_receiver", "_refusal", "_requestor", "_tally")

    def __init__(
        self, receiver: ObjectReceiver, requestor: Requestor, envelope: Envelope, tally: Tally
    ) -> None:
        self._begun = time.monotonic()
        self._tally = tally
        self._receiver = receiver
        self._requestor = requestor
        self._refusal: Answer | None = None
        self._arrival: Arrival | None = None
        try:
            self._arrival = receiver.begin(envelope)
        except Exception as error:
            self._refuse(error)

    def take(self, data: memoryview) -> None:
        """Write the next bytes; after a fault of the spool, pass over them."""
        arrival = self._arrival
        if arrival is None:
            return
        try:
            arrival.write(data)
        except Exception as error:
            self._refuse(error)

    def finish(self) -> Answer:
        """Accept the object; return what to answer."""
        answer = self._accepted()
        if answer.status == SUCCESS:
            self._tally.observe(RECEIVE_SECONDS, time.monotonic() - self._begun)
        else:
            _count_refusal(self._tally, answer)
        return answer

    def _accepted(self) -> Answer:
        arrival = self._arrival
        if arrival is None:
            return self._refusal or refusal(SpoolError("nothing was begun"))
        if not arrival.size:
            _logger.warning("C-STORE without a data set from %s refused", self._requestor)
            self.abandon()
            return Answer(CANNOT_UNDERSTAND, "no data set")
        try:
            self._receiver.accept(arrival)
        except Exception as error:
            return self._refuse(error)
        self._tally.add(OBJECTS_RECEIVED)
        self._tally.add(BYTES_RECEIVED, by=arrival.size)
        return _SUCCESS

    def abandon(self) -> None:
        """Remove what was written."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.abandon()

    def _refuse(self, error: Exception) -> Answer:
        self._refusal = refused = refusal(error)
        # A spool that takes nothing says so itself, once for many objects.
        if not isinstance(error, SpoolError):
            _logger.exception("object from %s refused with 0x0110", self._requestor)
        try:
            self.abandon()
        except Exception:
            _logger.exception("what came of it cannot be removed")
        return refused


def _count_refusal(tally: Tally, answer: Answer) -> None:
    """Count a C-STORE request that is answered with a failure."""
    tally.add(OBJECTS_REFUSED, f"0x{answer.status:04X}")
