"""What a caller may ask for on an association, which is what the upstreams behind it offer.

`QueryRelay` asks while the association is being requested. The rule: a caller is told what the
upstreams say; where none of them answers, its contexts are accepted as they are, so that it gets
a status and a comment for each request instead of no service at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pynetdicom.presentation import build_context

from atlas_node.config import QueryService
from atlas_node.dimse.relay.classes import service_of
from atlas_node.dimse.relay.upstream import PLAIN, KeptUpstream, OpenUpstream, extended_negotiation
from atlas_node.dimse.transport.acceptor import AcceptedAssociation
from atlas_node.errors import PeerError

_NOT_SUPPORTED: Final = 3


def proposed_classes(assoc: AcceptedAssociation) -> list[str]:
    """Return the SOP classes of query and retrieve that a caller proposes, in its order."""
    request: Any = assoc.requestor.primitive
    proposed = (str(it.abstract_syntax) for it in request.presentation_context_definition_list)
    return [it for it in dict.fromkeys(proposed) if service_of(it) is not None]


def allowed_classes(proposed: Sequence[str], services: Collection[QueryService]) -> list[str]:
    """Return those that belong to services that a caller may use."""
    return [it for it in proposed if service_of(it) in services]


def extended_of(assoc: AcceptedAssociation, sop_classes: Collection[str]) -> dict[str, bytes]:
    """Return what a caller proposes in SOP class extended negotiation (PS3.7 D.3.3.5)."""
    return {
        str(uid): information
        for uid, information in assoc.requestor.sop_class_extended.items()
        if uid in sop_classes
    }


def open_all(upstreams: Sequence[KeptUpstream]) -> list[OpenUpstream | PeerError]:
    """Open the associations with all upstreams at once; return each, or why there is none."""
    if len(upstreams) == 1:
        return [_opened(upstreams[0])]
    with ThreadPoolExecutor(max(1, len(upstreams)), "upstream-opening") as threads:
        return list(threads.map(_opened, upstreams))


def answer_for(
    assoc: AcceptedAssociation, sop_classes: Sequence[str], upstreams: Sequence[KeptUpstream]
) -> None:
    """Open the upstreams, and answer what the caller proposed as they do.

    Parameters
    ----------
    assoc : AcceptedAssociation
        Being requested.
    sop_classes : sequence of str
        Of query and retrieve, that the caller proposes and may use.
    upstreams : sequence of KeptUpstream
    """
    found = open_all(upstreams)
    opened = [it for it in found if isinstance(it, OpenUpstream)]
    accepted = {abstract for it in opened for abstract, _ in it.contexts.values()}
    answered = bool(opened) or any(it.refused for it in upstreams)
    refused = _refusals(sop_classes, accepted, upstreams) if answered else {}
    offer(assoc, [it for it in sop_classes if it not in refused])
    assoc.refusals = refused
    for abstract in sop_classes:
        if information := _agreed(abstract, opened):
            assoc.acceptor.add_negotiation_item(extended_negotiation(abstract, information))


def offer(assoc: AcceptedAssociation, sop_classes: Sequence[str]) -> None:
    """Accept SOP classes, in explicit VR where the caller can."""
    contexts = [build_context(it, list(PLAIN)) for it in sop_classes]
    assoc.acceptor.supported_contexts = [*assoc.acceptor.supported_contexts, *contexts]


def _opened(upstream: KeptUpstream) -> OpenUpstream | PeerError:
    try:
        return upstream.open()
    except PeerError as error:
        return error


def _agreed(abstract: str, upstreams: Sequence[OpenUpstream]) -> bytes:
    """Return what all that offer a class have answered to extended negotiation of it.

    Each of its bytes says what is supported, and 0 is what anybody does (PS3.4 C.5.1.1).
    """
    offering = [
        it for it in upstreams if abstract in (accepted for accepted, _ in it.contexts.values())
    ]
    answers = (it.extended.get(abstract, b"") for it in offering)
    return bytes(map(min, zip(*answers, strict=False)))


def _refusals(
    sop_classes: Sequence[str], accepted: Collection[str], upstreams: Sequence[KeptUpstream]
) -> Mapping[str, int]:
    """Return the result of each class that no upstream accepted."""
    refused: dict[str, int] = {}
    for abstract in sop_classes:
        if abstract not in accepted:
            results = (it.refused[abstract] for it in upstreams if abstract in it.refused)
            refused[abstract] = next(results, _NOT_SUPPORTED)
    return refused
