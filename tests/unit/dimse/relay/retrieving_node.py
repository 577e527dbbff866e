"""A node that serves retrievals alone, to one upstream or several, with a spool to keep objects."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as StudyRootGet,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as StudyRootMove,
)

import atlas_dictionary
from atlas_node.annotate import Annotator
from atlas_node.config import (
    Destination,
    Limits,
    NodeSettings,
    QuerySettings,
    SpoolSettings,
    Timeouts,
    Tls,
    Upstream,
)
from atlas_node.dimse import listen
from atlas_node.dimse.relay.get import get
from atlas_node.dimse.relay.move import Move
from atlas_node.dimse.settings import application_entity
from atlas_node.dimse.status import Answer
from atlas_node.dimse.tls import server_context
from atlas_node.dimse.transport.command_set import C_GET_RQ
from atlas_node.dimse.transport.served_request import CallerGoneError, ServedRequest
from atlas_node.dimse.transport.server import SharedSocketServer
from atlas_node.model import Policy
from tests.ports import free_port
from tests.spools import FedSpool
from tests.unit.dimse.conftest import TIMEOUTS
from tests.unit.dimse.relay.retrievals import SYNTAXES

ANNOTATOR = Annotator(atlas_dictionary.open_dictionary())


class RetrievingNode:
    """Serves C-GET and C-MOVE; `answers` are the final ones, None where the caller had gone.

    `more` are SOP classes beside those of the study root.
    """

    def __init__(
        self,
        folder: Path,
        upstreams: Sequence[Upstream],
        destinations: Sequence[Destination] = (),
        limits: Limits | None = None,
        tls: Tls | None = None,
        patience: Timeouts = TIMEOUTS,
        more: Sequence[str] = (),
        **query: Any,
    ) -> None:
        spool = SpoolSettings(path=folder / "spool", limits=limits or Limits(min_free_bytes=1))
        self.spool = FedSpool(spool)
        self.longest_identifier = 1 << 20
        self.answers: list[Answer | None] = []
        self.ended = threading.Event()
        self._upstreams = upstreams
        self._destinations = destinations
        self._settings = QuerySettings(**query)
        self._node = NodeSettings(port=free_port(), timeouts=patience)
        self.port = self._node.port
        ae = application_entity(self._node, "ATLAS")
        ae.maximum_associations = 10
        for sop_class in StudyRootGet, StudyRootMove, *more:
            ae.add_supported_context(sop_class, SYNTAXES)
        self._listener = listen(self._node)
        context = server_context(tls) if tls else None
        self._server = SharedSocketServer(ae, self._listener, self, context, [])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> RetrievingNode:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.abort_all()
        self._listener.close()
        self.spool.close()

    def abort_all(self) -> None:
        """End all associations, as a node that stops."""
        for assoc in self._server.active_associations:
            assoc.abort(block=False)

    def logged_objects(self) -> int:
        """How many objects were left in the spool, for the log alone."""
        self.spool.listen(0)
        return sum(1 for change in self.spool.unrecorded(1000, 0.0, 0.0) if change.new)

    def files(self) -> int:
        """How many objects have a file in the spool."""
        return sum(1 for _ in self.spool_folder.rglob("*.dcm"))

    @property
    def spool_folder(self) -> Path:
        return self.spool._files.folder

    def echo(self, requestor):
        return Answer(0x0000)

    def store(self, requestor, *uids):
        raise AssertionError("nobody stores here")

    def query(self, request: ServedRequest) -> None:
        self.ended.clear()
        try:
            self.answers.append(self._serve(request))
        except CallerGoneError:
            self.answers.append(None)
        finally:
            self.ended.set()

    def _serve(self, request: ServedRequest) -> Answer:
        keeper, policy = self.spool.intake, Policy.DECODE
        if request.field == C_GET_RQ:
            longest = self.longest_identifier
            return get(
                request, self._upstreams, self._node, keeper, lambda: ANNOTATOR, policy, longest
            )
        move = Move(request, self._node, self._settings, keeper, lambda: ANNOTATOR, policy)
        return move.serve(self._upstreams, self._destinations)
