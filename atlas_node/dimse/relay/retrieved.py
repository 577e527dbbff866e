"""One object that an upstream sends while it is retrieved: received, annotated, handed on.

`retrieval` begins a `RetrievedObject` for each C-STORE request of an upstream. It grows in a file
of the spool, so that no length of it fills the memory, and it is answered for by who it is for.
What was handed on is left to the spool with no destination, as an object of a route to `log` is,
so that log and index know it. The rule: the upstream is told what the receiver of the object has
said, and nothing that is not so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from atlas_node.dimse.status import (
    CANNOT_UNDERSTAND,
    PROCESSING_FAILURE,
    Answer,
    Verdict,
    refusal,
    verdict,
)
from atlas_node.errors import PeerError, SpoolError, SpoolFullError
from atlas_node.model import Envelope
from atlas_node.spool import Arrival

_LONGEST_UID: Final = 64

_logger = logging.getLogger(__name__)


class Keeper(Protocol):
    """Makes place for objects."""

    def begin(self, envelope: Envelope) -> Arrival:
        """Make place for an object whose data set comes next."""


Forward = Callable[[Envelope, memoryview], Answer]
"""Hands an object on as it was received, and returns what its receiver answers. Raises `PeerError`
where neither this object nor any other can be handed on."""


class RetrievedObject:
    """A C-STORE sub-operation while its data set comes in.

    Parameters
    ----------
    keeper : Keeper
    envelope : Envelope
    forward : callable
    """

    def __init__(self, keeper: Keeper, envelope: Envelope, forward: Forward) -> None:
        self.envelope = envelope
        self._forward = forward
        self._arrival: Arrival | None = None
        self._refusal = Answer(PROCESSING_FAILURE)
        if not all(0 < len(uid) <= _LONGEST_UID for uid in _uids(envelope)):
            self._refusal = Answer(CANNOT_UNDERSTAND, "a SOP class or instance UID that is none")
            return
        try:
            self._arrival = keeper.begin(envelope)
        except SpoolError as error:
            self._refuse(error)

    def take(self, data: memoryview) -> None:
        """Write the next bytes; after a fault of the spool, pass over them."""
        if self._arrival is None:
            return
        try:
            self._arrival.write(data)
        except SpoolError as error:
            self._refuse(error)

    def finish(self) -> Answer:
        """Hand the object on; return what the upstream is answered.

        Raises
        ------
        PeerError
            When nothing more can be handed on.
        """
        arrival = self._arrival
        if arrival is None:
            return self._refusal
        if not arrival.size:
            self.abandon()
            return Answer(CANNOT_UNDERSTAND, "no data set")
        try:
            answer = self._forward(self.envelope, arrival.data())
            if verdict(answer.status) is Verdict.STORED:
                self._leave(arrival)
        except SpoolError as error:
            self._refuse(error)
            return self._refusal
        except PeerError:
            raise
        except Exception:
            # A fault of ours in one object must not end the retrieval of the others.
            _logger.exception("a retrieved object could not be handed on")
            return Answer(PROCESSING_FAILURE, "internal error")
        finally:
            self.abandon()
        return answer

    def abandon(self) -> None:
        """Remove what was written; what has been left to the spool stays."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.abandon()

    def _leave(self, arrival: Arrival) -> None:
        try:
            arrival.commit(())
        except SpoolError as error:
            # Who asked for the object has it; only our log has not.
            _logger.error("a retrieved object is not in the log: %s", error)

    def _refuse(self, error: SpoolError) -> None:
        if not isinstance(error, SpoolFullError):
            _logger.error("a retrieved object cannot be kept: %s", error)
        self._refusal = refusal(error)
        self.abandon()


def _uids(envelope: Envelope) -> tuple[str, str]:
    return envelope.sop_class_uid, envelope.sop_instance_uid
