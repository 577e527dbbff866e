"""The association server of a receiver process: connections in, one association for each.

It takes connections from a socket that the supervisor has bound and all receivers share.
pynetdicom's server of the same purpose copies every supported context for each association and
looks for garbage at every turn; of it only what associations ask of their server is left. `scp`
uses it. The rule: a connection counts as an association from `take_place` on, and until then it
can be closed for another one.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from socketserver import TCPServer
from typing import Any, Final

from pynetdicom.ae import ApplicationEntity
from pynetdicom.transport import AddressInformation, AssociationServer

from atlas_node.dimse.transport.acceptor import AcceptedAssociation
from atlas_node.dimse.transport.admission import one_to_close, room_in_whole
from atlas_node.dimse.transport.complaints import say_failed
from atlas_node.dimse.transport.services import Services

_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_LOOK_AGAIN: Final = 0.1
_LINE_EVERY: Final = 10.0

_logger = logging.getLogger(__name__)


class SharedSocketServer(AssociationServer):
    """An association server on a listening socket that other processes share.

    Parameters
    ----------
    ae : ApplicationEntity
        Its `maximum_associations` says how many may be open, and is out of the way from then on:
        pynetdicom counts connections that say nothing, too.
    listener : socket.socket
        Bound, listening and non-blocking: a process that comes second just waits again.
    services : Services
        Answer C-STORE and C-ECHO.
    ssl_context : ssl.SSLContext or None
    evt_handlers : list
        As pynetdicom takes them, for everything else.
    admits : callable
        Whether an address may connect at all; says so itself when not.
    """

    socket: Any
    _handlers: dict[Any, Any]

    def __init__(
        self,
        ae: ApplicationEntity,
        listener: socket.socket,
        services: Services,
        ssl_context: ssl.SSLContext | None,
        evt_handlers: list[Any],
        admits: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._listener = listener
        self._services = services
        self._admits = admits
        self._placing = threading.Lock()
        self._no_room_said = float("-inf")
        self.most_associations = most = ae.maximum_associations
        # Those that are closed to make room take a moment to end.
        self._most_connections = 2 * (most + room_in_whole(most))
        ae.maximum_associations = self._most_connections
        super().__init__(
            ae,
            listener.getsockname(),
            ae.ae_title,
            ae.supported_contexts,
            ssl_context,
            evt_handlers,
        )

    @property
    def active_associations(self) -> list[AcceptedAssociation]:  # type: ignore[override]
        """Return the associations whose threads run."""
        return [it for it in self.ae.active_associations if isinstance(it, AcceptedAssociation)]

    def server_bind(self) -> None:
        """Take the shared socket in the place of one of our own."""
        self.socket.close()
        self.socket = self._listener
        self.server_address = self._listener.getsockname()

    def server_activate(self) -> None:
        """Do nothing: the socket listens already."""

    def service_actions(self) -> None:
        """Do nothing: collecting garbage by hand stops every association for a moment."""

    def shutdown(self) -> None:
        """Accept no more connections; associations that are open go on."""
        TCPServer.shutdown(self)
        self.server_close()

    def server_close(self) -> None:
        """Close our hold on the socket; a shutdown would end it for all processes."""
        self.socket.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the TLS handshake is left to the association's own thread."""
        try:
            connection, address = self.socket.accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._do_without(error)
            raise
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def take_place(self, assoc: AcceptedAssociation) -> bool:
        """Give an association that is requested one of the places; False when all are taken."""
        with self._placing:
            if sum(it.has_place for it in self.active_associations) >= self.most_associations:
                return False
            assoc.is_placed = True
            return True

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection from where none is admitted, and make room for any other.

        Associations over the limit are told so in an A-ASSOCIATE-RJ; this is for hosts that open
        connections and ask for nothing.
        """
        address = client_address[0]
        if not self._admits(address):
            return False
        open_ = self.active_associations
        waiting = _without_association(open_)
        addresses = [it.requestor.address for it in waiting]
        number = one_to_close(address, addresses, self.most_associations)
        if number is not None:
            waiting[number].turn_away()
            count = addresses.count(addresses[number])
            say_failed(
                addresses[number],
                f"closed to make room: one of {count} from there without an association",
            )
        if len(open_) < self._most_connections:
            return True
        say_failed(address, f"closed: {len(open_)} are open")
        return False

    def _do_without(self, error: OSError) -> None:
        """Let a connection wait for which there is no room, and make some; else look again soon.

        The system keeps it, so that the listener is readable all the time.
        """
        waiting = _without_association(self.active_associations)
        if waiting:
            waiting[0].turn_away()
        now = time.monotonic()
        if now - self._no_room_said >= _LINE_EVERY:
            self._no_room_said = now
            _logger.error(
                "connections wait: %s; %d are open, %d of them without an association",
                error.strerror, len(self.active_associations), len(waiting),
            )  # fmt: skip
        time.sleep(_LOOK_AGAIN)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the association of a connection."""
        self._association(request, client_address).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line why a connection did not become an association."""
        say_failed(client_address[0], f"failed: {sys.exception()}")

    def _association(self, connection: socket.socket, address: Any) -> AcceptedAssociation:
        ae = self.ae
        assoc = AcceptedAssociation(ae, connection, self._services, self.ssl_context)
        assoc._server = self
        assoc.name = f"AcceptorThread@{datetime.now():%Y%m%d%H%M%S}"
        acceptor = assoc.acceptor
        acceptor.maximum_length = ae.maximum_pdu_size
        acceptor.ae_title = self.ae_title
        acceptor.address_info = self.address_info
        acceptor.implementation_class_uid = ae.implementation_class_uid
        acceptor.implementation_version_name = ae.implementation_version_name
        acceptor.supported_contexts = self.contexts
        assoc.requestor.address_info = AddressInformation.from_tuple(address)
        for event, handlers in self._handlers.items():
            if event.is_intervention:
                assoc.bind(event, *handlers)
            else:
                for handler, args in handlers:
                    assoc.bind(event, handler, args)
        return assoc


def _without_association(connections: Iterable[AcceptedAssociation]) -> list[AcceptedAssociation]:
    """Return connections on which no association is granted, in the order in which they may go."""
    return sorted(
        (it for it in connections if not (it.has_place or it.is_established or it.is_turned_away)),
        key=lambda it: (it.has_unread(), it.traffic.since),
    )
