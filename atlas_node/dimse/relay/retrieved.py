"""One object that an upstream sends while it is retrieved: received, annotated, handed on.

`retrieval` begins a `RetrievedObject` for each C-STORE request of an upstream. It grows in a file
of the spool, so that no length of it fills the memory. What was handed on is left to the spool
with no destination, as an object of a route to `log` is, so that log and index know it. The rule:
an object is left there only when who it is for has answered that it stored it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from atlas_node.dimse.status import (
    CANNOT_UNDERSTAND,
    PROCESSING_FAILURE,
    SUCCESS,
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


class HandedOn(Protocol):
    """An object that is on its way to who it is for."""

    def answer(self) -> Answer | None:
        """Return what its receiver has answered; None while it has not."""


Forward = Callable[[Envelope, memoryview], HandedOn | Answer]
"""Hands an object on as it was received; an `Answer` where that is known at once. It and `answer`
raise `PeerError` where neither this object nor any other can be handed on."""


class RetrievedObject:
    """A C-STORE sub-operation while its data set comes in.

    Parameters
    ----------
    keeper : Keeper
    envelope : Envelope
    forward : callable

    Attributes
    ----------
    is_refusal_told : bool
        Whether the upstream was told that it is not taken in.
    is_repeated : bool
        Whether who it is for has it already, from another upstream.
    """

    def __init__(self, keeper: Keeper, envelope: Envelope, forward: Forward) -> None:
        self.envelope = envelope
        self._forward = forward
        self._arrival: Arrival | None = None
        self._handed_on: HandedOn | Answer = Answer(SUCCESS)
        self.is_refusal_told = self.is_repeated = False
        self._refusal: Answer | None = None
        if not all(0 < len(uid) <= _LONGEST_UID for uid in _uids(envelope)):
            self.refuse(Answer(CANNOT_UNDERSTAND, "a SOP class or instance UID that is none"))
            return
        try:
            self._arrival = keeper.begin(envelope)
        except SpoolError as error:
            self._spoil(error)

    def take(self, data: memoryview) -> None:
        """Write the next bytes; after a fault of the spool, pass over them."""
        if self._arrival is None:
            return
        try:
            self._arrival.write(data)
        except SpoolError as error:
            self._spoil(error)

    def refuse(self, answer: Answer) -> None:
        """Do not take it in."""
        self._refusal = answer
        self.abandon()

    def repeat(self) -> None:
        """Do not hand it on: who it is for has it. The upstream is told that it is stored."""
        if self._refusal is None:
            self.is_repeated = True
            self.refuse(Answer(SUCCESS))

    def arrive(self) -> Answer:
        """Note that all of it has come; return what the upstream is answered."""
        if self._arrival is not None and not self._arrival.size:
            self.refuse(Answer(CANNOT_UNDERSTAND, "no data set"))
        self.is_refusal_told = self._refusal is not None
        return self._refusal or Answer(SUCCESS)

    def hand_on(self) -> None:
        """Send it to who it is for.

        Raises
        ------
        PeerError
            When nothing more can be handed on.
        """
        arrival = self._arrival
        if self._refusal is not None or arrival is None:
            return
        try:
            self._handed_on = self._forward(self.envelope, arrival.data())
        except SpoolError as error:
            self._spoil(error)
        except PeerError:
            raise
        except Exception:
            self._handed_on = _fault()

    def answer(self) -> Answer | None:
        """Return what has become of it; None while its receiver has not answered.

        Raises
        ------
        PeerError
            When nothing more can be handed on.
        """
        if self._refusal is not None:
            return self._refusal
        handed_on = self._handed_on
        try:
            answer = handed_on if isinstance(handed_on, Answer) else handed_on.answer()
        except PeerError:
            raise
        except Exception:
            answer = _fault()
        if answer is not None and verdict(answer.status) is Verdict.STORED:
            self._leave()
        return answer

    def abandon(self) -> None:
        """Remove what was written; what has been left to the spool stays."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.abandon()

    def _leave(self) -> None:
        if self._arrival is None:
            return
        try:
            self._arrival.commit((), is_copy=True)
        except SpoolError as error:
            # Who asked for the object has it; only our log has not.
            _logger.error("a retrieved object is not in the log: %s", error)

    def _spoil(self, error: SpoolError) -> None:
        if not isinstance(error, SpoolFullError):
            _logger.error("a retrieved object cannot be kept: %s", error)
        self.refuse(refusal(error))


def _fault() -> Answer:
    """Log a fault of ours: in one object it must not end the retrieval of the others."""
    _logger.exception("a retrieved object could not be handed on")
    return Answer(PROCESSING_FAILURE, "internal error")


def _uids(envelope: Envelope) -> tuple[str, str]:
    return envelope.sop_class_uid, envelope.sop_instance_uid
