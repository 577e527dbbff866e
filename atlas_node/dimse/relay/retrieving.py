"""An association with an upstream for one retrieval.

`get` and `move` open one for each request, with the presentation contexts that this needs. An
association of its own costs a few milliseconds, and leaves nothing behind that another request
would have to fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pynetdicom import build_role
from pynetdicom.presentation import build_context

from atlas_node.config import NodeSettings, Upstream
from atlas_node.dimse.peer import NoContextError
from atlas_node.dimse.relay.upstream import (
    PLAIN,
    OpenUpstream,
    ServiceRefusedError,
    extended_negotiation,
    open_association,
)


def with_alternative(transfer_syntax_uid: str) -> list[str]:
    """Return a transfer syntax, and the one that its objects can be carried over from."""
    others = [it for it in PLAIN if it != transfer_syntax_uid]
    return [transfer_syntax_uid, *others] if transfer_syntax_uid in PLAIN else [transfer_syntax_uid]


def open_upstream(
    upstream: Upstream,
    node: NodeSettings,
    service: str,
    received: Sequence[tuple[str, Sequence[str]]],
    longest_identifier: int,
    *,
    syntaxes: Sequence[str] = PLAIN,
    extended: bytes = b"",
) -> OpenUpstream:
    """Open an association with an upstream.

    Parameters
    ----------
    upstream : Upstream
    node : NodeSettings
    service : str
        SOP class of the request.
    received : sequence of tuple
        SOP classes of objects that it may send on this association, each with transfer syntaxes.
    longest_identifier : int
        Bytes.
    syntaxes : sequence of str
        Transfer syntaxes that the request can be written in.
    extended : bytes
        What the caller proposes for the service in SOP class extended negotiation, if anything.

    Raises
    ------
    ServiceRefusedError
        When it does not offer the service.
    PeerError
        When there is no association.
    """
    contexts = [build_context(service, list(syntaxes))]
    contexts += [build_context(abstract, list(syntaxes)) for abstract, syntaxes in received]
    items: list[Any] = [build_role(abstract, scp_role=True) for abstract in dict(received)]
    if extended:
        items.append(extended_negotiation(service, extended))
    try:
        opened = open_association(upstream, node, contexts, items, longest_identifier)
    except NoContextError as error:
        raise ServiceRefusedError(str(error)) from error
    try:
        opened.context_of(service)
    except ServiceRefusedError:
        opened.conversation.release()
        raise
    return opened
