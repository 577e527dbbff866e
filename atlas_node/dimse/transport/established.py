"""An association that we requested, from its establishment to its end (PS3.8 Sta6, 7 and 13).

`association_request` has negotiated it; from then on the thread that owns it drives the socket,
without a thread of its own or a timer: it sends, polls and reads, one exchange at a time. The rule:
each call ends in bounded time whatever the peer does, and a connection that is left is left closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from atlas_node.dimse.transport.command_set import (
    A_DATA_SET,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    NO_DATA_SET,
    RESPONSE,
    encode_command_set,
    number,
    us,
)
from atlas_node.dimse.transport.incoming import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    Incoming,
    Pdu,
    PduError,
    ResponseParts,
    out_of_turn,
)
from atlas_node.dimse.transport.sending import P_DATA_TF, Buffer, p_data, unsent
from atlas_node.errors import PeerError

_CONTROL: Final = struct.Struct(">BxIxxBB")
_CONTROL_LENGTH: Final = 4
_SERVICE_USER: Final = 0
_SERVICE_PROVIDER: Final = 2
_READ: Final = 1 << 16
_AFTER_AN_ANSWER: Final = 5.0
"""Seconds that a peer which has answered early may take nothing of what is left."""
_CLOSING: Final = 1.0
"""Seconds that a peer has to close the connection after our last PDU (the ARTIM timer)."""
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_TLS_WRITE: Final = 1 << 16


class AssociationLostError(PeerError):
    """The association ended, or the peer fell silent, while a message was exchanged."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the peer may keep us waiting, in seconds.

    Attributes
    ----------
    response : float
        For the response, from the moment when the request is sent.
    silence : float
        For taking any more of a request.
    release : float
        For the answer to a release request.
    """

    response: float
    silence: float
    release: float


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request.

    Attributes
    ----------
    elements : mapping of int to bytes
        Its command set.
    early : bool
        Whether it came before all of the request had been sent: the peer cannot have read it.
    """

    elements: Mapping[int, bytes]
    early: bool


class EstablishedAssociation:
    """An established association of ours.

    Parameters
    ----------
    sock : socket.socket or ssl.SSLSocket
        Connected; nobody else uses it.
    peer : str
        How errors name the peer.
    longest_sent : int
        Longest P-DATA-TF PDU that the peer takes; 0: any.
    longest_received : int
        Longest one that it may send.
    patience : Patience
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        *,
        longest_sent: int,
        longest_received: int,
        patience: Patience,
    ) -> None:
        sock.setblocking(False)
        self._socket: Any = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._peer = peer
        self._longest_sent = longest_sent
        self._patience = patience
        self._incoming = Incoming(longest_received)
        self._read = memoryview(bytearray(_READ))
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._message_id = 0
        self._parts: ResponseParts | None = None
        self._response: dict[int, bytes] | None = None
        self._closed = False

    def is_open(self) -> bool:
        """Whether it can be used now.

        What the peer sent while nothing was asked of it is dealt with: a release request is
        answered, an abort taken, anything else ends the association with an abort.
        """
        with contextlib.suppress(AssociationLostError):
            while not self._closed and self._readable():
                self._receive()
        return not self._closed

    def exchange(
        self,
        context_id: int,
        command: Mapping[int, bytes],
        pieces: Sequence[Buffer] | None = None,
    ) -> Response:
        """Send a request and return its response.

        Parameters
        ----------
        context_id : int
            Accepted presentation context.
        command : mapping of int to bytes
            Command set without message ID and data set type.
        pieces : sequence of bytes or memoryview, optional
            The encoded data set.

        Raises
        ------
        AssociationLostError
            When the association ended before the response; it is closed then.
        """
        self._message_id = self._message_id % 0xFFFF + 1
        encoded = encode_command_set(
            {
                **command,
                MESSAGE_ID: us(self._message_id),
                DATA_SET_TYPE: us(NO_DATA_SET if pieces is None else A_DATA_SET),
            }
        )
        field = number(command, COMMAND_FIELD) | RESPONSE
        self._parts = ResponseParts(context_id, field, self._message_id)
        self._response = None
        early, lost = True, None
        try:
            for batch in p_data(context_id, encoded, pieces, self._longest_sent):
                # To a peer that takes it all as it comes, sending never pauses to listen.
                if self._readable():
                    self._receive()
                self._send(batch)
            early = self._response is not None
            self._wait_for_response()
        except AssociationLostError as error:
            lost = error
        except BaseException:
            # Half a message is out: nothing that follows could be understood.
            self._close()
            raise
        response, self._response, self._parts = self._response, None, None
        if response is None:
            raise lost or self._lost("no answer")
        # An end that comes behind the answer is seen when the association is used next.
        return Response(response, early)

    def release(self) -> None:
        """End the association in order (A-RELEASE); it is closed then, whatever the peer does."""
        if not self.is_open():
            return
        with contextlib.suppress(AssociationLostError):
            self._send([_pdu(A_RELEASE_RQ)])
            give_up = time.monotonic() + self._patience.release
            while not self._closed and self._wait(select.POLLIN, give_up):
                self._read_some()
                while not self._closed and (pdu := self._next_pdu()) is not None:
                    self._step_of_release(pdu)
            self.abort()

    def abort(self) -> None:
        """End the association at once (A-ABORT)."""
        self._hang_up(_pdu(A_ABORT, _SERVICE_USER))

    # Sending

    def _send(self, buffers: list[Buffer]) -> None:
        """Hand buffers to the system, watching what the peer says while it takes nothing."""
        if self._tls:
            buffers = [b"".join(buffers)]
        since, in_time = time.monotonic(), True
        while buffers:
            try:
                if self._tls:
                    sent = self._socket.send(memoryview(buffers[0])[:_TLS_WRITE])
                else:
                    sent = self._socket.sendmsg(buffers)
            except _WOULD_BLOCK as error:
                # The system tells of room when a third of its buffer is free: try before giving up.
                if not in_time:
                    self.abort()
                    raise self._lost(f"took nothing for {self._silence():g} s") from error
                wants_read = isinstance(error, ssl.SSLWantReadError)
                events = select.POLLIN if wants_read else select.POLLIN | select.POLLOUT
                in_time = self._wait_for_room(events, since + self._silence())
            except OSError as error:
                # Why it broke may stand in what has arrived; the end of that raises.
                while self._readable():
                    self._receive()
                raise self._lost(_broken(error)) from error
            else:
                buffers = unsent(buffers, sent)
                since, in_time = time.monotonic(), True

    def _silence(self) -> float:
        patience = self._patience.silence
        return patience if self._response is None else min(patience, _AFTER_AN_ANSWER)

    def _wait_for_room(self, events: int, give_up: float) -> bool:
        """Wait until the peer has taken something or says something; return whether it did."""
        ready = self._wait(events, give_up)
        if ready and ready != select.POLLOUT:
            self._receive()
        return bool(ready)

    # Receiving

    def _wait(self, events: int, give_up: float) -> int:
        """Wait until one of `events` is there; return those that are, none after `give_up`."""
        left = give_up - time.monotonic()
        if left <= 0:
            return 0
        self._poll.modify(self._socket, events)
        ready = self._poll.poll(left * 1000)
        return ready[0][1] if ready else 0

    def _readable(self) -> bool:
        self._poll.modify(self._socket, select.POLLIN)
        return bool(self._poll.poll(0)) or (self._tls and self._socket.pending() > 0)

    def _wait_for_response(self) -> None:
        give_up = time.monotonic() + self._patience.response
        while self._response is None:
            if not self._wait(select.POLLIN, give_up):
                self.abort()
                raise self._lost(f"no answer in {self._patience.response:g} s")
            self._receive()

    def _receive(self) -> None:
        """Read what is there and deal with the PDUs that are complete.

        Raises
        ------
        AssociationLostError
            When one of them, or the connection, ended the association.
        """
        self._read_some()
        while (pdu := self._next_pdu()) is not None:
            if pdu.type == P_DATA_TF:
                try:
                    self._take(pdu.body)
                except PduError as error:
                    raise self._nonsense(error) from error
            elif pdu.type == A_RELEASE_RQ:
                self._hang_up(_pdu(A_RELEASE_RP))
                raise self._lost("released the association in the middle of an exchange")
            elif pdu.type == A_ABORT:
                raise self._lost("aborted the association in the middle of an exchange")
            else:
                raise self._nonsense(out_of_turn(pdu.type))

    def _take(self, body: bytes) -> None:
        """Take the body of a P-DATA-TF PDU.

        Raises
        ------
        PduError
            When it is no part of a message that can be here.
        """
        if self._parts is None or self._response is not None:
            raise out_of_turn(P_DATA_TF)
        self._response = self._parts.add(body)

    def _read_some(self) -> None:
        try:
            count = self._socket.recv_into(self._read)
            self._incoming.feed(self._read[:count])
            while self._tls and count and self._socket.pending():
                self._incoming.feed(self._read[: self._socket.recv_into(self._read)])
        except _WOULD_BLOCK:
            return
        except OSError as error:
            raise self._lost(_broken(error)) from error
        if not count:
            raise self._lost("closed the connection in the middle of an exchange")

    def _next_pdu(self) -> Pdu | None:
        try:
            return self._incoming.next_pdu()
        except PduError as error:
            raise self._nonsense(error) from error

    def _step_of_release(self, pdu: Pdu) -> None:
        """Deal with what comes after our release request (PS3.8 Sta7 and Sta11)."""
        if pdu.type in (A_RELEASE_RP, A_ABORT):
            self._close()
        elif pdu.type == A_RELEASE_RQ:
            # Both asked at once: the requestor of the association answers first (AR-8, AR-9).
            self._send([_pdu(A_RELEASE_RP)])

    # The end

    def _nonsense(self, error: PduError) -> AssociationLostError:
        """Abort the association as the provider that cannot go on (PS3.8 AA-8)."""
        self._hang_up(_pdu(A_ABORT, _SERVICE_PROVIDER, error.reason))
        return self._lost(str(error))

    def _hang_up(self, last_words: bytes) -> None:
        """Send a last PDU as far as that goes, and close when the peer has (PS3.8 Sta13)."""
        if self._closed:
            return
        with contextlib.suppress(OSError):
            self._socket.send(last_words)
            self._socket.shutdown(socket.SHUT_WR)
            give_up = time.monotonic() + _CLOSING
            while self._wait(select.POLLIN, give_up) and self._socket.recv_into(self._read):
                pass
        self._close()

    def _lost(self, why: str) -> AssociationLostError:
        self._close()
        return AssociationLostError(f"{self._peer}: {why}")

    def _close(self) -> None:
        self._closed = True
        self._socket.close()


def _pdu(kind: int, source: int = 0, reason: int = 0) -> bytes:
    """Return an A-RELEASE or A-ABORT PDU (PS3.8 9.3.6 to 9.3.8)."""
    return _CONTROL.pack(kind, _CONTROL_LENGTH, source, reason)


def _broken(error: OSError) -> str:
    return f"the connection broke in the middle of an exchange: {error.strerror or error}"
