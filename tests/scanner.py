"""A storage SCU on a bare socket: it sends exactly the bytes that a test or a bench wants.

It knows the protocol of PS3.8 and PS3.7 as far as storing needs it, and nothing of the node's own
code nor of pynetdicom. What it is told to send may be cut anywhere, so it can break off in the
middle of an object, trickle, or say nothing; `store` is the well-behaved way.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION = "2.25.190146791043182537444806132342625375407"

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 1, 2, 3
P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 4, 5, 6, 7
C_STORE_RQ, C_ECHO_RQ = 0x0001, 0x0030
NO_DATA_SET = 0x0101


class AssociationEndedError(Exception):
    """The peer rejected, released, aborted or closed the association."""


@dataclass(frozen=True)
class Response:
    """What a DIMSE response says."""

    status: int
    comment: str
    message_id: int


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(body)) + body


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def items(body: bytes) -> Iterator[tuple[int, bytes]]:
    while len(body) >= 4:
        kind, _, length = struct.unpack_from(">BBH", body)
        yield kind, body[4 : 4 + length]
        body = body[4 + length :]


def associate_rq(
    called: str,
    calling: str,
    contexts: Sequence[tuple[str, Sequence[str]]],
    max_pdu: int,
    extended: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return an A-ASSOCIATE-RQ PDU; the contexts are numbered 1, 3, 5 ... (PS3.8 9.3.2)."""
    encoded = item(0x10, APPLICATION_CONTEXT.encode())
    for number, (abstract, syntaxes) in enumerate(contexts):
        body = bytes([2 * number + 1, 0, 0, 0]) + item(0x30, abstract.encode())
        body += b"".join(item(0x40, syntax.encode()) for syntax in syntaxes)
        encoded += item(0x20, body)
    user = item(0x51, struct.pack(">I", max_pdu)) + item(0x52, IMPLEMENTATION.encode())
    for uid, information in (extended or {}).items():
        user += item(0x56, struct.pack(">H", len(uid)) + uid.encode() + information)
    encoded += item(0x50, user)
    names = called.encode().ljust(16) + calling.encode().ljust(16)
    return pdu(ASSOCIATE_RQ, struct.pack(">HH", 1, 0) + names + bytes(32) + encoded)


def command_set(elements: Iterable[tuple[int, str | int]]) -> bytes:
    """Return the command set of these elements of group 0000; numbers are US (PS3.7 6.3.1)."""
    body = b""
    for element, value in elements:
        raw = struct.pack("<H", value) if isinstance(value, int) else value.encode()
        raw += b"\0" * (len(raw) % 2)
        body += struct.pack("<HHI", 0, element, len(raw)) + raw
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def elements_of(command: bytes) -> dict[int, bytes]:
    """Return the elements of an encoded command set."""
    found = {}
    while command:
        element, length = struct.unpack_from("<2xHI", command)
        found[element] = command[8 : 8 + length]
        command = command[8 + length :]
    return found


def c_store_rq(sop_class: str, sop_instance: str, message_id: int) -> bytes:
    return command_set(
        (
            (0x0002, sop_class),
            (0x0100, C_STORE_RQ),
            (0x0110, message_id),
            (0x0700, 0),
            (0x0800, 0x0001),
            (0x1000, sop_instance),
        )
    )


def p_data(
    context: int, message: bytes | memoryview, limit: int, *, command: bool
) -> Iterator[bytes]:
    """Yield the P-DATA-TF PDUs of one command or data set, each at most `limit` long."""
    room = limit - 6
    last = max(0, (len(message) - 1) // room)
    for number in range(last + 1):
        part = bytes(message[number * room : (number + 1) * room])
        control = command | (number == last) << 1
        yield pdu(P_DATA, struct.pack(">IBB", len(part) + 2, context, control) + part)


class Scanner:
    """One association from a scanner to the node.

    Parameters
    ----------
    port : int
    contexts : sequence of (str, sequence of str)
        Abstract syntaxes, each with the transfer syntaxes that are offered.
    timeout : float
        Seconds that any answer may take.
    extended : mapping of str to bytes
        Proposed in SOP class extended negotiation.

    Attributes
    ----------
    accepted : dict of str to (int, str)
        Context and transfer syntax of each abstract syntax that was accepted.
    results : dict of str to int
        The result of each abstract syntax.
    """

    def __init__(
        self,
        port: int,
        contexts: Sequence[tuple[str, Sequence[str]]] = ((CT_IMAGE_STORAGE, (EXPLICIT,)),),
        *,
        called: str = "ATLAS",
        calling: str = "SCANNER",
        timeout: float = 30.0,
        max_pdu: int = 131072,
        extended: Mapping[str, bytes] | None = None,
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted: dict[str, tuple[int, str]] = {}
        self.results: dict[str, int] = {}
        self.extended: dict[str, bytes] = {}
        self.limit = max_pdu
        self._message_id = 0
        self._request = associate_rq(called, calling, contexts, max_pdu, extended)
        self._proposed = {2 * n + 1: abstract for n, (abstract, _) in enumerate(contexts)}

    def __enter__(self) -> Scanner:
        return self.associate()

    def __exit__(self, *_: object) -> None:
        self.close()

    def associate(self) -> Scanner:
        """Open the association, or close the connection.

        Raises
        ------
        AssociationEndedError
            When it is rejected; the arguments are result, source and reason.
        """
        try:
            self._negotiate()
        except BaseException:
            self.sock.close()
            raise
        return self

    def _negotiate(self) -> None:
        self.sock.sendall(self._request)
        kind, body = self.read_pdu()
        if kind == ASSOCIATE_RJ:
            raise AssociationEndedError("rejected", *body[1:4])
        if kind != ASSOCIATE_AC:
            raise AssociationEndedError(f"PDU type {kind} in answer to a request")
        for kind, content in items(body[68:]):
            if kind == 0x21:
                self.results[self._proposed[content[0]]] = content[2]
            if kind == 0x21 and content[2] == 0:
                syntax = next(value for _, value in items(content[4:])).decode().rstrip("\0")
                self.accepted[self._proposed[content[0]]] = (content[0], syntax)
            elif kind == 0x50:
                limits = [struct.unpack(">I", v)[0] for k, v in items(content) if k == 0x51]
                self.limit = min([self.limit, *(it for it in limits if it)])
                for _, value in (it for it in items(content) if it[0] == 0x56):
                    end = 2 + struct.unpack_from(">H", value)[0]
                    self.extended[value[2:end].decode()] = value[end:]

    def message(
        self, sop_class: str, sop_instance: str, data: bytes | memoryview
    ) -> Iterator[bytes]:
        """Yield the PDUs of one C-STORE request."""
        self._message_id = self._message_id % 65535 + 1
        context, _ = self.accepted[sop_class]
        command = c_store_rq(sop_class, sop_instance, self._message_id)
        yield from p_data(context, command, self.limit, command=True)
        yield from p_data(context, data, self.limit, command=False)

    def send(self, sop_class: str, sop_instance: str, data: bytes | memoryview) -> None:
        """Send a C-STORE request without waiting for its answer."""
        for part in self.message(sop_class, sop_instance, data):
            self.sock.sendall(part)

    def store(self, sop_class: str, sop_instance: str, data: bytes | memoryview) -> int:
        """Send an object and return the status of the answer."""
        self.send(sop_class, sop_instance, data)
        return self.response().status

    def echo(self) -> int:
        context, _ = self.accepted[VERIFICATION]
        self._message_id += 1
        command = command_set(
            (
                (0x0002, VERIFICATION),
                (0x0100, C_ECHO_RQ),
                (0x0110, self._message_id),
                (0x0800, NO_DATA_SET),
            )
        )
        for part in p_data(context, command, self.limit, command=True):
            self.sock.sendall(part)
        return self.response().status

    def response(self) -> Response:
        """Read one DIMSE response without a data set."""
        command, control = b"", 0
        while not control & 2:
            kind, body = self.read_pdu()
            if kind != P_DATA:
                raise AssociationEndedError(f"PDU type {kind} in the place of a response")
            while body:
                length, _, control = struct.unpack_from(">IBB", body)
                command += body[6 : 4 + length]
                body = body[4 + length :]
        found = elements_of(command)
        (status,) = struct.unpack("<H", found[0x0900])
        (message_id,) = struct.unpack("<H", found[0x0120])
        return Response(status, found.get(0x0902, b"").decode("latin-1").strip(), message_id)

    def read_pdu(self) -> tuple[int, bytes]:
        """Read one PDU; return its type and what follows its header."""
        kind, length = struct.unpack(">BxI", self._read(6))
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.sock.recv(count)
            if not part:
                raise AssociationEndedError("the connection was closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def release(self) -> None:
        """Release the association and close the connection."""
        self.sock.sendall(pdu(RELEASE_RQ, bytes(4)))
        kind, _ = self.read_pdu()
        self.sock.close()
        if kind != RELEASE_RP:
            raise AssociationEndedError(f"PDU type {kind} in answer to a release")

    def abort(self) -> None:
        self.sock.sendall(pdu(ABORT, bytes(4)))
        self.close()

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close the connection with a TCP reset, as a host that is switched off and on does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
