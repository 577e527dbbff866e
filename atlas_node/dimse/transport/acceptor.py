"""An association that a peer requested, whose own loop waits instead of looking every millisecond.

pynetdicom's association negotiates and serves the messages that `DataTransfer` passes on; its loop
sleeps between looks at the queues. Here the queues ring a bell. `server` makes one for each
connection.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import select
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pynetdicom import evt
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import _RQ_TO_MESSAGE, _RSP_TO_MESSAGE, DIMSEServiceProvider
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.pdu import P_DATA_TF

from atlas_node.dimse.transport.accepted_socket import AcceptedSocket
from atlas_node.dimse.transport.bell import Bell
from atlas_node.dimse.transport.checkpoint import Checkpoint
from atlas_node.dimse.transport.complaints import say_failed
from atlas_node.dimse.transport.provider import Provider
from atlas_node.dimse.transport.sending import SHORTEST_PDU, Buffer
from atlas_node.dimse.transport.served_request import Inbox, ServedRequest
from atlas_node.dimse.transport.services import Services, Session, requestor_of

_PATIENCE: Final = 5.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Traffic:
    """What has come in on an association, counted by the thread that reads it.

    Attributes
    ----------
    since : float
        When the connection was accepted, in seconds since the epoch.
    objects : int
        That were stored and answered with 0x0000.
    bytes : int
        Of P-DATA-TF PDUs.
    """

    since: float
    objects: int = 0
    bytes: int = 0


class RingingQueue(queue.Queue[Any]):
    """A queue that rings a bell for whoever waits for several of them."""

    def __init__(self, bell: threading.Event) -> None:
        super().__init__()
        self._bell = bell

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item and ring."""
        super().put(item, block, timeout)
        self._bell.set()


class WholeMessages(DIMSEServiceProvider):
    """Sends the messages of pynetdicom's services, each as a whole.

    pynetdicom puts every PDU into a queue of its own accord; those of a message of the data path,
    or of another thread, could come between.
    """

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Encode a message and send it; a connection that is lost ends the association."""
        kinds: Any = (
            _RSP_TO_MESSAGE if primitive.MessageIDBeingRespondedTo is not None else _RQ_TO_MESSAGE
        )
        message = kinds[type(primitive)]()
        message.primitive_to_message(primitive)
        message.context_id = context_id
        evt.trigger(self.assoc, evt.EVT_DIMSE_SENT, {"message": message})
        parts = message.encode_msg(context_id, self.maximum_pdu_size)
        association = cast(AcceptedAssociation, self.assoc)
        try:
            association.send_message([[P_DATA_TF(part).encode()] for part in parts])
        except OSError:
            association.dul.lose_connection()


class AcceptorAcse(ACSE):
    """Negotiates, and says why an abstract syntax was refused where there is a better reason."""

    def send_accept(self) -> None:
        """Accept the association with the results of its presentation contexts."""
        refusals = cast("AcceptedAssociation", self.assoc).refusals
        for context in self.assoc.rejected_contexts:
            context.result = refusals.get(str(context.abstract_syntax), context.result)
        super().send_accept()


class AcceptedAssociation(Association):
    """An association with a peer that has connected to us.

    Parameters
    ----------
    ae : ApplicationEntity
    connection : socket.socket
        Just accepted.
    services : Services
        Answer C-STORE and C-ECHO.
    ssl_context : ssl.SSLContext or None

    Attributes
    ----------
    session : Session or None
        Set by who answers queries while the association is negotiated.
    traffic : Traffic
    refusals : mapping of str to int
        The result of abstract syntaxes that are refused for a reason of their own.
    is_placed : bool
        Whether the server has given it one of its places.
    is_turned_away : bool
        Whether the server has closed the connection to make room.
    """

    def __init__(
        self,
        ae: ApplicationEntity,
        connection: socket.socket,
        services: Services,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(ae, "acceptor")
        self.traffic = Traffic(time.time())
        self.session: Session | None = None
        self.refusals: Mapping[str, int] = {}
        self.acse = AcceptorAcse(self)
        self.bell = Bell()
        self.inbox = Inbox(self.bell.set)
        self.is_waiting = False
        self.is_serving = False
        self.is_placed = False
        self.is_turned_away = False
        self._reports = 0
        self._counting = threading.Lock()
        self._connection = connection
        self._ssl_context = ssl_context
        self._services = services
        self.dul: Provider = Provider(self, services)
        # Set again, because each sets a timer of the provider.
        self.acse_timeout = ae.acse_timeout
        self.network_timeout = ae.network_timeout
        self.dul.to_user_queue = RingingQueue(self.bell)
        self.dimse = WholeMessages(self)
        self.dimse.msg_queue = RingingQueue(self.bell)
        self._reactor_checkpoint = cast(
            Any, Checkpoint(self, self.dimse_timeout or _PATIENCE, self.bell.set)
        )

    @property
    def has_place(self) -> bool:
        """Whether it counts among the associations that are open: granted, and not at its end."""
        return self.is_placed and not self._kill

    def has_unread(self) -> bool:
        """Whether the peer has sent something that no thread of ours has come to read."""
        try:
            readable = select.poll()
            readable.register(self._connection, select.POLLIN)
            return bool(readable.poll(0))
        except (OSError, ValueError):
            return False

    def turn_away(self) -> None:
        """Close the connection, on which there is no association; any thread may call this."""
        self.is_turned_away = True
        with contextlib.suppress(OSError):
            # That of an SSL socket would take TLS away from the thread that shakes hands.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def resting_for(self) -> float:
        """Return for how many seconds there has been neither a message nor an answer."""
        if self.is_serving or self.dul.is_busy:
            return 0.0
        return time.monotonic() - self.dul.active_at

    def waiting_messages(self) -> int:
        """Return how many messages have been passed on and not been served."""
        return self.dimse.msg_queue.qsize() + self._reports

    def count_report(self, change: int) -> None:
        """Count an N-EVENT-REPORT request, each of which pynetdicom serves in a new thread."""
        with self._counting:
            self._reports += change

    def run_reactor(self) -> None:
        """Shake hands where the listener wants TLS, negotiate, and serve until the end."""
        try:
            if self._shake_hands():
                super().run_reactor()
        finally:
            if self.dul.is_alive():
                self.dul.stop_reading()
                self.dul.kill_dul()
                self.dul.join()
            self.bell.close()
            self._connection.close()
            if self.session is not None:
                self.session.close()

    def send_message(self, batches: Iterable[list[Buffer]]) -> None:
        """Send a message, from another thread than the provider's.

        Parameters
        ----------
        batches : iterable of list
            P-DATA-TF PDUs, from `p_data`.

        Raises
        ------
        TimeoutError
            When the peer takes nothing for as long as silence is borne.
        OSError
            When the connection is lost.
        """
        connection = cast(AcceptedSocket, self.dul.socket)
        with connection.sending:
            for batch in batches:
                connection.send_all(b"".join(batch))
        self.dul.was_active()

    @property
    def longest_sent(self) -> int:
        """Longest P-DATA-TF PDU that the peer takes; 0: any."""
        longest = self.requestor.maximum_length or 0
        return max(longest, SHORTEST_PDU) if longest else 0

    def _shake_hands(self) -> bool:
        silence = self.network_timeout or threading.TIMEOUT_MAX
        try:
            if self._ssl_context is not None:
                self._connection.settimeout(self.acse_timeout)
                self._connection = over_tls = self._ssl_context.wrap_socket(
                    self._connection, server_side=True, do_handshake_on_connect=False
                )
                # `turn_away` finds the socket that has been wrapped, or is seen here.
                if not self.is_turned_away:
                    over_tls.do_handshake()
            self.set_socket(AcceptedSocket(self, self._connection, silence))
        except OSError:
            if not self.is_turned_away:
                say_failed(self.requestor.address, f"failed: {sys.exception()}")
            return False
        return not self.is_turned_away

    def kill(self) -> None:
        """End both threads of the association; returns when that of the provider has ended."""
        self._reactor_checkpoint.set()
        self._kill = True
        self.is_established = False
        self._is_paused = True
        self.bell.set()
        if self.dul.is_alive() and threading.current_thread() is not self.dul:
            state = self.dul.state_machine.current_state
            if state == "Sta1":
                self.dul.kill_dul()
            elif state == "Sta2":
                # A request that trickles in would take any time.
                self.dul.stop_reading()
            self.dul.join()

    def _run_reactor(self) -> None:
        """Serve the messages that are passed on, until the association ends."""
        while not self._kill:
            self._wait_for_news()
            self._is_paused = True
            self._reactor_checkpoint.wait()
            self._is_paused = False
            self._serve()
            if self._has_ended():
                self.kill()

    def _wait_for_news(self) -> None:
        self.bell.clear()
        if (
            self.dimse.msg_queue.empty()
            and not self.inbox.has_request()
            and self.dul.to_user_queue.empty()
            and self._reactor_checkpoint.is_set()
            and not (self.dul.has_ended or self.dul.silence or self._kill)
        ):
            session = self.session
            self.is_waiting = True
            if not self.bell.wait(session.idle_after if session is not None else None):
                cast(Session, session).rest()
            self.is_waiting = False

    def _serve(self) -> None:
        request = self.inbox.next_request()
        if request is not None:
            self.is_serving = True
            self._services.query(ServedRequest(self, request))
            self.is_serving = False
            return
        context_id, message = self.dimse.get_msg(block=False)
        if message:
            self.is_serving = True
            self._serve_request(message, cast(int, context_id))
            self.is_serving = False

    def _serve_request(self, msg: Any, context_id: int) -> None:
        try:
            super()._serve_request(msg, context_id)
        finally:
            if isinstance(msg, N_EVENT_REPORT):
                self.count_report(-1)

    def _has_ended(self) -> bool:
        """Take the peer's release or abort, or the end of the connection, where one has come."""
        if self.is_established and self.acse.is_release_requested():
            # With the answer the peer may ask for another association, and need the place.
            self.is_placed = False
            self.acse.send_release(is_response=True)
            self.is_released = True
            self.is_established = False
            evt.trigger(self, evt.EVT_RELEASED, {})
            return True
        if self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
            evt.trigger(self, evt.EVT_ABORTED, {})
            return True
        if self.dul.silence:
            _logger.warning(
                "association with %s aborted: nothing came for %g s",
                requestor_of(self), self.network_timeout,
            )  # fmt: skip
            self.abort()
            return True
        return self.dul.has_ended
