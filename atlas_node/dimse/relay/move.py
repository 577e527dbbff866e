"""C-MOVE: objects of the upstreams go to an application entity that the caller names.

Through the node: the node gets the objects from the upstream (C-GET), annotates them by the policy
of the destination and stores them there. Straight: the upstream sends by itself, what it has and
as it has it, and the node maps the destination's name and relays the responses. Straight is also
what is left for an upstream without C-GET. The rule: a destination that is not in the
configuration gets nothing through the node.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pydicom.uid import UID
from pynetdicom import StoragePresentationContexts
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    PatientStudyOnlyQueryRetrieveInformationModelGet,
    PatientStudyOnlyQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from atlas_node.annotate import Annotator
from atlas_node.config import Destination, MoveDestination, NodeSettings, QuerySettings, Upstream
from atlas_node.dimse.peer import Peer
from atlas_node.dimse.presentation import COMPRESSED, MOST_COMPRESSED, deliverable_as
from atlas_node.dimse.relay.content import classes_in
from atlas_node.dimse.relay.identifier import carriers, decode_identifier
from atlas_node.dimse.relay.retrieval import Retrieval
from atlas_node.dimse.relay.retrieved import HandedOn, Keeper
from atlas_node.dimse.relay.retrieving import open_upstream
from atlas_node.dimse.relay.upstream import PLAIN, OpenUpstream, ServiceRefusedError
from atlas_node.dimse.scu import ContextRefusedError, KeptAssociation
from atlas_node.dimse.status import NO_SUCH_CONTEXT, PROCESSING_FAILURE, UNABLE_TO_PROCESS, Answer
from atlas_node.dimse.transport.command_set import (
    C_GET_RQ,
    C_MOVE_RQ,
    COMMAND_FIELD,
    MOVE_DESTINATION,
    MOVE_ORIGINATOR_AE,
    MOVE_ORIGINATOR_MESSAGE_ID,
    string,
    text,
    us,
)
from atlas_node.dimse.transport.established import AssociationLostError
from atlas_node.dimse.transport.served_request import ServedRequest
from atlas_node.errors import PeerError
from atlas_node.model import Envelope, Policy

DESTINATION_UNKNOWN: Final = 0xA801
"""Refused: move destination unknown (PS3.4 C.4.2.1.5)."""

_GET_OF: Final = {
    str(PatientRootQueryRetrieveInformationModelMove): str(
        PatientRootQueryRetrieveInformationModelGet
    ),
    str(StudyRootQueryRetrieveInformationModelMove): str(StudyRootQueryRetrieveInformationModelGet),
    str(PatientStudyOnlyQueryRetrieveInformationModelMove): str(
        PatientStudyOnlyQueryRetrieveInformationModelGet
    ),
}
_PRIVATE_CLASSES: Final = (
    "1.3.12.2.1107.5.9.1",  # Siemens CSA Non-Image Storage
    "1.3.46.670589.11.0.0.12.1",  # Philips Private MR Spectrum Storage
    "1.3.46.670589.11.0.0.12.2",  # Philips Private MR Series Data Storage
    "1.3.46.670589.11.0.0.12.4",  # Philips Private MR Examcard Storage
)
_PROPOSED: Final = tuple(
    dict.fromkeys(
        (*(str(it.abstract_syntax) for it in StoragePresentationContexts), *_PRIVATE_CLASSES)
    )
)[:127]
"""SOP classes that an upstream may send through the node, as many as an association has room for
beside the request's own."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the objects of a C-MOVE go.

    Attributes
    ----------
    ae_title : str
        As the upstream knows it.
    entry : Destination or MoveDestination or None
        Where the node can send to; None: only the upstream can.
    """

    ae_title: str
    entry: Destination | MoveDestination | None


def find_target(
    name: str, settings: QuerySettings, destinations: Sequence[Destination]
) -> Target | None:
    """Return where the objects of a C-MOVE go; None when nobody knows the destination.

    Parameters
    ----------
    name : str
        Move destination in the request.
    settings : QuerySettings
    destinations : sequence of Destination
        Those of objects that are stored; they count by their AE titles.
    """
    for mapped in settings.move_destinations:
        if mapped.name == name:
            through = settings.move == "through" and mapped.host is not None
            return Target(mapped.ae_title or mapped.name, mapped if through else None)
    for destination in destinations:
        if destination.ae_title == name:
            return Target(name, destination if settings.move == "through" else None)
    return Target(name, None) if settings.move == "straight" else None


class _Storing:
    """Sends objects to the destination of a C-MOVE, one at a time, in a thread of its own."""

    def __init__(
        self,
        request: ServedRequest,
        entry: Destination | MoveDestination,
        node: NodeSettings,
        annotator: Callable[[], Annotator],
        policy: Policy,
    ) -> None:
        peer = Peer(
            name=entry.name,
            ae_title=entry.ae_title or entry.name,
            host=entry.host or "",
            port=entry.port,
            calling_ae=getattr(entry, "calling_ae_title", None) or node.ae_title,
            tls=entry.tls,
        )
        self._only = getattr(entry, "transfer_syntaxes", ())
        self._association = KeptAssociation(peer, node)
        self._thread = ThreadPoolExecutor(1, "move")
        self._ring = request.ring
        self._annotator = annotator
        self._policy = entry.policy or policy
        self._originator = {
            MOVE_ORIGINATOR_AE: text(request.requestor.calling_ae),
            MOVE_ORIGINATOR_MESSAGE_ID: us(request.message_id),
        }

    def forms(self, sop_classes: Sequence[str]) -> dict[str, list[str]]:
        """Return the transfer syntaxes in which the destination takes objects, by SOP class.

        Raises
        ------
        PeerError
            When it cannot be reached.
        """
        wanted = [
            (sop_class, form)
            for sop_class in sop_classes
            for form in (*PLAIN, *COMPRESSED)
            if not self._only or form in self._only
        ]
        taken: dict[str, list[str]] = {sop_class: [] for sop_class in sop_classes}
        for syntax in wanted:
            # All are negotiated with the first.
            with contextlib.suppress(ContextRefusedError):
                self._association.takes([syntax], lambda: wanted)
                taken[syntax[0]].append(syntax[1])
        return taken

    def forward(self, envelope: Envelope, data: memoryview) -> HandedOn:
        """Send an object."""
        future = self._thread.submit(self._store, envelope, data)
        future.add_done_callback(lambda _: self._ring())
        return _Sent(future)

    def _store(self, envelope: Envelope, data: memoryview) -> Answer:
        """Send an object; return what the destination answers.

        Raises
        ------
        PeerError
            When it cannot be reached.
        """
        given, sop_class = envelope.transfer_syntax_uid, envelope.sop_class_uid
        wanted = [
            (sop_class, form)
            for form in deliverable_as(given, self._policy)
            if not self._only or form in self._only
        ]
        if not wanted:
            return Answer(NO_SUCH_CONTEXT, "the destination takes it in no form that it has")
        try:
            _, taken = self._association.takes(wanted)
            annotation = self._annotator().annotate(data, given, self._policy, taken)
            # What cannot be carried over goes out in the form in which it came, if that is taken.
            syntax = (sop_class, annotation.transfer_syntax_uid)
            if syntax not in wanted:
                return Answer(NO_SUCH_CONTEXT, "the destination takes it in no form that it has")
            if syntax[1] != taken:
                self._association.takes([syntax])
            status, comment = self._association.store(
                syntax, envelope.sop_instance_uid, annotation.pieces, self._originator
            )
        except (ContextRefusedError, AssociationLostError) as error:
            # The next object may do better: another SOP class, an association opened anew.
            refused = isinstance(error, ContextRefusedError)
            return Answer(NO_SUCH_CONTEXT if refused else PROCESSING_FAILURE, str(error))
        return Answer(status, comment)

    def close(self) -> None:
        """Release the association."""
        self._thread.shutdown()
        self._association.close()


class _Sent:
    """An object that the destination has not answered for, or just so."""

    def __init__(self, future: Future[Answer]) -> None:
        self._future = future

    def answer(self) -> Answer | None:
        """Return what the destination has answered; raises `PeerError` as `_Storing._store`."""
        return self._future.result() if self._future.done() else None


class Move:
    """One C-MOVE request (PS3.4 C.4.2).

    Parameters
    ----------
    request : ServedRequest
    node : NodeSettings
    settings : QuerySettings
    keeper : Keeper
    annotator : callable
        Returns the one in force.
    policy : Policy
        For a destination without one.
    extended : bytes
        What the caller proposes in SOP class extended negotiation, if anything. That of C-GET has
        the same form (PS3.4 C.5.2.1 and C.5.3.1), so the upstream is proposed it for either.
    """

    def __init__(
        self,
        request: ServedRequest,
        node: NodeSettings,
        settings: QuerySettings,
        keeper: Keeper,
        annotator: Callable[[], Annotator],
        policy: Policy,
        extended: bytes = b"",
    ) -> None:
        self._request = request
        self._node = node
        self._settings = settings
        self._annotator = annotator
        self._policy = policy
        self._extended = extended
        self._service, self._syntax = request.contexts[request.context_id]
        self._retrieval = Retrieval(request, self._syntax, keeper)

    def serve(self, upstreams: Sequence[Upstream], destinations: Sequence[Destination]) -> Answer:
        """Serve the request and return the final status.

        Parameters
        ----------
        upstreams : sequence of Upstream
            Asked one after the other.
        destinations : sequence of Destination
            Those of objects that are stored.

        Raises
        ------
        CallerGoneError
            When the caller has gone.
        """
        request = self._request
        name = string(request.command, MOVE_DESTINATION)
        target = find_target(name, self._settings, destinations)
        if target is None:
            unknown = Answer(DESTINATION_UNKNOWN, f"move destination {name} is not configured")
            _logger.warning("C-MOVE of %s refused: %a", request.requestor, unknown.comment)
            request.respond(unknown.status, comment=unknown.comment)
            return unknown
        if target.entry is None:
            for upstream in upstreams:
                self._straight(upstream, target)
            return self._retrieval.finish()
        storing = _Storing(request, target.entry, self._node, self._annotator, self._policy)
        try:
            for upstream in upstreams:
                self._through(upstream, target, storing)
        finally:
            storing.close()
        return self._retrieval.finish()

    def _through(self, upstream: Upstream, target: Target, storing: _Storing) -> None:
        """Get the objects from an upstream and store them at the destination."""
        if self._retrieval.is_over:
            return
        try:
            service = self._get_service()
            opened = self._open(upstream, service, self._received(upstream, service, storing))
        except ServiceRefusedError as error:
            _logger.warning("C-MOVE to %a goes straight, not annotated: %s", target.ae_title, error)
            self._straight(upstream, target)
        except PeerError as error:
            self._retrieval.failed(Answer(UNABLE_TO_PROCESS, str(error)))
        else:
            self._retrieval.ask(opened, service, {COMMAND_FIELD: us(C_GET_RQ)}, storing.forward)
            opened.conversation.release()

    def _get_service(self) -> str:
        """Return the C-GET class of the request's model.

        Raises
        ------
        ServiceRefusedError
            When objects of the model do not come by the node.
        """
        service = _GET_OF.get(self._service)
        if service is None:
            raise ServiceRefusedError(f"{UID(self._service).name} has no other way here")
        return service

    def _received(
        self, upstream: Upstream, service: str, storing: _Storing
    ) -> Sequence[tuple[str, Sequence[str]]]:
        """Return what an upstream may send: in the forms that the destination takes.

        Where that cannot be known before, every SOP class in explicit or implicit VR.
        """
        request = self._request
        identifier = decode_identifier(request.identifier, self._syntax)
        longest = self._settings.max_identifier_bytes
        classes = classes_in(request, identifier, service, upstream, self._node, longest)
        received: list[tuple[str, Sequence[str]]] = []
        if 0 < len(classes) <= MOST_COMPRESSED:
            # One that cannot be reached is found out, and said, with the first object.
            with contextlib.suppress(PeerError):
                for sop_class, forms in storing.forms(classes).items():
                    if any(form in PLAIN for form in forms):
                        received.append((sop_class, PLAIN))
                    received += [(sop_class, (form,)) for form in forms if form in COMPRESSED]
        return received or [(sop_class, PLAIN) for sop_class in _PROPOSED]

    def _straight(self, upstream: Upstream, target: Target) -> None:
        """Let an upstream send by itself."""
        if self._retrieval.is_over:
            return
        try:
            opened = self._open(upstream, self._service, ())
        except PeerError as error:
            self._retrieval.failed(Answer(UNABLE_TO_PROCESS, str(error)))
            return
        more = {COMMAND_FIELD: us(C_MOVE_RQ), MOVE_DESTINATION: text(target.ae_title)}
        self._retrieval.ask(opened, self._service, more)
        opened.conversation.release()

    def _open(
        self, upstream: Upstream, service: str, received: Sequence[tuple[str, Sequence[str]]]
    ) -> OpenUpstream:
        return open_upstream(
            upstream,
            self._node,
            service,
            received,
            self._settings.max_identifier_bytes,
            syntaxes=carriers(self._request.identifier, self._syntax),
            extended=self._extended,
        )
