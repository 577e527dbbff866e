"""The service class provider: who may associate, and what C-ECHO and C-STORE are answered.

Every storage SOP class is taken, unknown and private ones too, in whatever transfer syntax the
sender prefers. A receiver process has one `StorageScp`, on the socket that all of them share. The
rule: the access list is asked for each connection, for each association and again for each
request, because it may have changed.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from atlas_node.activity import IncomingAssociation, Tally
from atlas_node.activity.metrics import ASSOCIATIONS_ACCEPTED, ASSOCIATIONS_REJECTED
from atlas_node.config import NodeSettings, Service
from atlas_node.dimse.access import AccessList
from atlas_node.dimse.commitment.provider import CommitmentProvider
from atlas_node.dimse.presentation import put_in_order
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import CANNOT_UNDERSTAND, NOT_AUTHORIZED, SUCCESS, Answer
from atlas_node.dimse.storage import ObjectReceiver, RefusedStore, StoreOperation
from atlas_node.dimse.tls import server_context
from atlas_node.dimse.transport.acceptor import AcceptedAssociation
from atlas_node.dimse.transport.complaints import say_failed
from atlas_node.dimse.transport.served_request import ServedRequest
from atlas_node.dimse.transport.server import SharedSocketServer
from atlas_node.dimse.transport.services import Operation, Requestor, requestor_of
from atlas_node.errors import ConfigurationError
from atlas_node.model import Envelope

if TYPE_CHECKING:
    from atlas_node.dimse.relay.service import QueryRelay

_BACKLOG: Final = 128
_POLL: Final = 0.1
_RESTING: Final = 1.0
"""Seconds without a message after which a drain ends an association."""
_LONGEST_UID: Final = 64
_CALLING_AE_NOT_RECOGNISED: Final = (0x01, 0x01, 0x03)
_LOCAL_LIMIT_EXCEEDED: Final = (0x02, 0x03, 0x02)
"""Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 9.3.4)."""

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
        From `listen`; shared with the other receivers.
    receiver : ObjectReceiver
        Takes the objects.
    access : AccessList
        Who may call.
    commitment : CommitmentProvider or None
        Serves storage commitment; None: it is not offered.
    queries : QueryRelay or None
        Serves query and retrieve; None: they are not offered. May be set anew at any time.
    tally : Tally or None
        Counts what comes in.

    Raises
    ------
    ConfigurationError
        When the TLS files cannot be used.
    """

    def __init__(
        self,
        node: NodeSettings,
        listener: socket.socket,
        receiver: ObjectReceiver,
        access: AccessList,
        commitment: CommitmentProvider | None = None,
        queries: QueryRelay | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.access = access
        self._tally = tally or Tally()
        self.queries = queries
        self._commitment = commitment
        self._receiver = receiver
        self._tls = node.tls
        ae = application_entity(node, node.ae_title)
        ae.maximum_pdu_size = node.max_pdu
        ae.maximum_associations = -(-node.max_associations // node.workers)
        ae.add_supported_context(Verification)
        self._server = SharedSocketServer(
            ae,
            listener,
            self,
            server_context(self._tls) if self._tls else None,
            [
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_ACCEPTED, self._on_accepted),
                (evt.EVT_N_ACTION, self._on_commitment),
                (evt.EVT_N_EVENT_REPORT, self._on_commitment),
            ],
            self._may_connect,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="scp", daemon=True
        )

    @property
    def longest_identifier(self) -> int:
        """Bytes that the identifier of a query may have; 0: there are no queries."""
        return self.queries.longest_identifier if self.queries is not None else 0

    def start(self) -> None:
        """Begin to accept associations."""
        self._thread.start()

    def read_tls_files(self) -> None:
        """Use the certificate, key and authorities that are in their files now, from here on.

        Associations that are open go on with those that they began with.

        Raises
        ------
        ConfigurationError
            When they cannot be used; those in force stay so.
        """
        if self._tls is not None:
            self._server.ssl_context = server_context(self._tls)

    def stop(self, deadline: float) -> None:
        """Accept nothing new, let open associations end, and abort those left at `deadline`.

        An association on which nothing happens is not waited for.

        Parameters
        ----------
        deadline : float
            As `time.monotonic` counts.
        """
        self._server.shutdown()
        # A connection on which nobody has asked for an association has nothing to end.
        while (open_ := self._established()) and time.monotonic() < deadline:
            for assoc in open_:
                if assoc.resting_for() > _RESTING:
                    self._abort(assoc)
            time.sleep(_POLL)
        for assoc in self._established():
            self._abort(assoc)
            assoc.dul.stop_reading()

    def echo(self, requestor: Requestor) -> Answer:
        """Answer a C-ECHO request."""
        return Answer(SUCCESS if self._may(requestor, "echo") else NOT_AUTHORIZED)

    def store(
        self, requestor: Requestor, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str
    ) -> Operation:
        """Begin the operation of a C-STORE request."""
        if not self._may(requestor, "store"):
            refused = Answer(NOT_AUTHORIZED, "this AE may not store here")
            return RefusedStore(refused, self._tally)
        for name, uid in ("class", sop_class_uid), ("instance", sop_instance_uid):
            if not 0 < len(uid) <= _LONGEST_UID:
                why = f"an Affected SOP {name.title()} UID of {len(uid)} characters"
                _logger.warning("C-STORE from %s refused with 0xC000: %s", requestor, why)
                return RefusedStore(Answer(CANNOT_UNDERSTAND, why), self._tally)
        envelope = Envelope(
            received_at=time.time(),
            calling_ae=requestor.calling_ae,
            called_ae=requestor.called_ae,
            peer=requestor.address,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax,
        )
        return StoreOperation(self._receiver, requestor, envelope, self._tally)

    def query(self, request: ServedRequest) -> None:
        """Answer a C-FIND, C-GET or C-MOVE request."""
        queries, requestor = self.queries, request.requestor
        if queries is None:
            request.respond(NOT_AUTHORIZED, comment="there is no upstream")
            return
        queries.serve(request, self.access.services(requestor.calling_ae, requestor.address))

    def open_associations(self) -> tuple[IncomingAssociation, ...]:
        """Return what is known of the associations that are open now."""
        found = []
        for assoc in self._established():
            requestor, traffic = requestor_of(assoc), assoc.traffic
            found.append(
                IncomingAssociation(
                    requestor.calling_ae,
                    requestor.called_ae,
                    requestor.address,
                    traffic.since,
                    traffic.objects,
                    traffic.bytes,
                )
            )
        return tuple(found)

    def _established(self) -> list[AcceptedAssociation]:
        return [assoc for assoc in self._server.active_associations if assoc.is_established]

    def _abort(self, assoc: AcceptedAssociation) -> None:
        _logger.warning("association with %s aborted: the node stops", requestor_of(assoc))
        assoc.abort(block=False)

    def _may_connect(self, address: str) -> bool:
        if self.access.may_connect(address):
            return True
        self._tally.add(ASSOCIATIONS_REJECTED, "peer")
        say_failed(address, "closed: no peer in the configuration has this address")
        return False

    def _on_requested(self, event: evt.Event) -> None:
        assoc = cast(AcceptedAssociation, event.assoc)
        requestor = requestor_of(assoc)
        services = self.access.services(requestor.calling_ae, requestor.address)
        if not services:
            _logger.warning(
                "association from %s rejected: no peer in the configuration has this AE "
                "title and address", requestor,
            )  # fmt: skip
            self._reject(assoc, "peer", _CALLING_AE_NOT_RECOGNISED)
            return
        if not self._server.take_place(assoc):
            _logger.warning(
                "association from %s rejected: %d are open (node.max_associations for this worker)",
                requestor, self._server.most_associations,
            )  # fmt: skip
            self._reject(assoc, "limit", _LOCAL_LIMIT_EXCEEDED)
            return
        request: Any = assoc.requestor.primitive
        put_in_order(request)
        if self._commitment is not None:
            self._commitment.negotiate(assoc)
        if self.queries is not None:
            self.queries.negotiate(assoc, services)

    def _reject(self, assoc: AcceptedAssociation, why: str, told: tuple[int, int, int]) -> None:
        self._tally.add(ASSOCIATIONS_REJECTED, why)
        assoc.acse.send_reject(*told)
        assoc.kill()

    def _on_commitment(self, event: evt.Event) -> tuple[Dataset | int, None]:
        may = self._may(requestor_of(event.assoc), "commit")
        if self._commitment is None or not may:
            return NOT_AUTHORIZED, None
        return self._commitment.serve(event), None

    def _on_accepted(self, event: evt.Event) -> None:
        self._tally.add(ASSOCIATIONS_ACCEPTED)

    def _may(self, requestor: Requestor, service: Service) -> bool:
        if service in self.access.services(requestor.calling_ae, requestor.address):
            return True
        _logger.warning("%s refused for %s", service, requestor)
        return False
