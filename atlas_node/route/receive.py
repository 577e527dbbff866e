"""The moment of acceptance: from the bytes of a C-STORE request to an object in the spool.

The storage SCP calls a `Receiver` for each object. When it returns, the object is durable
together with where it goes, and the sender may be answered 0x0000.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from atlas_node.annotate import identify, identify_beginning
from atlas_node.model import Envelope, Identity
from atlas_node.route.match import Router
from atlas_node.spool import NO_ROUTE, Arrival, Intake, Recipient

_logger = logging.getLogger(__name__)

_NOT_ASKED: Final = Identity()

_BEGINNING: Final = 1 << 16
"""Bytes of an object that are read first. Few objects have more before their pixel data; to map
the file of each would cost more than to read these headers."""


def find_recipients(
    router: Router, envelope: Envelope, data: Callable[[], memoryview]
) -> tuple[Recipient, ...]:
    """Return where an object goes; `data` is called only when a route looks into the object."""
    identity = _NOT_ASKED
    if router.last_group is not None:
        identity = identify(data(), envelope.transfer_syntax_uid, router.last_group)
    return router.recipients(envelope, identity)


class Receiver:
    """Puts objects into a spool, each with its destinations.

    Parameters
    ----------
    intake : Intake
    router : callable
        Returns the one in force, which changes when the configuration is read again.
    """

    def __init__(self, intake: Intake, router: Callable[[], Router]) -> None:
        self._intake = intake
        self._router = router

    def begin(self, envelope: Envelope) -> Arrival:
        """Make place for an object whose data set comes next.

        Raises
        ------
        SpoolFullError
            When a limit of the spool is reached.
        SpoolError
            When the spool cannot be written.
        """
        return self._intake.begin(envelope)

    def accept(self, arrival: Arrival) -> str:
        """Accept an object that is complete and return its identifier.

        Raises
        ------
        SpoolError
            When the spool cannot be written.
        """
        envelope = arrival.envelope
        router = self._router()
        recipients = router.recipients(envelope, _identify(arrival, router.last_group))
        object_id = arrival.commit(recipients)
        if any(recipient.destination == NO_ROUTE for recipient in recipients):
            _logger.warning(
                "no route matches %s (SOP class %a, from %a): it is kept in the spool, dead",
                object_id, envelope.sop_class_uid, envelope.calling_ae,
            )  # fmt: skip
        return object_id


def _identify(arrival: Arrival, last_group: int | None) -> Identity:
    """Return what an object says of itself, as far as any route asks."""
    if last_group is None:
        return _NOT_ASKED
    syntax = arrival.envelope.transfer_syntax_uid
    beginning = arrival.beginning(_BEGINNING)
    identity = identify_beginning(beginning, arrival.size, syntax, last_group)
    return identify(arrival.data(), syntax, last_group) if identity is None else identity
