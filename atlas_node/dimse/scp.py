"""The service class provider: answers C-ECHO and receives objects by C-STORE.

Every storage SOP class is taken, unknown and private ones too, in whatever transfer syntax the
sender prefers. The data set is handed on as it came and is never decoded here. The rule: 0x0000
is answered only after the callable that takes objects has returned.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from atlas_node.config import NodeSettings
from atlas_node.dimse.access import AccessList, Service
from atlas_node.dimse.presentation import put_in_order
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORIZED,
    SUCCESS,
    answer,
    refusal,
)
from atlas_node.dimse.tls import server_context
from atlas_node.dimse.transport import SharedSocketServer
from atlas_node.errors import ConfigurationError, SpoolError, SpoolFullError
from atlas_node.model import Envelope

Receive = Callable[[Envelope, memoryview], str]

_BACKLOG: Final = 128
_POLL: Final = 0.1
_CALLING_AE_NOT_RECOGNISED: Final = (0x01, 0x01, 0x03)

_logger = logging.getLogger(__name__)


def listen(node: NodeSettings) -> socket.socket:
    """Bind the node's port and listen, for all workers together.

    Raises
    ------
    ConfigurationError
        When the port is in use or the address is not one of this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            node.host, node.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {node.host}:{node.port}: {error.strerror}; "
            "stop what uses it, or change node.host and node.port"
        ) from error
    listener.setblocking(False)
    return listener


class StorageScp:
    """Receives objects on a listening socket until it is stopped.

    Parameters
    ----------
    node : NodeSettings
    listener : socket.socket
        From `listen`; shared with the other workers.
    receive : callable
        Takes the envelope and the encoded data set of an object and returns its identifier when
        it is durable; what it raises becomes the sender's status.
    access : AccessList
        Who may call.
    max_object_bytes : int
        Longest data set that is received.

    Raises
    ------
    ConfigurationError
        When the TLS files cannot be used.
    """

    def __init__(
        self,
        node: NodeSettings,
        listener: socket.socket,
        receive: Receive,
        access: AccessList,
        max_object_bytes: int,
    ) -> None:
        self.access = access
        self._receive = receive
        ae = application_entity(node, node.ae_title)
        ae.maximum_pdu_size = node.max_pdu
        ae.maximum_associations = -(-node.max_associations // node.workers)
        ae.add_supported_context(Verification)
        self._server = SharedSocketServer(
            ae,
            listener,
            max_object_bytes,
            server_context(node.tls) if node.tls else None,
            [
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_REJECTED, self._on_rejected),
                (evt.EVT_ABORTED, self._on_aborted),
                (evt.EVT_C_ECHO, self._on_echo),
                (evt.EVT_C_STORE, self._on_store),
            ],
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="scp", daemon=True
        )

    def start(self) -> None:
        """Begin to accept associations."""
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Accept nothing new, let open associations end, and abort those left at `deadline`.

        Parameters
        ----------
        deadline : float
            As `time.monotonic` counts.
        """
        self._server.shutdown()
        # A connection on which nobody has asked for an association has nothing to end.
        while self._established() and time.monotonic() < deadline:
            time.sleep(_POLL)
        for assoc in self._established():
            _logger.warning("association with %s aborted: the node stops", _caller(assoc))
            assoc.abort(block=False)

    def _established(self) -> list[Any]:
        return [assoc for assoc in self._server.active_associations if assoc.is_established]

    def _on_requested(self, event: evt.Event) -> None:
        assoc = event.assoc
        request: Any = assoc.requestor.primitive
        if not self.access.services(request.calling_ae_title, assoc.requestor.address):
            _logger.warning(
                "association from %a (%s) rejected: no peer in the configuration has this AE "
                "title and address", request.calling_ae_title, assoc.requestor.address,
            )  # fmt: skip
            assoc.acse.send_reject(*_CALLING_AE_NOT_RECOGNISED)
            assoc.kill()
            return
        put_in_order(request)

    def _on_rejected(self, event: evt.Event) -> None:
        _logger.warning(
            "association from %s rejected: %d are open (node.max_associations for this worker)",
            _caller(event.assoc), event.assoc.ae.maximum_associations,
        )  # fmt: skip

    def _on_aborted(self, event: evt.Event) -> None:
        if event.assoc.dimse.message is not None:
            _logger.warning(
                "association with %s ended in the middle of a message: nothing of it is kept",
                _caller(event.assoc),
            )

    def _on_echo(self, event: evt.Event) -> int:
        return SUCCESS if self._may(event.assoc, "echo") else NOT_AUTHORIZED

    def _on_store(self, event: evt.Event) -> Dataset | int:
        assoc: Any = event.assoc
        request: Any = event.request
        if not self._may(assoc, "store"):
            return answer(NOT_AUTHORIZED, "this AE may not store here")
        data = request.DataSet.getbuffer() if request.DataSet else memoryview(b"")
        if not len(data):
            _logger.warning("C-STORE without a data set from %s refused", _caller(assoc))
            return answer(CANNOT_UNDERSTAND, "no data set")
        envelope = Envelope(
            received_at=time.time(),
            calling_ae=assoc.requestor.ae_title.strip(),
            called_ae=assoc.requestor.primitive.called_ae_title.strip(),
            peer=assoc.requestor.address,
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
        )
        try:
            self._receive(envelope, data)
        except SpoolFullError as error:
            return refusal(error)  # the spool has said so, once for many objects
        except SpoolError as error:
            _logger.error("object from %s refused with 0xA700: %s", _caller(assoc), error)
            return refusal(error)
        except Exception as error:
            _logger.exception("object from %s refused with 0x0110", _caller(assoc))
            return refusal(error)
        return SUCCESS

    def _may(self, assoc: Association, service: Service) -> bool:
        allowed = self.access.services(assoc.requestor.ae_title, assoc.requestor.address)
        if service in allowed:
            return True
        _logger.warning("%s refused for %s", service, _caller(assoc))
        return False


def _caller(assoc: Association) -> str:
    """Name the peer of an association, escaped: an AE title is whatever the peer says."""
    return f"{assoc.requestor.ae_title!a} ({assoc.requestor.address})"
