"""Associations with an upstream: what was asked for on behalf of a caller, and what it accepted.

A `KeptUpstream` belongs to one association of a caller: it is opened while the caller's is
negotiated, so that the caller gets the upstream's own answer, and again when it is needed after
it has idled away. `retrieving` opens one for each retrieval, which needs other contexts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from atlas_node.config import NodeSettings, Upstream
from atlas_node.dimse.peer import Caller, Peer
from atlas_node.dimse.presentation import Syntax
from atlas_node.dimse.transport.conversation import Conversation
from atlas_node.dimse.transport.established import Patience
from atlas_node.dimse.transport.sending import SHORTEST_PDU
from atlas_node.errors import PeerError

PLAIN: Final = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""Transfer syntaxes that a data set can be carried over between; the better one first."""

_MOST_CONTEXTS: Final = 128
_DOWN_FOR: Final = 5.0
"""Seconds in which an upstream that could not be reached is not tried again."""


class ServiceRefusedError(PeerError):
    """The upstream does not offer the service."""


@dataclass(frozen=True, slots=True)
class OpenUpstream:
    """An association with an upstream.

    Attributes
    ----------
    name : str
        Its AE title and address.
    ae_title, address : str
    conversation : Conversation
    contexts : dict of int to tuple
        Abstract and transfer syntax of each context that it accepted.
    refused : dict of str to int
        The result of each abstract syntax that it refused (PS3.8 9.3.3.2).
    extended : dict of str to bytes
        What it answered to SOP class extended negotiation.
    """

    name: str
    ae_title: str
    address: str
    conversation: Conversation
    contexts: dict[int, Syntax]
    refused: dict[str, int] = field(default_factory=dict)
    extended: dict[str, bytes] = field(default_factory=dict)

    def context_of(self, abstract: str) -> tuple[int, str]:
        """Return context and transfer syntax of a service.

        Raises
        ------
        ServiceRefusedError
            When it was not accepted.
        """
        for context_id, (accepted, transfer) in self.contexts.items():
            if accepted == abstract:
                return context_id, transfer
        raise ServiceRefusedError(f"{self.name}: does not offer {UID(abstract).name}")


def open_association(
    upstream: Upstream,
    node: NodeSettings,
    contexts: Sequence[PresentationContext],
    items: Sequence[Any],
    longest_identifier: int,
) -> OpenUpstream:
    """Open an association with an upstream.

    Parameters
    ----------
    upstream : Upstream
    node : NodeSettings
    contexts : sequence of PresentationContext
        At most 128.
    items : sequence
        Of extended negotiation and role selection.
    longest_identifier : int
        Bytes that the identifier of a response may have.

    Raises
    ------
    PeerError
        When there is no association.
    """
    peer = Peer.of(upstream, node)
    negotiated = Caller(peer, node).negotiate(contexts, items)
    timeouts = node.timeouts
    conversation = Conversation(
        negotiated.socket,
        str(peer),
        longest_sent=negotiated.longest_sent,
        longest_received=peer.max_pdu,
        patience=Patience(response=timeouts.dimse, silence=timeouts.network, release=timeouts.acse),
        longest_identifier=longest_identifier,
    )
    if 0 < negotiated.longest_sent < SHORTEST_PDU:
        conversation.abort()
        raise PeerError(f"{peer}: takes PDUs of {negotiated.longest_sent} bytes")
    return OpenUpstream(
        str(peer),
        peer.ae_title,
        peer.host,
        conversation,
        negotiated.accepted,
        {
            str(contexts[number // 2].abstract_syntax): result
            for number, result in negotiated.refused.items()
        },
        negotiated.extended,
    )


class KeptUpstream:
    """The association with an upstream that stands behind one association of a caller.

    Parameters
    ----------
    upstream : Upstream
    node : NodeSettings
    sop_classes : sequence of str
        What the caller proposed, of query and retrieve.
    extended : mapping of str to bytes
        What it proposed in SOP class extended negotiation.
    longest_identifier : int
        Bytes that the identifier of a response may have.

    Attributes
    ----------
    refused : mapping of str to int
        The result of each SOP class that was refused when it was last opened.
    peer : Peer
    """

    def __init__(
        self,
        upstream: Upstream,
        node: NodeSettings,
        sop_classes: Sequence[str],
        extended: Mapping[str, bytes],
        longest_identifier: int,
    ) -> None:
        self.upstream = upstream
        self.peer = Peer.of(upstream, node)
        self.refused: Mapping[str, int] = {}
        self._node = node
        self._sop_classes = sop_classes[:_MOST_CONTEXTS]
        self._items = [extended_negotiation(*it) for it in extended.items()]
        self._longest_identifier = longest_identifier
        self._opened: OpenUpstream | None = None
        self._failed: tuple[float, PeerError] | None = None

    def open(self, syntaxes: Sequence[str] = PLAIN) -> OpenUpstream:
        """Return the association, opening it where there is none.

        Parameters
        ----------
        syntaxes : sequence of str
            Transfer syntaxes that the request can be written in.

        Raises
        ------
        PeerError
            When there is none, now or a moment ago.
        """
        if self._opened is not None and self._opened.conversation.is_open():
            if all(syntax in syntaxes for _, syntax in self._opened.contexts.values()):
                return self._opened
            self.close()
        if self._failed is not None and time.monotonic() - self._failed[0] < _DOWN_FOR:
            raise self._failed[1]
        self._opened = self._failed = None
        contexts = [build_context(it, list(syntaxes)) for it in self._sop_classes]
        try:
            self._opened = opened = open_association(
                self.upstream, self._node, contexts, self._items, self._longest_identifier
            )
        except PeerError as error:
            # One that does not take some syntaxes alone is not down for requests in others.
            if set(syntaxes) == set(PLAIN):
                self._failed = (time.monotonic(), error)
            raise
        self.refused = opened.refused
        return opened

    def close(self) -> None:
        """Release the association, if there is one."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.conversation.release()


def extended_negotiation(sop_class_uid: str, information: bytes) -> SOPClassExtendedNegotiation:
    """Return an item of SOP class extended negotiation (PS3.7 D.3.3.5)."""
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = UID(sop_class_uid)
    item.service_class_application_information = information
    return item
