"""Query and retrieve for callers: what an association may ask for, and who serves each request.

`StorageScp` has one `QueryRelay`, which passes requests on to the upstreams of the caller's route
and keeps a `RelaySession` with each association. The rule: every request gets a final response,
whatever goes wrong, as long as there is somebody to send it to.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from atlas_node.annotate import Annotator
from atlas_node.config import Config, QueryService, Service, Upstream
from atlas_node.dimse.relay.classes import level_of, service_of
from atlas_node.dimse.relay.find import Query
from atlas_node.dimse.relay.get import get
from atlas_node.dimse.relay.identifier import decode_identifier, is_truncated
from atlas_node.dimse.relay.move import Move
from atlas_node.dimse.relay.negotiation import (
    allowed_classes,
    answer_for,
    extended_of,
    offer,
    proposed_classes,
)
from atlas_node.dimse.relay.retrieved import Keeper
from atlas_node.dimse.relay.routes import NotRoutedError, QueryRoutes
from atlas_node.dimse.relay.upstream import KeptUpstream
from atlas_node.dimse.status import (
    DOES_NOT_MATCH_CLASS,
    NO_SUCH_CONTEXT,
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    Answer,
)
from atlas_node.dimse.transport.acceptor import AcceptedAssociation
from atlas_node.dimse.transport.command_set import C_FIND_RQ, C_GET_RQ, C_MOVE_RQ
from atlas_node.dimse.transport.served_request import CallerGoneError, ServedRequest
from atlas_node.dimse.transport.services import requestor_of
from atlas_node.query import PrivateSearch

UNRECOGNIZED_OPERATION: Final = 0x0211

_NAMES: Final = {C_FIND_RQ: "C-FIND", C_GET_RQ: "C-GET", C_MOVE_RQ: "C-MOVE"}
_FIELDS: Final[dict[QueryService, int]] = {"find": C_FIND_RQ, "get": C_GET_RQ, "move": C_MOVE_RQ}

_logger = logging.getLogger(__name__)


class RelaySession:
    """What stands behind one association of a caller.

    Parameters
    ----------
    idle_after : float
        Seconds without a request after which the associations with upstreams are released.
    make : callable
        Makes the `KeptUpstream` of an upstream; none is open then.
    extended : mapping of str to bytes
        What the caller proposed in SOP class extended negotiation. Also an attribute.
    """

    def __init__(
        self,
        idle_after: float,
        make: Callable[[Upstream], KeptUpstream],
        extended: Mapping[str, bytes],
    ) -> None:
        self.idle_after = idle_after
        self.extended = extended
        self._make = make
        self._kept: dict[Upstream, KeptUpstream] = {}

    def upstreams(self, wanted: Sequence[Upstream]) -> list[KeptUpstream]:
        """Return those that stand for some upstreams of the configuration."""
        for upstream in wanted:
            if upstream not in self._kept:
                self._kept[upstream] = self._make(upstream)
        return [self._kept[upstream] for upstream in wanted]

    def rest(self) -> None:
        """Release the associations until the next request."""
        for kept in self._kept.values():
            kept.close()

    def close(self) -> None:
        """Release the associations."""
        self.rest()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be passed on, and where to."""

    service: QueryService
    level: str | None
    upstreams: Sequence[Upstream]


class QueryRelay:
    """Serves C-FIND, C-GET and C-MOVE.

    Parameters
    ----------
    config : Config
    annotator : callable
        Returns the one in force.
    keeper : Keeper
        Makes place for retrieved objects.
    private : PrivateSearch
        Knows private keys.
    """

    def __init__(
        self,
        config: Config,
        annotator: Callable[[], Annotator],
        keeper: Keeper,
        private: PrivateSearch,
    ) -> None:
        self._config = config
        self._routes = QueryRoutes(config)
        self._annotator = annotator
        self._keeper = keeper
        self._private = private

    @property
    def longest_identifier(self) -> int:
        """Bytes that the identifier of a request may have."""
        return self._config.query.max_identifier_bytes

    def close(self) -> None:
        """Close the index. A query that still runs opens it again for itself."""
        if self._private.index is not None:
            self._private.index.close()

    def negotiate(self, assoc: AcceptedAssociation, services: Collection[Service]) -> None:
        """Offer to an association that is being requested what its upstreams offer.

        Parameters
        ----------
        assoc : AcceptedAssociation
        services : collection of str
            What the access list lets the caller ask for.
        """
        proposed = proposed_classes(assoc)
        if not proposed:
            return
        requestor = requestor_of(assoc)
        may = self._routes.services(requestor) & frozenset(services)
        allowed = allowed_classes(proposed, may)
        # What it may not ask for is accepted, too: then there is a status that says so.
        offer(assoc, [it for it in proposed if it not in allowed])
        config = self._config
        extended = extended_of(assoc, allowed)
        assoc.session = session = RelaySession(
            config.query.idle_timeout,
            lambda upstream: KeptUpstream(
                upstream, config.node, allowed, extended, self.longest_identifier
            ),
            extended,
        )
        if allowed:
            answer_for(assoc, allowed, session.upstreams(self._routes.all_upstreams(requestor)))

    def serve(self, request: ServedRequest, services: Collection[Service]) -> None:
        """Answer a request, and return when it has been answered.

        Parameters
        ----------
        request : ServedRequest
        services : collection of str
            What the access list lets the caller ask for.
        """
        begun = time.monotonic()
        answer = Answer(PROCESSING_FAILURE)
        try:
            try:
                asked = self._asked(request, services)
            except NotRoutedError as error:
                answer = Answer(error.status, str(error))
                request.respond(answer.status, comment=answer.comment)
            else:
                answer = self._served(request, asked)
        except CallerGoneError as error:
            _logger.warning("a request was not served to its end: %s", error)
            return
        except Exception:
            _logger.exception("a request of %s failed", request.requestor)
            with contextlib.suppress(CallerGoneError):
                request.respond(answer.status, comment="internal error")
        _logger.info(
            "%s of %s: status 0x%04X after %.3f s",
            _NAMES.get(request.field, "request"), request.requestor, answer.status,
            time.monotonic() - begun,
        )  # fmt: skip

    def _asked(self, request: ServedRequest, services: Collection[Service]) -> _Asked:
        sop_class, syntax = request.contexts[request.context_id]
        service = service_of(sop_class)
        if service is None:
            raise NotRoutedError(NO_SUCH_CONTEXT, "no query/retrieve SOP class")
        if request.field != _FIELDS[service]:
            raise NotRoutedError(UNRECOGNIZED_OPERATION, "not a request of this SOP class")
        if service not in services:
            raise NotRoutedError(NOT_AUTHORIZED, f"this AE may not ask for {service} here")
        try:
            identifier = decode_identifier(request.identifier, syntax)
        except ValueError as error:
            raise NotRoutedError(DOES_NOT_MATCH_CLASS, str(error)) from error
        if is_truncated(request.identifier, syntax):
            raise NotRoutedError(DOES_NOT_MATCH_CLASS, "the identifier ends within an element")
        level = level_of(sop_class, identifier)
        upstreams = self._routes.upstreams(request.requestor, service, level)
        return _Asked(service, level, upstreams)

    def _served(self, request: ServedRequest, asked: _Asked) -> Answer:
        config = self._config
        session = cast(RelaySession, request.session)
        if asked.service == "find":
            query = Query(
                request,
                asked.level,
                annotator=self._annotator(),
                policy=config.annotate.policy,
                private=self._private,
            )
            return query.serve(session.upstreams(asked.upstreams))
        # A retrieval has associations of its own, and may take long.
        session.rest()
        extended = session.extended.get(request.contexts[request.context_id][0], b"")
        if asked.service == "get":
            return get(
                request,
                asked.upstreams,
                config.node,
                self._keeper,
                self._annotator,
                config.annotate.policy,
                self.longest_identifier,
                extended,
            )
        move = Move(
            request,
            config.node,
            config.query,
            self._keeper,
            self._annotator,
            config.annotate.policy,
            extended,
        )
        return move.serve(asked.upstreams, config.destinations)
