"""The side of pynetdicom's transport that asks for associations.

pynetdicom connects, shakes hands and negotiates where other messages are exchanged than those of
the data path and of queries, which have `association_request`; `peer.Caller.associate` calls it.
The rule: a `ReportingAssociation` loses no response, and where there is none, its reason is kept
and neither a thread nor a connection is left.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import Any, Final, cast

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import T_CONNECT, AddressInformation

from atlas_node.dimse.transport.checkpoint import Checkpoint
from atlas_node.dimse.transport.closing import ClosingSocket

_READ: Final = 1 << 16
_HEADER: Final = 6
_LONGEST_PDU: Final = 1 << 25
_A_ABORT: Final = b"\x07"
_PATIENCE: Final = 5.0
UNSENT: Final = 1 << 16
"""Bytes that may wait in the system to be sent: handing over a whole object takes more than twice
the time of the processor, and what is under way to the peer is not limited by it."""


class RequestingSocket(ClosingSocket):
    """A connection to a peer that says why it failed and that reads in bounded time.

    Attributes
    ----------
    failure : str
        Why a connection could not be made; empty before and otherwise.
    aborted, ended : bool
        Whether the peer has sent an A-ABORT, or closed the connection.
    """

    failure = ""
    aborted = False
    ended = False

    def connect(self, primitive: T_CONNECT) -> None:
        """Connect to a peer; where that fails, keep the reason in `failure`."""
        try:
            self.socket.settimeout(self.assoc.connection_timeout)
            self.socket.connect(primitive.address_info.as_tuple)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
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
            self.failure = reason_of(error)
            self.socket.close()
            self.socket = None
            primitive.result = "Evt17"
        finally:
            self.provider_queue.put(primitive)
            self._ready.set()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, fewer when the peer closes the connection.

        Raises
        ------
        OSError
            When the peer announces a PDU that is too long, or does not send it in time.
        """
        if nr_bytes > _LONGEST_PDU:
            raise OSError(f"a PDU of {nr_bytes} bytes is longer than any that we take")
        timeout = self.socket.gettimeout()
        give_up = time.monotonic() + (self.assoc.dimse_timeout or _PATIENCE)
        received = bytearray()
        while len(received) < nr_bytes:
            self.socket.settimeout(max(give_up - time.monotonic(), 0.001))
            part = self.socket.recv(min(nr_bytes - len(received), _READ))
            if not part:
                self.ended = True
                break
            received += part
        self.socket.settimeout(timeout)
        self.aborted |= nr_bytes == _HEADER and received[:1] == _A_ABORT
        return received


def reason_of(error: OSError) -> str:
    """Return why there is no connection, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)


class ReportingAssociation(Association):
    """An association in which the peer may report at any moment (N-EVENT-REPORT).

    pynetdicom serves each report in a thread of its own. Where that answers after the request for
    release (PS3.8 9.2, Evt9 in Sta7) the reactor ends with its socket open; here a release waits
    for the answer, and what is reported after it is ignored. The ``send_...`` methods rely on the
    `Checkpoint` alone: such a thread takes back the flag that pynetdicom has them wait for.
    """

    _is_paused = cast(bool, property(lambda self: True, lambda self, value: None))
    _reporting: Any

    @classmethod
    def adopt(cls, assoc: Any, patience: float) -> None:
        """Make one of ours of an association of pynetdicom's whose threads have not begun."""
        assoc.__class__ = cls
        assoc._reporting = threading.RLock()
        assoc._reactor_checkpoint = Checkpoint(assoc, patience)

    def release(self) -> None:
        """Release the association, when no report is being answered."""
        with self._reporting:
            super().release()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        is_report = threading.current_thread() is not self
        with self._reporting if is_report else contextlib.nullcontext():
            super()._serve_request(msg, context_id)


class RequestingEntity(ApplicationEntity):
    """An application entity of `ReportingAssociation` that use `RequestingSocket`.

    One thread at a time asks it for an association.
    """

    _requested: Association | None = None

    def associate(self, *args: Any, **kwargs: Any) -> Association:
        """Request an association; where there is none, neither thread nor connection is left.

        Raises
        ------
        OSError
            When the name of the peer cannot be resolved.
        ValueError
            When the peer's answer cannot be understood.
        """
        self._requested = None
        established = False
        try:
            assoc = super().associate(*args, **kwargs)
            established = assoc.is_established
        finally:
            if self._requested is not None and not established:
                _end(self._requested)
        return assoc

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> RequestingSocket:
        self._requested = assoc
        ReportingAssociation.adopt(assoc, assoc.dimse_timeout or _PATIENCE)
        sock = RequestingSocket(assoc, address=address)
        sock.tls_args = tls_args
        return sock


def _end(assoc: Association) -> None:
    """End the threads of an association that was not established, and close its connection."""
    # One after the other: the loop takes the end of the other thread for that of the association.
    assoc._kill = True
    if assoc.is_alive():
        assoc.join(_PATIENCE)
    assoc.dul.kill_dul()
    if assoc.dul.is_alive():
        assoc.dul.join(_PATIENCE)
    transport = assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport._shutdown_socket()
