"""A wire between two TCP peers that can be cut, made deaf or made slow at any byte."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from tests.ports import free_port
from tests.waiting import LONG

_CHUNK = 65536
_POLL = 0.02


class Cut(Enum):
    """How a wire ends: both sides are told, both are told harshly, or neither is."""

    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"


@dataclass
class Fault:
    """What happens to one connection.

    Attributes
    ----------
    after : int
        It happens when so many bytes have gone from the caller to the one called.
    cut : Cut or None
        None: the wire becomes slow in the place of ending.
    rate : int
        Bytes a second of a wire that has become slow.
    """

    after: int
    cut: Cut | None = Cut.CLOSE
    rate: int = 0


@dataclass
class _Pair:
    caller: socket.socket
    called: socket.socket
    fault: Fault | None
    carried: int = 0
    silent: bool = field(default=False)


class Wire:
    """Listens on `port` and carries every connection to another port.

    Attributes
    ----------
    fault : callable
        Asked once for each connection, with its number; None: it is carried to its end.
    """

    def __init__(self, to_port: int, fault: Callable[[int], Fault | None] = lambda _: None) -> None:
        self.port = free_port()
        self.fault = fault
        self.connections = 0
        self._to_port = to_port
        self._ended = threading.Event()
        self._pairs: list[_Pair] = []

    def __enter__(self) -> Wire:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            pair.caller.close()
            pair.called.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            fault = self.fault(self.connections)
            self.connections += 1
            try:
                called = socket.create_connection(("127.0.0.1", self._to_port), LONG)
            except OSError:
                caller.close()
                continue
            for sock in (caller, called):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(caller, called, fault)
            self._pairs.append(pair)
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair: _Pair) -> None:
        try:
            while not self._ended.is_set():
                ready, _, _ = select.select((pair.caller, pair.called), (), (), _POLL)
                for source in ready:
                    if not self._pass_on(pair, source):
                        return
        except (OSError, ValueError):
            pass
        finally:
            if not pair.silent:
                pair.caller.close()
                pair.called.close()

    def _pass_on(self, pair: _Pair, source: socket.socket) -> bool:
        """Carry what has come; False when the connection has ended."""
        up = source is pair.caller
        fault, room = pair.fault, _CHUNK
        if up and fault is not None:
            left = fault.after - pair.carried
            if left > 0:
                room = min(room, left)
            elif fault.cut is None:
                room = max(1, int(fault.rate * _POLL))
                time.sleep(_POLL)
            else:
                return self._cut(pair, fault.cut)
        data = source.recv(room)
        if not data:
            return False
        (pair.called if up else pair.caller).sendall(data)
        if up:
            pair.carried += len(data)
        return True

    def _cut(self, pair: _Pair, how: Cut) -> bool:
        if how is Cut.SILENCE:
            pair.silent = True  # both ends stay open, and nothing is read or carried any more
        elif how is Cut.RESET:
            for sock in (pair.caller, pair.called):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
