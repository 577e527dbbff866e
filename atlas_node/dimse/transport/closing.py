"""A socket of pynetdicom's that is closed whatever has become of its peer.

`AcceptedSocket` and `RequestingSocket` are such: pynetdicom's own stays open when it cannot be shut
down first.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from pynetdicom.transport import AssociationSocket


class ClosingSocket(AssociationSocket):
    """What both ends of an association build on."""

    socket: Any

    def _shutdown_socket(self) -> None:
        """Close the socket, also one whose peer has gone, which cannot be shut down first."""
        sock = self.socket
        if sock is None:
            return
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
