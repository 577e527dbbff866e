"""What pynetdicom's own associations need to be peers that tests can rely on.

Every module that makes peers of the tests with pynetdicom imports this. It changes what pynetdicom
makes by itself and nothing of the node's, so a socket that the node leaves open fails the test it
happens in.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pynetdicom.ae
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from atlas_node.dimse.transport.requestor import ReportingAssociation

_PATIENCE = 30.0


class PeerSocket(AssociationSocket):
    """A socket that is closed also when the other side has gone first.

    pynetdicom shuts a socket down before it closes it, which fails then, and leaves it open.
    """

    def _shutdown_socket(self) -> None:
        if (sock := self.socket) is None:
            return
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def mend(assoc: Any, sock: AssociationSocket) -> AssociationSocket:
    """Have an association that has not begun lose no response, and leave no socket open."""
    sock.__class__ = PeerSocket
    # Under load, pynetdicom's own loop takes a response away from the method that waits for it.
    ReportingAssociation.adopt(assoc, _PATIENCE)
    run = assoc.dul.run

    def run_and_close() -> None:
        try:
            run()
        finally:
            # Also when it has died of a message that it did not expect.
            sock._shutdown_socket()

    assoc.dul.run = run_and_close
    return sock


class PeerRequestHandler(RequestHandler):
    """Makes the associations that others request."""

    def _create_association(self) -> Association:
        assoc = super()._create_association()
        mend(assoc, assoc.dul.socket)
        return assoc


class PeerServer(ThreadedAssociationServer):
    """A server that ends when it is told to; pynetdicom's own looks twice a second for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.RequestHandlerClass = PeerRequestHandler

    def serve_forever(self, poll_interval: float = 0.02) -> None:
        super().serve_forever(poll_interval)


def requesting_socket(assoc: Any, **kwargs: Any) -> AssociationSocket:
    """Return the socket of an association that we request."""
    return mend(assoc, AssociationSocket(assoc, **kwargs))


pynetdicom.ae.AssociationSocket = requesting_socket
pynetdicom.ae.ThreadedAssociationServer = PeerServer
