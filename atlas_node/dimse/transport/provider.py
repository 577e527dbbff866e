"""The upper layer service provider of an association that a peer requested, without polling.

pynetdicom's looks at socket, queues and timers every millisecond; this one waits for the socket
or for something to send, and takes P-DATA-TF PDUs of an established association to
`DataTransfer`. The state machine and all other PDUs stay pynetdicom's. The rule: one thread owns
the socket, and whoever has something for it puts it into a queue and wakes the thread.
"""

from __future__ import annotations

import logging
import os
import select
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Final, cast

from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ

from atlas_node.dimse.transport.accepted_socket import AcceptedSocket
from atlas_node.dimse.transport.associate_request import AssociateRequest
from atlas_node.dimse.transport.complaints import say_failed
from atlas_node.dimse.transport.data_transfer import DataTransfer
from atlas_node.dimse.transport.fragments import ProtocolError
from atlas_node.dimse.transport.sending import P_DATA_TF
from atlas_node.dimse.transport.services import Services, requestor_of

if TYPE_CHECKING:
    from atlas_node.dimse.transport.acceptor import AcceptedAssociation

_HEADER: Final = struct.Struct(">BxI")
_A_ASSOCIATE_RQ: Final = 0x01
_ENDINGS: Final = {0x05: "released", 0x06: "broken off", 0x07: "aborted"}
"""What A-RELEASE-RQ, A-RELEASE-RP and A-ABORT do to an association, by their types."""
_SPOKEN: Final = {
    b"\x16\x03": "a TLS handshake; set node.tls, or have the peer send without TLS",
    b"GE": "an HTTP request",
    b"PO": "an HTTP request",
    b"SS": "an SSH client",
}
"""What speaks another protocol, by the first bytes it sends."""
_CLOSING: Final = 1.0
"""Seconds that a peer has to close the connection after our last PDU."""
_SERVICE_PROVIDER: Final = 2

_logger = logging.getLogger(__name__)


class Provider(DULServiceProvider):
    """The upper layer of one association, in a thread of its own.

    Parameters
    ----------
    assoc : AcceptedAssociation
    services : Services
        Answer C-STORE and C-ECHO.
    """

    def __init__(self, assoc: AcceptedAssociation, services: Services) -> None:
        super().__init__(assoc)
        self.daemon = True
        self.has_ended = False
        self.silence = False
        self.active_at = time.monotonic()
        self._association = assoc
        self._header = memoryview(bytearray(_HEADER.size))
        self._services = services
        self._transfer: DataTransfer | None = None
        self._waking = threading.Lock()
        self._wake_up = -1
        self._news = select.poll()
        self._why = ""

    @property
    def is_busy(self) -> bool:
        """Whether a message is being received or answered."""
        return self._transfer is not None and self._transfer.is_busy

    def send_pdu(self, primitive: Any) -> None:
        """Hand a primitive to the thread; any thread may call this."""
        super().send_pdu(primitive)
        self.wake()

    def kill_dul(self) -> None:
        """End the thread."""
        super().kill_dul()
        self.wake()

    def wake(self) -> None:
        """Make the thread look at its queues."""
        # The descriptor's number may be another file's once it is closed.
        with self._waking:
            if self._wake_up >= 0:
                os.eventfd_write(self._wake_up, 1)

    def lose_connection(self) -> None:
        """Take the connection for lost; any thread may call this."""
        self.event_queue.put("Evt17")
        self.wake()

    def stop_reading(self) -> None:
        """Do not wait for what the peer has still to send of a PDU."""
        self.wake()
        connection = self.socket
        if connection is not None:
            cast(AcceptedSocket, connection).stop_reading()

    def run_reactor(self) -> None:
        """Drive the state machine until the association has ended."""
        try:
            connection = self._connection
            self._transfer = DataTransfer(
                self._association, self._services, connection.read, connection.send_all
            )
            self._wake_up = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._news.register(self._connection.socket, select.POLLIN)
            self._news.register(self._wake_up, select.POLLIN)
            self.was_active()
            self.assoc._dul_ready.set()
            while not self._kill_thread:
                self._next_event()
                while not (self._kill_thread or self.event_queue.empty()):
                    self.state_machine.do_action(self.event_queue.get(False))
        finally:
            self._end()

    def _end(self) -> None:
        """Give back what is held, and let nobody wait for more."""
        self._abandon("the association ended")
        with self._waking:
            if self._wake_up >= 0:
                os.close(self._wake_up)
            self._wake_up = -1
        self.has_ended = True
        self.assoc._dul_ready.set()
        self.to_user_queue.put(None)

    @property
    def _connection(self) -> AcceptedSocket:
        return cast(AcceptedSocket, self.socket)

    def _next_event(self) -> None:
        """Wait until there is an event for the state machine, or something to look for one."""
        try:
            if self.event_queue.empty() and not self._process_recv_primitive():
                self._is_transport_event()
        except Exception:
            _logger.exception("association with %s aborted", requestor_of(self.assoc))
            self._hard_abort()

    def _hard_abort(self) -> None:
        """End the association past the state machine, which an exception leaves anywhere."""
        pdu = A_ABORT_RQ()
        pdu.source = _SERVICE_PROVIDER
        pdu.reason_diagnostic = 0
        if self._connection.socket is not None:
            self._connection.send(pdu.encode())
        self.assoc.is_aborted = True
        self.assoc.is_established = False
        self.assoc._kill = True
        self._kill_thread = True

    def _process_recv_primitive(self) -> bool:
        """Make the event of the next primitive that is to be sent; False when there is none."""
        if self.state_machine.current_state == "Sta13":
            # Nothing may be sent any more; a second abort would be an event without an action.
            self.to_provider_queue.queue.clear()
            return False
        if not super()._process_recv_primitive():
            return False
        self.was_active()
        return True

    def _is_transport_event(self) -> bool:
        """Wait for the peer, for a timer or to be woken; make the event of what the peer sent."""
        connection = self._connection
        if connection.socket is None:
            self._news.poll(_CLOSING * 1000)
            return False
        state = self.state_machine.current_state
        if state == "Sta13":
            connection.wait_for_close(_CLOSING)
            connection.close()
            return True
        if not connection.pending() and not self._poll(state):
            return False
        if state == "Sta6":
            self._receive()
        elif state == "Sta2":
            self._read_request()
        else:
            self._read_pdu_data()
        self.was_active()
        return True

    def _read_request(self) -> None:
        """Read the first PDU of a connection; say so when it is no association request."""
        connection = self._connection
        try:
            header = bytes(connection.recv(_HEADER.size))
        except OSError:
            header = b""
        if not header:
            # A port scan or the health check of a load balancer says next to nothing and goes.
            self.event_queue.put("Evt17")
            return
        connection.unread(header)
        self._why = ""
        self._read_pdu_data()
        if self.event_queue.queue[-1] != "Evt6" and not self._association.is_turned_away:
            why = self._why or _found(header)
            say_failed(self.assoc.requestor.address, f"broken off: {why}")

    def was_active(self) -> None:
        """Note that a message came or went; any thread may call this."""
        self._idle_timer.restart()
        self.active_at = time.monotonic()

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        """Decode a PDU that was read; return it and its event."""
        if bytestream[0] != _A_ASSOCIATE_RQ:
            return super()._decode_pdu(bytestream)
        pdu = AssociateRequest()
        try:
            pdu.decode(bytes(bytestream))
        except ProtocolError as error:
            self._why = str(error)
            raise
        return pdu, "Evt6"

    def _poll(self, state: str) -> bool:
        """Wait; return whether the peer has sent something."""
        timer = self.artim_timer if state == "Sta2" else self._idle_timer
        left = timer.remaining if timer.timeout is not None else None
        if left is not None and left <= 0:
            self._expired(state)
            left = None if state != "Sta2" else 0
        ready = self._news.poll(None if left is None else left * 1000 + 1)
        woken = any(descriptor == self._wake_up for descriptor, _ in ready)
        if woken:
            os.eventfd_read(self._wake_up)
        return len(ready) > woken

    def _expired(self, state: str) -> None:
        if state == "Sta2":
            self.event_queue.put("Evt18")
        elif self._association.is_waiting:
            self.silence = True
            self._association.bell.set()
        else:
            self._idle_timer.restart()

    def _receive(self) -> None:
        """Read PDUs of an established association: one, and all of the message that it begins."""
        transfer, header, read = self._transfer, self._header, self._connection.read
        assert transfer is not None
        try:
            while True:
                read(header)
                kind, length = _HEADER.unpack(header)
                if kind != P_DATA_TF:
                    self._other_pdu(kind)
                    return
                transfer.receive(length)
                if not transfer.is_busy or self.to_provider_queue.queue:
                    return
        except ProtocolError as error:
            self._give_up(str(error), "Evt19")
        except EOFError:
            # A stop ends reading, too; then there is an abort to send.
            if not self.to_provider_queue.queue:
                self._give_up("the connection was closed", "Evt17")
        except TimeoutError:
            self._give_up(f"nothing came for {self._connection.silence:g} s", "Evt19")
        except OSError as error:
            self._give_up(f"the connection was lost: {error.strerror}", "Evt17")

    def _other_pdu(self, kind: int) -> None:
        what = _ENDINGS.get(kind)
        if what is None:
            raise ProtocolError(f"a PDU of type 0x{kind:02x}, expected data, a release or an abort")
        self._abandon(f"it was {what} by the peer")
        self._connection.unread(bytes(self._header))
        self._read_pdu_data()

    def _give_up(self, why: str, event: str) -> None:
        if not self._abandon(why) and event == "Evt19":
            self._say(f"aborted: {why}")
        self.event_queue.put(event)

    def _abandon(self, why: str) -> bool:
        """Give up the message that has begun; False when none has."""
        said = self._transfer.abandon(why) if self._transfer is not None else ""
        if said:
            self._say(said)
        return bool(said)

    def _say(self, what: str) -> None:
        _logger.warning("association with %s %s", requestor_of(self.assoc), what)


def _found(header: bytes) -> str:
    """Say what began with `header` in the place of an association request."""
    if len(header) < _HEADER.size or header[0] == _A_ASSOCIATE_RQ:
        found = "one that is cut short, too long or cannot be decoded"
    else:
        found = _SPOKEN.get(header[:2], f"a PDU of type 0x{header[0]:02x}")
    return f"expected an association request (A-ASSOCIATE-RQ), found {found}"
