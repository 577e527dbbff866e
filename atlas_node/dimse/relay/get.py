"""C-GET: objects of the upstreams go to the caller on its own association, annotated.

The upstream is proposed the SOP classes that the caller takes in the role of SCP, and nothing
else, so that it knows what it can send. An object goes out in the context that the caller has for
it; where the caller has only the other one of explicit and implicit VR, it is carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from atlas_node.annotate import Annotator
from atlas_node.config import NodeSettings, Upstream
from atlas_node.dimse.relay.identifier import carriers
from atlas_node.dimse.relay.retrieval import Retrieval
from atlas_node.dimse.relay.retrieved import HandedOn, Keeper
from atlas_node.dimse.relay.retrieving import open_upstream, with_alternative
from atlas_node.dimse.relay.upstream import PLAIN
from atlas_node.dimse.status import (
    CANNOT_UNDERSTAND,
    NO_SUCH_CONTEXT,
    UNABLE_TO_PROCESS,
    Answer,
)
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_GET_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    ERROR_COMMENT,
    PRIORITY,
    STATUS,
    number,
    string,
    uid,
    us,
)
from atlas_node.dimse.transport.served_request import ServedRequest
from atlas_node.errors import PeerError
from atlas_node.model import Envelope, Policy

_MOST_CLASSES: Final = 127


class CallersContexts:
    """Hands objects to the caller of a C-GET.

    Parameters
    ----------
    request : ServedRequest
    annotator : callable
        Returns the one in force.
    policy : Policy
    """

    def __init__(
        self, request: ServedRequest, annotator: Callable[[], Annotator], policy: Policy
    ) -> None:
        self._request = request
        self._annotator = annotator
        self._policy = policy
        self._contexts: dict[str, dict[str, int]] = {}
        for context_id, abstract, transfer in request.receives:
            self._contexts.setdefault(abstract, {}).setdefault(transfer, context_id)

    def to_propose(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what an upstream may send: SOP classes, each with transfer syntaxes."""
        return [
            (abstract, with_alternative(transfer))
            for abstract, contexts in self._contexts.items()
            for transfer in contexts
        ][:_MOST_CLASSES]

    def forward(self, envelope: Envelope, data: memoryview) -> HandedOn | Answer:
        """Send an object to the caller.

        Raises
        ------
        CallerGoneError
            When the association has ended.
        """
        contexts = self._contexts.get(envelope.sop_class_uid, {})
        given = envelope.transfer_syntax_uid
        wanted = next((it for it in (given, *PLAIN) if it in contexts), None)
        if wanted is None or (wanted != given and given not in PLAIN):
            return Answer(NO_SUCH_CONTEXT, "the caller has no context for it")
        annotation = self._annotator().annotate(data, given, self._policy, wanted)
        # What cannot be carried over stays as it was.
        context_id = contexts.get(annotation.transfer_syntax_uid)
        if context_id is None:
            return Answer(CANNOT_UNDERSTAND, "it cannot be carried over to the caller's syntax")
        command = {
            COMMAND_FIELD: us(C_STORE_RQ),
            AFFECTED_SOP_CLASS_UID: uid(envelope.sop_class_uid),
            AFFECTED_SOP_INSTANCE_UID: uid(envelope.sop_instance_uid),
            PRIORITY: self._request.priority,
        }
        self._request.begin_exchange(context_id, command, annotation.pieces)
        return _Sent(self._request)


class _Sent:
    """An object that the caller has not answered for, or just so."""

    def __init__(self, request: ServedRequest) -> None:
        self._request = request

    def answer(self) -> Answer | None:
        """Return what the caller has answered."""
        response = self._request.answer()
        if response is None:
            return None
        return Answer(number(response, STATUS), string(response, ERROR_COMMENT))


def get(
    request: ServedRequest,
    upstreams: Sequence[Upstream],
    node: NodeSettings,
    keeper: Keeper,
    annotator: Callable[[], Annotator],
    policy: Policy,
    longest_identifier: int,
    extended: bytes = b"",
) -> Answer:
    """Serve a C-GET request (PS3.4 C.4.3) and return the final status.

    Parameters
    ----------
    request : ServedRequest
    upstreams : sequence of Upstream
        Asked one after the other.
    node : NodeSettings
    keeper : Keeper
    annotator : callable
    policy : Policy
    longest_identifier : int
        Bytes.
    extended : bytes
        What the caller proposes in SOP class extended negotiation, if anything.

    Raises
    ------
    CallerGoneError
        When the caller has gone.
    """
    service, syntax = request.contexts[request.context_id]
    callers = CallersContexts(request, annotator, policy)
    retrieval = Retrieval(request, syntax, keeper)
    for upstream in upstreams:
        try:
            opened = open_upstream(
                upstream,
                node,
                service,
                callers.to_propose(),
                longest_identifier,
                syntaxes=carriers(request.identifier, syntax),
                extended=extended,
            )
        except PeerError as error:
            retrieval.failed(Answer(UNABLE_TO_PROCESS, str(error)))
            continue
        retrieval.ask(opened, service, {COMMAND_FIELD: us(C_GET_RQ)}, callers.forward)
        opened.conversation.release()
        if retrieval.is_over:
            break
    return retrieval.finish()
