"""What the node replaces of pynetdicom's transport: sockets and the association server.

A worker's server takes connections from a socket that the supervisor has bound and all workers
share. Sockets have ``TCP_NODELAY`` and a timeout, and what a peer can make us hold in memory is
bounded: a PDU by the length that we negotiated, a message by the longest object the spool takes.
pynetdicom's negotiation and state machine are untouched. `scp` and `scu` use this module.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import sys
import threading
import time
from datetime import datetime
from socketserver import TCPServer
from typing import Any, Final

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import (
    T_CONNECT,
    AddressInformation,
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

_READ: Final = 1 << 18
_PDU_OVERHEAD: Final = 1 << 20
"""Bytes of a PDU beyond the negotiated length of its P-DATA; association requests fit, too."""
_COMMAND_SET_LIMIT: Final = 1 << 16
_LOOK_EVERY: Final = 0.1

_logger = logging.getLogger(__name__)


class PeerSocket(AssociationSocket):
    """A connection that reads in large pieces and refuses PDUs longer than agreed.

    Attributes
    ----------
    failure : str
        Why a connection could not be made; empty before and otherwise.
    """

    failure = ""
    socket: Any

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, fewer when the peer closes the connection.

        Raises
        ------
        OSError
            When the peer announces a PDU longer than we said we take, or is silent too long.
        """
        user = self.assoc.acceptor if self.assoc.is_acceptor else self.assoc.requestor
        if nr_bytes > (user.maximum_length or 0) + _PDU_OVERHEAD:
            raise OSError(f"a PDU of {nr_bytes} bytes is longer than negotiated")
        received = bytearray(nr_bytes)
        view = memoryview(received)
        done = 0
        while done < nr_bytes:
            count = self.socket.recv_into(view[done : done + _READ])
            if not count:
                break
            done += count
        view.release()
        del received[done:]
        return received

    def connect(self, primitive: T_CONNECT) -> None:
        """Connect to a peer; where that fails, keep the reason in `failure`."""
        try:
            self.socket.settimeout(self.assoc.connection_timeout)
            self.socket.connect(primitive.address_info.as_tuple)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls_args:
                context, hostname = self.tls_args
                self.socket = context.wrap_socket(self.socket, server_hostname=hostname)
            self.socket.settimeout(self.assoc.network_timeout)
            self.assoc.requestor.address_info = AddressInformation.from_tuple(
                self.socket.getsockname()
            )
            self._is_connected = True
            primitive.result = "Evt2"
        except OSError as error:
            self.failure = _reason(error)
            self.socket.close()
            self.socket = None
            primitive.result = "Evt17"
        finally:
            self.provider_queue.put(primitive)
            self._ready.set()

    def _shutdown_socket(self) -> None:
        """Close the socket, also one whose peer has gone, which cannot be shut down first."""
        sock = self.socket
        if sock is None:
            return
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)


class RequestingEntity(ApplicationEntity):
    """An application entity whose associations use a `PeerSocket`."""

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> PeerSocket:
        sock = PeerSocket(assoc, address=address)
        sock.tls_args = tls_args
        return sock


class Checkpoint:
    """Where an association's own loop is parked while a message is exchanged.

    pynetdicom looks at a flag that the loop sets before it waits and clears after; when the
    loop's thread is delayed between the two, it is taken for parked, goes on, and takes the
    response out of the queue. Here it is parked only when it has seen that it must stop.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._parked = False

    def set(self) -> None:
        """Let the loop go on."""
        with self._changed:
            self._open, self._parked = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the loop when it comes by next."""
        with self._changed:
            self._open = False

    def wait(self) -> None:
        """Wait until the loop may go on; called by the loop itself."""
        with self._changed:
            while not self._open:
                self._parked = True
                self._changed.notify_all()
                self._changed.wait()

    def park(self, loop: threading.Thread, timeout: float) -> bool:
        """Stop the loop; whether it has stopped, or its thread has ended, within `timeout`."""
        self.clear()
        give_up = time.monotonic() + timeout
        with self._changed:
            while not self._parked and loop.is_alive():
                if time.monotonic() > give_up:
                    return False
                self._changed.wait(_LOOK_EVERY)
        return True


class BoundedDimse(DIMSEServiceProvider):
    """Puts messages together from their fragments, up to the longest one that can be accepted."""

    limit: int = sys.maxsize

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the fragments of a P-DATA; abort the association over a message that is too long."""
        super().receive_primitive(primitive)
        message = self.message
        if message is None or message.data_set is None:
            return
        too_long = message.data_set.tell() > self.limit
        if too_long or message.encoded_command_set.tell() > _COMMAND_SET_LIMIT:
            _logger.error(
                "association with %a (%s) aborted: its message is longer than %d bytes",
                self.assoc.requestor.ae_title, self.assoc.requestor.address,
                self.limit if too_long else _COMMAND_SET_LIMIT,
            )  # fmt: skip
            self.message = None
            self.assoc.abort(block=False)


class SharedSocketServer(ThreadedAssociationServer):
    """An association server on a listening socket that other processes share.

    Parameters
    ----------
    ae : ApplicationEntity
    listener : socket.socket
        Bound, listening and non-blocking: a worker that comes second just waits again.
    max_object_bytes : int
        Longest data set that is put together.
    ssl_context : ssl.SSLContext or None
    evt_handlers : list
        As pynetdicom takes them.
    """

    daemon_threads = True
    socket: Any
    _handlers: dict[Any, Any]

    def __init__(
        self,
        ae: ApplicationEntity,
        listener: socket.socket,
        max_object_bytes: int,
        ssl_context: ssl.SSLContext | None,
        evt_handlers: list[Any],
    ) -> None:
        self._listener = listener
        self.max_object_bytes = max_object_bytes
        super().__init__(
            ae,
            listener.getsockname(),
            ae.ae_title,
            ae.supported_contexts,
            ssl_context,
            evt_handlers,
            request_handler=PeerRequestHandler,
        )

    def server_bind(self) -> None:
        """Take the shared socket in the place of one of our own."""
        self.socket.close()
        self.socket = self._listener
        self.server_address = self._listener.getsockname()

    def server_activate(self) -> None:
        """Do nothing: the socket listens already."""

    def shutdown(self) -> None:
        """Accept no more connections; associations that are open go on."""
        TCPServer.shutdown(self)
        self.server_close()

    def server_close(self) -> None:
        """Close our hold on the socket; a shutdown would end it for all processes."""
        self.socket.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the TLS handshake is left to the connection's own thread."""
        connection, address = self.socket.accept()
        connection.settimeout(self.ae.network_timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection when far more are open than associations are allowed.

        Those over the limit are told so in an A-ASSOCIATE-RJ; this is for a peer that opens
        connections and says nothing.
        """
        most = 2 * self.ae.maximum_associations
        if len(self.active_associations) < most:
            return True
        _logger.error("connection from %s closed: %d are open", client_address[0], most)
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line why a connection did not become an association."""
        _logger.warning("connection from %s failed: %s", client_address[0], sys.exception())


class PeerRequestHandler(RequestHandler):
    """Makes an association of a connection, without pynetdicom's copy of every context."""

    server: SharedSocketServer

    def setup(self) -> None:
        """Shake hands, where the listener wants TLS."""
        if self.server.ssl_context:
            self.request.settimeout(self.ae.acse_timeout)
            self.request = self.server.ssl_context.wrap_socket(self.request, server_side=True)
            self.request.settimeout(self.ae.network_timeout)

    def _create_association(self) -> Association:
        assoc = Association(self.ae, "acceptor")
        assoc._server = self.server
        assoc.name = f"AcceptorThread@{datetime.now():%Y%m%d%H%M%S}"
        assoc.set_socket(PeerSocket(assoc, client_socket=self.request))
        assoc.dimse = BoundedDimse(assoc)
        assoc.dimse.limit = self.server.max_object_bytes
        assoc.acceptor.maximum_length = self.ae.maximum_pdu_size
        assoc.acceptor.ae_title = self.server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = self.ae.implementation_version_name
        assoc.acceptor.supported_contexts = self.server.contexts
        assoc.requestor.address_info = self.remote
        for event, handlers in self.server._handlers.items():
            if event.is_intervention:
                assoc.bind(event, *handlers)
            else:
                for handler, args in handlers:
                    assoc.bind(event, handler, args)
        return assoc
