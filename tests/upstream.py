"""A query SCP on bare sockets that says to each request exactly what a test wants.

It shares no code with the node and does not use pynetdicom. A test gives it a script: a function
that yields what to say to a request, a `Reply` after the other, or how to misbehave.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.fault.destination import Misdeed
from tests.ports import free_port
from tests.scanner import (
    ABORT,
    APPLICATION_CONTEXT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    EXPLICIT,
    IMPLEMENTATION,
    NO_DATA_SET,
    P_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    command_set,
    elements_of,
    item,
    items,
    p_data,
    pdu,
)

PENDING = 0xFF00
C_CANCEL_RQ = 0x0FFF
_MAX_PDU = 131072


@dataclass(frozen=True)
class Reply:
    """A response; without an identifier it has no data set."""

    status: int
    identifier: bytes | None = None
    more: tuple[tuple[int, str | int], ...] = ()


@dataclass(frozen=True)
class Pause:
    """Nothing is said for some seconds."""

    seconds: float


Step = Reply | Misdeed | Pause


@dataclass
class Asked:
    """A request, as it came.

    Attributes
    ----------
    context : int
    syntax : str
        Transfer syntax of the context.
    command : dict of int to bytes
    identifier : bytes
    """

    context: int
    syntax: str
    command: dict[int, bytes]
    identifier: bytes
    _conversation: _Conversation = field(repr=False)

    def cancelled(self) -> bool:
        """Whether a C-CANCEL for it has come by now."""
        return self._conversation.is_cancelled(self.command[0x0110])


Script = Callable[[Asked], Iterable[Step]]


class _EndedError(Exception):
    pass


class Upstream:
    """A query SCP in threads of its own.

    Parameters
    ----------
    script : callable
        Settable at any time.

    Attributes
    ----------
    requests : list of Asked
    results : mapping of str to int
        The result of each abstract syntax that is refused.
    syntaxes : tuple of str
        What is accepted, the first that is proposed.
    extended : mapping of str to bytes
        What is answered to SOP class extended negotiation.
    proposed : list of dict
        Of each association: abstract syntaxes and their transfer syntaxes, and what was proposed
        in extended negotiation under ``"extended"``.
    ends : list of str
        How each association ended: released, aborted or closed; said when the connection has.
    rejects : bool
        Whether associations are rejected.
    """

    ae_title = "UPSTREAM"

    def __init__(self, script: Script, port: int = 0) -> None:
        self.port = port or free_port()
        self.script = script
        self.requests: list[Asked] = []
        self.results: Mapping[str, int] = {}
        self.syntaxes: tuple[str, ...] = (EXPLICIT, "1.2.840.10008.1.2")
        self.extended: Mapping[str, bytes] = {}
        self.proposed: list[dict[str, object]] = []
        self.called: list[tuple[str, str]] = []
        self.ends: list[str] = []
        self.rejects = False
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Upstream:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection, as a host that goes down does."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def entry(self, name: str = "archive") -> dict[str, object]:
        """Return its entry in the node's configuration."""
        return {"name": name, "ae_title": self.ae_title, "host": "127.0.0.1", "port": self.port}

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                _Conversation(self, sock).serve()
        except _EndedError as error:
            self.ends.append(str(error))
        except OSError:
            self.ends.append("closed")
        finally:
            self._open.discard(sock)


class _Conversation:
    """One association."""

    def __init__(self, upstream: Upstream, sock: socket.socket) -> None:
        self._upstream = upstream
        self._sock = sock
        self._contexts: dict[int, str] = {}
        self._cancelled: set[bytes] = set()
        self._limit = _MAX_PDU

    def serve(self) -> None:
        kind, body = self._read_pdu()
        if kind != ASSOCIATE_RQ:
            raise _EndedError("closed")
        if self._upstream.rejects:
            self._sock.sendall(pdu(ASSOCIATE_RJ, bytes((0, 1, 1, 7))))
            raise _EndedError("rejected")
        self._sock.sendall(self._accepted(body))
        while True:
            context, command, identifier = self._message()
            if command[0x0100] == struct.pack("<H", C_CANCEL_RQ):
                continue  # of a request that has been answered
            asked = Asked(context, self._contexts[context], command, identifier, self)
            self._upstream.requests.append(asked)
            for step in self._upstream.script(asked):
                self._take(asked, step)

    def is_cancelled(self, message_id: bytes) -> bool:
        while select.select([self._sock], [], [], 0)[0]:
            _, command, _ = self._message()
            if command[0x0100] == struct.pack("<H", C_CANCEL_RQ):
                self._cancelled.add(command[0x0120])
        return message_id in self._cancelled

    def _accepted(self, request: bytes) -> bytes:
        upstream = self._upstream
        answer = item(0x10, APPLICATION_CONTEXT.encode())
        user = item(0x51, struct.pack(">I", _MAX_PDU)) + item(0x52, IMPLEMENTATION.encode())
        proposed: dict[str, object] = {}
        extended: dict[str, bytes] = {}
        for kind, content in items(request[68:]):
            if kind == 0x20:
                inner = [(k, v.decode().rstrip("\0")) for k, v in items(content[4:])]
                abstract = next(value for k, value in inner if k == 0x30)
                syntaxes = [value for k, value in inner if k == 0x40]
                proposed[abstract] = syntaxes
                result = upstream.results.get(abstract, 0)
                syntax = next((it for it in upstream.syntaxes if it in syntaxes), "")
                if not result:
                    self._contexts[content[0]] = syntax
                answer += item(
                    0x21, bytes((content[0], 0, result, 0)) + item(0x40, syntax.encode())
                )
            elif kind == 0x50:
                for k, value in items(content):
                    if k == 0x51:
                        self._limit = struct.unpack(">I", value)[0] or _MAX_PDU
                    elif k == 0x56:
                        (length,) = struct.unpack_from(">H", value)
                        extended[value[2 : 2 + length].decode()] = value[2 + length :]
        for uid, information in upstream.extended.items():
            name = uid.encode()
            user += item(0x56, struct.pack(">H", len(name)) + name + information)
        upstream.proposed.append({**proposed, "extended": extended})
        upstream.called.append((request[4:20].decode().strip(), request[20:36].decode().strip()))
        return pdu(ASSOCIATE_AC, request[:68] + answer + item(0x50, user))

    def _take(self, asked: Asked, step: Step) -> None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        elif isinstance(step, Reply):
            self._sock.sendall(b"".join(self._reply(asked, step)))
        elif step is Misdeed.ABORT:
            self._sock.sendall(pdu(ABORT, bytes(4)))
            raise _EndedError("misbehaved")
        elif step is Misdeed.SILENCE:
            while self._sock.recv(1 << 16):
                pass
            raise _EndedError("closed")
        else:
            if step is Misdeed.RESET:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _EndedError("misbehaved")

    def _reply(self, asked: Asked, reply: Reply) -> Iterator[bytes]:
        has_data = reply.identifier is not None
        (field_,) = struct.unpack("<H", asked.command[0x0100])
        (message_id,) = struct.unpack("<H", asked.command[0x0110])
        elements = {
            0x0002: asked.command[0x0002].decode().rstrip("\0"),
            0x0100: field_ | 0x8000,
            0x0120: message_id,
            0x0800: 0x0001 if has_data else NO_DATA_SET,
            0x0900: reply.status,
            **dict(reply.more),
        }
        command = command_set(sorted(elements.items()))
        yield from p_data(asked.context, command, self._limit, command=True)
        if reply.identifier is not None:
            yield from p_data(asked.context, reply.identifier, self._limit, command=False)

    def _message(self) -> tuple[int, dict[int, bytes], bytes]:
        parts = {1: b"", 0: b""}
        wanted = {1}
        context = 0
        while wanted:
            kind, body = self._read_pdu()
            if kind == RELEASE_RQ:
                self._sock.sendall(pdu(RELEASE_RP, bytes(4)))
                raise _EndedError("released")
            if kind != P_DATA:
                raise _EndedError("aborted" if kind == ABORT else "closed")
            while body:
                length, context, control = struct.unpack_from(">IBB", body)
                parts[control & 1] += body[6 : 4 + length]
                body = body[4 + length :]
                if control & 2:
                    wanted.discard(control & 1)
                    if control & 1:
                        command = elements_of(parts[1])
                        if command[0x0800] != struct.pack("<H", NO_DATA_SET):
                            wanted.add(0)
        return context, command, parts[0]

    def _read_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self._read(6))
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._sock.recv(count - len(data))
            if not part:
                raise _EndedError("closed")
            data += part
        return data
