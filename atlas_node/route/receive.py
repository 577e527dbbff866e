"""The moment of acceptance: from the bytes of a C-STORE request to an object in the spool.

The storage SCP calls a `Receiver` for each object. When it returns, the object is durable
together with where it goes, and the sender may be answered 0x0000.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from atlas_node.annotate import Annotator
from atlas_node.model import Envelope, Identity
from atlas_node.route.match import NO_ROUTE, Router
from atlas_node.spool import Spool

_logger = logging.getLogger(__name__)

_NOT_ASKED: Final = Identity()


class Receiver:
    """Puts objects into a spool, each with its destinations.

    Parameters
    ----------
    spool : Spool
    router, annotator : callable
        Return those in force, which change when the configuration is read again.
    """

    def __init__(
        self, spool: Spool, router: Callable[[], Router], annotator: Callable[[], Annotator]
    ) -> None:
        self._spool = spool
        self._router = router
        self._annotator = annotator

    def __call__(self, envelope: Envelope, data: bytes | memoryview) -> str:
        """Accept an object and return its identifier.

        Raises
        ------
        SpoolFullError
            When a limit of the spool is reached.
        SpoolError
            When the spool cannot be written.
        """
        router = self._router()
        identity = _NOT_ASKED
        if router.needs_identity:
            identity = self._annotator().identify(data, envelope.transfer_syntax_uid)
        recipients = router.recipients(envelope, identity)
        object_id = self._spool.accept(envelope, data, recipients)
        if any(recipient.destination == NO_ROUTE for recipient in recipients):
            _logger.warning(
                "no route matches %s (SOP class %a, from %a): it is kept in the spool, dead",
                object_id, envelope.sop_class_uid, envelope.calling_ae,
            )  # fmt: skip
        return object_id
