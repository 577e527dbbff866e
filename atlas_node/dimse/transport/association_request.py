"""An association asked for on a socket of our own: one PDU out, one PDU in (PS3.8 7.1).

`peer.Caller` asks for those that an `EstablishedAssociation` takes. pynetdicom encodes and decodes
the PDUs; its own way to an association has two threads that look every millisecond, which takes
longer than most archives take to answer. The rule: in bounded time there is an association, or
`PeerError` with the reason and nothing left open.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import PresentationContext

from atlas_node.dimse.transport.requestor import UNSENT, reason_of
from atlas_node.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from atlas_node.errors import PeerError

_APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
_HEADER: Final = struct.Struct(">BxI")
_ACCEPTED: Final = 0x02
_REJECTED: Final = 0x03
_ABORTED: Final = 0x07
_LONGEST_ANSWER: Final = 1 << 20
_NO_ANSWER: Final = "no answer to the association request"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    called_ae, calling_ae : str
    contexts : sequence of PresentationContext
        At most 128; they are numbered 1, 3, 5 and so on.
    items : sequence
        Of extended negotiation and role selection.
    max_pdu : int
        Longest P-DATA-TF PDU that the peer may send.
    """

    called_ae: str
    calling_ae: str
    contexts: Sequence[PresentationContext]
    items: Sequence[Any]
    max_pdu: int

    def encoded(self) -> bytes:
        """Return the A-ASSOCIATE-RQ PDU."""
        primitive = A_ASSOCIATE()
        primitive.application_context_name = UID(_APPLICATION_CONTEXT)
        primitive.calling_ae_title = self.calling_ae
        primitive.called_ae_title = self.called_ae
        for number, context in enumerate(self.contexts):
            context.context_id = 2 * number + 1
        primitive.presentation_context_definition_list = list(self.contexts)
        longest = MaximumLengthNotification()
        longest.maximum_length_received = self.max_pdu
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        version = ImplementationVersionNameNotification()
        version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        primitive.user_information = [longest, implementation, version, *self.items]
        pdu = A_ASSOCIATE_RQ()
        pdu.from_primitive(primitive)
        return bytes(pdu.encode())


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What a peer has accepted.

    Attributes
    ----------
    socket : socket.socket or ssl.SSLSocket
        Belongs to who gets this.
    longest_sent : int
        Longest P-DATA-TF PDU that the peer takes; 0: any.
    accepted : dict of int to (str, str)
        Abstract and transfer syntax of each context that was accepted.
    refused : dict of int to int
        The result of each context that was not accepted, where there is one (PS3.8 9.3.3.2).
    extended : dict of str to bytes
        What it answered to SOP class extended negotiation.
    """

    socket: Any
    longest_sent: int
    accepted: dict[int, tuple[str, str]]
    refused: dict[int, int]
    extended: dict[str, bytes]


def connect(
    host: str, port: int, tls: ssl.SSLContext | None, timeout: float
) -> socket.socket | ssl.SSLSocket:
    """Return a connection to a peer.

    Raises
    ------
    PeerError
        When there is none.
    """
    try:
        sock = socket.create_connection((host, port), timeout)
    except OSError as error:
        raise PeerError(f"cannot connect: {reason_of(error)}") from error
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        return tls.wrap_socket(sock, server_hostname=host) if tls is not None else sock
    except OSError as error:
        sock.close()
        raise PeerError(f"cannot connect: {reason_of(error)}") from error


def negotiate(sock: socket.socket | ssl.SSLSocket, request: Request, timeout: float) -> Negotiated:
    """Ask for an association on a connection, which is closed where there is none.

    Parameters
    ----------
    sock : socket.socket or ssl.SSLSocket
    request : Request
    timeout : float
        Seconds until the answer must be there.

    Raises
    ------
    PeerError
        When there is no association, or the answer cannot be understood.
    """
    try:
        kind, body = _exchange(sock, request.encoded(), timeout)
        if kind == _ACCEPTED:
            return _negotiated(sock, request, body)
        raise PeerError(_refusal(kind, body))
    except BaseException:
        sock.close()
        raise


def _exchange(sock: Any, request: bytes, timeout: float) -> tuple[int, bytes]:
    give_up = time.monotonic() + timeout
    try:
        sock.settimeout(timeout)
        sock.sendall(request)
        header = _read(sock, _HEADER.size, give_up)
        kind, length = _HEADER.unpack(header)
        if length > _LONGEST_ANSWER:
            raise PeerError(_NO_ANSWER)
        return kind, header + _read(sock, length, give_up)
    except EOFError as error:
        raise PeerError("closed the connection at the association request") from error
    except TimeoutError as error:
        raise PeerError(_NO_ANSWER) from error
    except OSError as error:
        # With TLS 1.3 a peer refuses our certificate here, and not while hands are shaken.
        raise PeerError(f"broke off at the association request: {reason_of(error)}") from error


def _read(sock: Any, count: int, give_up: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        sock.settimeout(max(give_up - time.monotonic(), 0.001))
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _refusal(kind: int, body: bytes) -> str:
    if kind == _REJECTED:
        rejection = A_ASSOCIATE_RJ()
        try:
            rejection.decode(body)
            return f"rejected the association: {rejection.reason_str}"
        except Exception:
            # Whatever stands in the place of the reason.
            return "rejected the association"
    if kind == _ABORTED:
        return "aborted the association request"
    return _NO_ANSWER


def _negotiated(sock: Any, request: Request, body: bytes) -> Negotiated:
    proposed = {2 * number + 1: it for number, it in enumerate(request.contexts)}
    accepted: dict[int, tuple[str, str]] = {}
    refused: dict[int, int] = {}
    try:
        pdu = A_ASSOCIATE_AC()
        pdu.decode(body)
        answer = pdu.to_primitive()
        for result in answer.presentation_context_definition_results_list:
            number = int(result.context_id or 0)
            asked = proposed[number]
            # The transfer syntax of a refusal means nothing (PS3.8 9.3.3.2), and one that was not
            # asked for cannot be used.
            if result.result == 0 and result.transfer_syntax[0] in asked.transfer_syntax:
                transfer = str(result.transfer_syntax[0])
                accepted[number] = (str(asked.abstract_syntax), transfer)
            else:
                refused[number] = result.result or 0
        extended = {
            str(it.sop_class_uid): bytes(it.service_class_application_information or b"")
            for it in answer.user_information
            if isinstance(it, SOPClassExtendedNegotiation)
        }
        longest = int(answer.maximum_length_received or 0)
    except Exception as error:
        # pynetdicom takes an answer apart without asking whether it can be one.
        raise PeerError("its answer to the association request cannot be understood") from error
    return Negotiated(sock, longest, accepted, refused, extended)
