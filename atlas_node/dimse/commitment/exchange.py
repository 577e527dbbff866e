"""One request and its response in an association of pynetdicom's, while the peer may speak, too.

pynetdicom's own ``send_...`` methods take whatever comes next for the response; in storage
commitment both sides make requests, and a scanner may store while it is told something. Here the
association's loop stays at work and the response is picked out of what it receives. A request
goes out in one go, so that no response to the peer gets into its middle.
"""

from __future__ import annotations

import threading
import time
from io import BytesIO
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_ACTION_RQ, N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from atlas_node.dimse.commitment.information import REQUEST_ACTION
from atlas_node.dimse.status import SUCCESS, describe
from atlas_node.dimse.transport.provider import Provider
from atlas_node.errors import PeerError

PUSH_MODEL: Final = str(StorageCommitmentPushModel)
PUSH_MODEL_INSTANCE: Final = str(StorageCommitmentPushModelInstance)

_LOOK_EVERY: Final = 0.25
_RELEASE: Final = 10.0
_ACTION_RSP: Final = 0x8130
_EVENT_REPORT_RSP: Final = 0x8100


class RefusedError(PeerError):
    """The peer answered a request with a failure."""


class Exchange:
    """Makes requests of the push model in one association, one after the other.

    Parameters
    ----------
    assoc : Association
    peer : str
        How messages name the other side.
    """

    def __init__(self, assoc: Association, peer: str) -> None:
        self._assoc = assoc
        self._peer = peer
        self._message_id = 0
        self._expected = (0, 0)
        self._response: Dataset | None = None
        self._answered = threading.Event()
        assoc.bind(evt.EVT_DIMSE_RECV, self._on_message)

    @property
    def is_open(self) -> bool:
        """Whether the association is, as far as we know."""
        return self._assoc.is_established

    def close(self) -> None:
        """Let the association be; it stays open."""
        self._assoc.unbind(evt.EVT_DIMSE_RECV, self._on_message)

    def release(self) -> None:
        """Release the association; one that does not let itself be released is aborted."""
        self.close()
        if not self._assoc.is_established:
            return
        # It waits for a report that is being answered, and that for the store.
        releasing = threading.Thread(target=self._assoc.release, name="release", daemon=True)
        releasing.start()
        releasing.join(_RELEASE + (self._assoc.acse_timeout or 0))
        if releasing.is_alive():
            self._assoc.abort()

    def abort(self) -> None:
        """Abort the association."""
        self.close()
        self._assoc.abort()

    def request(self, information: Dataset) -> None:
        """Request storage commitment (N-ACTION, PS3.4 J.3.2), and return when it is accepted.

        Raises
        ------
        RefusedError
            When the peer answers with a failure.
        PeerError
            When it does not answer.
        """
        request = N_ACTION()
        request.RequestedSOPClassUID = PUSH_MODEL
        request.RequestedSOPInstanceUID = PUSH_MODEL_INSTANCE
        request.ActionTypeID = REQUEST_ACTION
        context_id, encoded = self._encoded(information)
        request.ActionInformation = encoded
        self._exchange(request, N_ACTION_RQ(), context_id, _ACTION_RSP)

    def report(self, event_type: int, information: Dataset) -> None:
        """Report (N-EVENT-REPORT, PS3.4 J.3.3), and return when the peer has answered 0x0000.

        Raises
        ------
        RefusedError
            When the peer answers with a failure.
        PeerError
            When it does not answer.
        """
        request = N_EVENT_REPORT()
        request.AffectedSOPClassUID = PUSH_MODEL
        request.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
        request.EventTypeID = event_type
        context_id, encoded = self._encoded(information)
        request.EventInformation = encoded
        self._exchange(request, N_EVENT_REPORT_RQ(), context_id, _EVENT_REPORT_RSP)

    def _encoded(self, information: Dataset) -> tuple[int, BytesIO]:
        for context in self._assoc.accepted_contexts:
            if context.abstract_syntax == PUSH_MODEL:
                break
        else:
            raise PeerError(f"{self._peer}: no presentation context for storage commitment")
        syntax = context.transfer_syntax[0]
        encoded = encode(
            information, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
        )
        if encoded is None:
            raise PeerError(f"{self._peer}: the data set cannot be encoded for it")
        return int(context.context_id or 0), BytesIO(encoded)

    def _exchange(
        self,
        request: N_ACTION | N_EVENT_REPORT,
        message: DIMSEMessage,
        context_id: int,
        response_field: int,
    ) -> None:
        self._message_id = self._message_id % 0xFFFF + 1
        request.MessageID = self._message_id
        message.primitive_to_message(request)
        self._response = None
        self._answered.clear()
        self._expected = (response_field, self._message_id)
        self._send(message, context_id)
        response = self._wait()
        if response is None:
            raise PeerError(f"{self._peer}: did not answer")
        status = int(response.get("Status", -1))
        if status != SUCCESS:
            comment = str(response.get("ErrorComment") or "")
            raise RefusedError(f"{self._peer}: {describe(status, comment)}")

    def _send(self, message: DIMSEMessage, context_id: int) -> None:
        provider = self._assoc.dul
        pdus = list(message.encode_msg(context_id, self._assoc.dimse.maximum_pdu_size))
        waiting = provider.to_provider_queue
        with waiting.mutex:
            waiting.queue.extend(pdus)
        if isinstance(provider, Provider):
            provider.wake()

    def _wait(self) -> Dataset | None:
        give_up = time.monotonic() + (self._assoc.dimse_timeout or 0)
        while not self._answered.wait(_LOOK_EVERY):
            if not self._assoc.is_established or time.monotonic() > give_up:
                return None
        return self._response

    def _on_message(self, event: evt.Event) -> None:
        command: Any = event.message.command_set
        answered = (command.get("CommandField"), command.get("MessageIDBeingRespondedTo"))
        if answered == self._expected:
            self._response = command
            self._answered.set()
