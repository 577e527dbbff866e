"""A destination on bare sockets that keeps what it gets as digests, and misbehaves on command.

It shares no code with the node and does not use pynetdicom, so what it was sent is judged by
nobody's library. It holds no object in memory, so objects may be of any length.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.ports import free_port
from tests.scanner import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    EXPLICIT,
    P_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    command_set,
    pdu,
)
from tests.waiting import LONG

C_STORE_RSP = 0x8001
_STORED = (0x0000, 0xB000, 0xB006, 0xB007)


class Misdeed(Enum):
    """What the destination does in the place of an answer."""

    ABORT = "abort"
    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"


@dataclass(frozen=True)
class Arrival:
    """An object, or a part of it, that has come.

    Attributes
    ----------
    uid : str
    number : int
        How many requests to store came before it.
    size : int
        Bytes of it that are here.
    complete : bool
    """

    uid: str
    number: int
    size: int
    complete: bool


@dataclass
class Late:
    """An answer that comes only after some seconds."""

    seconds: float
    status: int = 0x0000


Answer = int | Misdeed | Late


class _EndedError(Exception):
    pass


class Destination:
    """A storage SCP in threads of its own.

    Attributes
    ----------
    objects : dict of str to list of str
        Digests of the data sets that were stored, by SOP Instance UID, in order.
    arrived : list of str
        SOP Instance UIDs in order of their answers.
    answer : callable
        What to do with an object that has come as a whole; settable at any time.
    during : callable
        The same while an object comes, after every PDU of it; None: go on.
    rejects : bool
        Whether associations are rejected, as by a busy peer.
    refuses : bool
        Whether all presentation contexts are refused.
    """

    def __init__(self, port: int = 0, max_pdu: int = 131072) -> None:
        self.port = port or free_port()
        self.objects: dict[str, list[str]] = defaultdict(list)
        self.arrived: list[str] = []
        self.associations = 0
        self.requests = 0
        self.answer: Callable[[Arrival], Answer] = lambda arrival: 0x0000
        self.during: Callable[[Arrival], Misdeed | None] = lambda arrival: None
        self.rejects = False
        self.refuses = False
        self._max_pdu = max_pdu
        self._changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Destination:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection, as a host that goes down does."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._changed:
            opened = list(self._open)
        for sock in opened:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def wait(self, done: Callable[[Destination], bool], timeout: float = LONG) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: done(self), timeout)

    def stored(self) -> int:
        return sum(map(len, self.objects.values()))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(LONG)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                _Association(self, sock).serve()
        except (OSError, _EndedError):
            pass
        finally:
            with self._changed:
                self._open.discard(sock)

    def keep(self, uid: str, digest: str) -> None:
        with self._changed:
            self.objects[uid].append(digest)
            self.arrived.append(uid)
            self._changed.notify_all()


class _Association:
    def __init__(self, destination: Destination, sock: socket.socket) -> None:
        self._destination = destination
        self._sock = sock
        self._buffer = bytearray(1 << 20)

    def serve(self) -> None:
        destination = self._destination
        kind, body = self._read_pdu()
        if kind != ASSOCIATE_RQ:
            return
        if destination.rejects:
            self._sock.sendall(pdu(ASSOCIATE_RJ, bytes([0, 2, 3, 2])))  # PS3.8 table 9-21
            return
        destination.associations += 1
        self._sock.sendall(self._accepted(bytes(body)))
        while True:
            command, context = self._command()
            arrival, digest = self._data_set(command)
            answer = destination.answer(arrival)
            if isinstance(answer, Late):
                time.sleep(answer.seconds)
                answer = answer.status
            if isinstance(answer, Misdeed):
                self._misbehave(answer)
                return
            if answer in _STORED:
                destination.keep(arrival.uid, digest)
            response = command_set(
                (
                    (0x0002, command[0x0002].decode()),
                    (0x0100, C_STORE_RSP),
                    (0x0120, struct.unpack("<H", command[0x0110])[0]),
                    (0x0800, 0x0101),
                    (0x0900, answer),
                    (0x1000, arrival.uid),
                )
            )
            self._sock.sendall(
                pdu(P_DATA, struct.pack(">IBB", len(response) + 2, context, 3) + response)
            )

    def _accepted(self, request: bytes) -> bytes:
        """Answer to an A-ASSOCIATE-RQ: explicit VR where offered, else what is offered first."""
        items, rest = b"", request[68:]
        while rest:
            kind, length = struct.unpack_from(">BxH", rest)
            content, rest = rest[4 : 4 + length], rest[4 + length :]
            if kind == 0x10:
                items += struct.pack(">BBH", kind, 0, length) + content
            elif kind == 0x20:
                offered, parts = [], content[4:]
                while parts:
                    sub, size = struct.unpack_from(">BxH", parts)
                    if sub == 0x40:
                        offered.append(parts[4 : 4 + size])
                    parts = parts[4 + size :]
                chosen = EXPLICIT.encode() if EXPLICIT.encode() in offered else offered[0]
                result = 3 if self._destination.refuses else 0
                body = bytes([content[0], 0, result, 0])
                body += struct.pack(">BBH", 0x40, 0, len(chosen)) + chosen
                items += struct.pack(">BBH", 0x21, 0, len(body)) + body
        user = struct.pack(">BBHI", 0x51, 0, 4, self._destination._max_pdu)
        items += struct.pack(">BBH", 0x50, 0, len(user)) + user
        return pdu(ASSOCIATE_AC, request[:68] + items)

    def _command(self) -> tuple[dict[int, bytes], int]:
        message, control, context = b"", 1, 0
        while not control & 2:
            body = self._message_part()
            while body:
                length, context, control = struct.unpack_from(">IBB", body)
                message += body[6 : 4 + length]
                body = body[4 + length :]
        found = {}
        while message:
            element, length = struct.unpack_from("<2xHI", message)
            found[element] = bytes(message[8 : 8 + length])
            message = message[8 + length :]
        return found, context

    def _data_set(self, command: dict[int, bytes]) -> tuple[Arrival, str]:
        destination = self._destination
        uid = command[0x1000].decode().rstrip("\0")
        with destination._changed:
            number = destination.requests
            destination.requests += 1
        digest, size, control = hashlib.sha256(), 0, 0
        while not control & 2:
            body = self._message_part()
            while body:
                length, _, control = struct.unpack_from(">IBB", body)
                digest.update(body[6 : 4 + length])
                size += length - 2
                body = body[4 + length :]
            misdeed = destination.during(Arrival(uid, number, size, complete=False))
            if misdeed is not None:
                self._misbehave(misdeed)
        return Arrival(uid, number, size, complete=True), digest.hexdigest()

    def _message_part(self) -> memoryview:
        kind, body = self._read_pdu()
        if kind == P_DATA:
            return body
        if kind == RELEASE_RQ:
            self._sock.sendall(pdu(RELEASE_RP, bytes(4)))
        raise _EndedError

    def _misbehave(self, misdeed: Misdeed) -> None:
        if misdeed is Misdeed.ABORT:
            self._sock.sendall(pdu(ABORT, bytes(4)))
        elif misdeed is Misdeed.RESET:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif misdeed is Misdeed.SILENCE:
            while self._sock.recv_into(self._buffer):
                pass
        raise _EndedError

    def _read_pdu(self) -> tuple[int, memoryview]:
        """Read one PDU; what is returned is good until the next one."""
        kind, length = struct.unpack(">BxI", self._read(6))
        return kind, self._read(length)

    def _read(self, count: int) -> memoryview:
        if count > len(self._buffer):
            self._buffer = bytearray(count)
        view, have = memoryview(self._buffer)[:count], 0
        while have < count:
            got = self._sock.recv_into(view[have:])
            if not got:
                raise _EndedError
            have += got
        return view
