"""The socket of an association that a peer requested: reads whole pieces, in one system call each.

`Provider` and `DataTransfer` read with `read`, pynetdicom with `recv`. The rule: no call takes
longer than the peer's silence is borne, and nothing is read ahead of what is asked for.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import ssl
import struct
import threading
import time
from typing import Final

from pynetdicom.association import Association

from atlas_node.dimse.transport.closing import ClosingSocket

PDU_ALLOWANCE: Final = 1 << 20
"""Bytes that a PDU may be longer than we announced; association requests fit, too."""

_TIME: Final = struct.Struct("@ll")
_THROWN_AWAY: Final = 1 << 16


class AcceptedSocket(ClosingSocket):
    """A connection from a peer.

    Parameters
    ----------
    assoc : Association
    connection : socket.socket or ssl.SSLSocket
        Accepted, and shaken hands on.
    silence : float
        Seconds that the peer may let us wait for a byte, or for room to send.

    Attributes
    ----------
    sending : threading.RLock
        Held by who sends a message in several calls.
    """

    def __init__(self, assoc: Association, connection: socket.socket, silence: float) -> None:
        super().__init__(assoc, client_socket=connection)
        self.silence = silence
        self.sending = threading.RLock()
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._flags = 0 if self._is_tls else socket.MSG_WAITALL
        self._unread = b""
        if self._is_tls:
            connection.settimeout(silence)
            self._readable = select.poll()
            self._readable.register(connection, select.POLLIN)
            return
        # The system keeps the time. A timeout of Python's costs a system call for each read, and
        # makes the socket non-blocking, which ends a read before everything asked for is there.
        connection.settimeout(None)
        timeout = _TIME.pack(int(silence), int(silence % 1 * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)

    def pending(self) -> bool:
        """Whether bytes can be read that a poll of the descriptor does not show."""
        return self._is_tls and self.socket.pending() > 0

    def read(self, into: memoryview) -> None:
        """Fill `into` with what the peer sends.

        Raises
        ------
        EOFError
            When the peer has closed the connection before.
        TimeoutError
            When nothing came for as long as silence is borne.
        OSError
            When the connection is lost.
        """
        receive = self._receive_tls if self._is_tls else self.socket.recv_into
        flags, left = self._flags, len(into)
        try:
            count = receive(into, left, flags)
            while count != left:
                if not count:
                    raise EOFError
                left -= count
                into = into[count:]
                count = receive(into, left, flags)
        except BlockingIOError as error:
            raise TimeoutError from error

    def _receive_tls(self, into: memoryview, count: int, flags: int) -> int:
        """Receive when there is something: TLS lets nobody send and receive at the same time."""
        if not self.pending() and not self._readable.poll(self.silence * 1000):
            raise TimeoutError
        with self.sending:
            return int(self.socket.recv_into(into, count, flags))

    def unread(self, data: bytes) -> None:
        """Give back what was read last, for the next `recv`."""
        self._unread = data

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, fewer when the peer closes the connection.

        Raises
        ------
        OSError
            When the peer announces a PDU that is too long, or is silent too long.
        """
        if nr_bytes > (self.assoc.acceptor.maximum_length or 0) + PDU_ALLOWANCE:
            raise OSError(f"a PDU of {nr_bytes} bytes is longer than any that we take")
        if self._unread:
            data, self._unread = bytearray(self._unread), b""
            return data
        received = bytearray(nr_bytes)
        try:
            self.read(memoryview(received))
        except EOFError:
            return bytearray()
        return received

    def send(self, bytestream: bytes) -> None:
        """Send a PDU of the state machine's, not into the middle of a message."""
        with self.sending:
            super().send(bytestream)

    def send_all(self, data: bytes) -> None:
        """Send PDUs, all of them before those of another thread.

        Raises
        ------
        TimeoutError
            When the peer takes nothing for as long as silence is borne.
        OSError
            When the connection is lost.
        """
        with self.sending:
            if self.socket is None:
                raise OSError(errno.ENOTCONN, "the connection is closed")
            try:
                self.socket.sendall(data)
            except BlockingIOError as error:
                raise TimeoutError from error

    def stop_reading(self) -> None:
        """End a read of another thread as if the peer had closed; we can still send."""
        with contextlib.suppress(OSError, AttributeError):
            self.socket.shutdown(socket.SHUT_RD)

    def wait_for_close(self, seconds: float) -> None:
        """Wait for the peer to close the connection, throwing away what it still sends.

        A connection that is closed with bytes unread is reset, and the reset may overtake what
        we sent last (PS3.8 9.2.3, Sta13).
        """
        give_up = time.monotonic() + seconds
        thrown_away = bytearray(_THROWN_AWAY)
        with contextlib.suppress(OSError, ValueError):
            readable = select.poll()
            readable.register(self.socket, select.POLLIN)
            while (left := give_up - time.monotonic()) > 0:
                if self._is_tls:
                    self.socket.settimeout(left)
                if not self.pending() and not readable.poll(left * 1000):
                    return
                if not self.socket.recv_into(thrown_away):
                    return
