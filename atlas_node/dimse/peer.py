"""An application entity that the node calls, and how an association with it comes about.

Everything that calls a peer comes by here: the couriers and C-ECHO for an association of their
own data path (`scu`), and what exchanges other messages for pynetdicom's own. Where there is no
association there is one line that says why, and whose fault it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from atlas_node.config import Destination, NodeSettings, Tls, Upstream
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.tls import client_context
from atlas_node.dimse.transport.association_request import (
    Negotiated,
    Request,
    connect,
    negotiate,
)
from atlas_node.dimse.transport.requestor import RequestingEntity, RequestingSocket
from atlas_node.errors import PeerError


@dataclass(frozen=True, slots=True)
class Peer:
    """An application entity that the node calls."""

    name: str
    ae_title: str
    host: str
    port: int
    calling_ae: str
    tls: Tls | None = None
    max_pdu: int = 131072

    @classmethod
    def of(cls, entry: Destination | Upstream, node: NodeSettings) -> Peer:
        """Return the peer that an entry of the configuration stands for."""
        return cls(
            name=entry.name,
            ae_title=entry.ae_title,
            host=entry.host,
            port=entry.port,
            calling_ae=getattr(entry, "calling_ae_title", None) or node.ae_title,
            tls=entry.tls,
            max_pdu=getattr(entry, "max_pdu", node.max_pdu),
        )

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


class NoContextError(PeerError):
    """The peer takes none of the presentation contexts that were proposed.

    Attributes
    ----------
    rejected : sequence of PresentationContext
    """

    def __init__(self, message: str, rejected: Sequence[PresentationContext]) -> None:
        super().__init__(message)
        self.rejected = rejected


class Caller:
    """Asks one peer for associations.

    Parameters
    ----------
    peer : Peer
    node : NodeSettings

    Raises
    ------
    ConfigurationError
        When the TLS files of the peer cannot be used.
    """

    def __init__(self, peer: Peer, node: NodeSettings) -> None:
        self.peer = peer
        self._ae = application_entity(node, peer.calling_ae, RequestingEntity)
        self._timeouts = node.timeouts
        self._tls: tuple[SSLContext, str] | None = (
            (client_context(peer.tls), peer.host) if peer.tls else None
        )

    def negotiate(
        self, contexts: Sequence[PresentationContext], items: Sequence[Any] = ()
    ) -> Negotiated:
        """Return an association that nobody drives yet, for an `EstablishedAssociation`.

        Parameters
        ----------
        contexts : sequence of PresentationContext
            At most 128.
        items : sequence
            Of extended negotiation and role selection.

        Raises
        ------
        PeerError
            When the peer cannot be reached, rejects the association or does not answer.
        """
        peer = self.peer
        request = Request(peer.ae_title, peer.calling_ae, contexts, items, peer.max_pdu)
        context = self._tls[0] if self._tls is not None else None
        try:
            sock = connect(peer.host, peer.port, context, self._timeouts.connect)
            return negotiate(sock, request, self._timeouts.acse)
        except PeerError as error:
            raise PeerError(f"{peer}: {error}") from error

    def associate(self, contexts: Sequence[PresentationContext], **more: Any) -> Association:
        """Return an established association of pynetdicom's, its methods safe to be used.

        Parameters
        ----------
        contexts : sequence of PresentationContext
            At most 128.
        **more
            As `pynetdicom.AE.associate` takes them: ``ext_neg``, ``evt_handlers``.

        Raises
        ------
        NoContextError
            When the peer takes none of the contexts.
        PeerError
            When it cannot be reached, rejects the association or does not answer.
        """
        peer = self.peer
        try:
            assoc = self._ae.associate(
                peer.host,
                peer.port,
                contexts=list(contexts),
                ae_title=peer.ae_title,
                max_pdu=peer.max_pdu,
                tls_args=self._tls,
                **more,
            )
        except OSError as error:
            raise PeerError(f"{peer}: {error.strerror or error}") from error
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # pynetdicom takes an answer apart without asking whether it can be one.
            raise PeerError(
                f"{peer}: its answer to the association request cannot be understood"
            ) from error
        # What ends an idle association is its owner's business, not a timer's.
        assoc.network_timeout = None
        if not assoc.is_established:
            if assoc.rejected_contexts and not assoc.accepted_contexts:
                raise NoContextError(
                    f"{peer}: accepts no presentation context", assoc.rejected_contexts
                )
            raise PeerError(f"{peer}: {_why_not(assoc)}")
        return assoc


def _why_not(assoc: Association) -> str:
    """Say why an association was not established."""
    sock = cast(RequestingSocket, assoc.dul.socket)
    if sock.failure:
        return f"cannot connect: {sock.failure}"
    rejection = assoc.acceptor.primitive
    if assoc.is_rejected and rejection:
        return f"rejected the association: {rejection.reason_str}"
    if sock.aborted:
        return "aborted the association request"
    if sock.ended:
        return "closed the connection at the association request"
    return "no answer to the association request"
