"""A receiver process: an association server that writes what comes in into its partition.

It annotates nothing, logs nothing and delivers nothing, so that nothing keeps it from reading the
network; the forwarder of the same number does all that.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from atlas_node.activity import Publisher, Snapshot, Tally
from atlas_node.config import Config
from atlas_node.dimse import AccessList, StorageScp
from atlas_node.dimse.commitment import Archives, CommitmentProvider
from atlas_node.errors import AtlasError
from atlas_node.node.child import run_child
from atlas_node.route import Receiver, Router, make_annotator
from atlas_node.spool import CommitmentStore, Doorbell, Intake, Occupancy

if TYPE_CHECKING:
    from atlas_node.dimse.relay.service import QueryRelay

_logger = logging.getLogger(__name__)


def run_receiver(
    number: int,
    config: Config,
    link: Connection,
    occupancy: Occupancy,
    doorbell: Doorbell,
    listener: socket.socket,
) -> None:
    """Be a receiver; the target of a process.

    Parameters
    ----------
    number : int
        Which one, from 0; its partition of the spool.
    config : Config
    link : Connection
        As `run_child` says.
    occupancy : Occupancy
        Shared by all workers.
    doorbell : Doorbell
        Of the forwarder with the same number.
    listener : socket.socket
        Bound, listening, non-blocking; shared by all receivers.
    """
    run_child(
        f"receiver-{number}",
        lambda: ReceiverPart(number, config, occupancy, doorbell, listener),
        link,
    )


class ReceiverPart:
    """What runs in a receiver process.

    Raises
    ------
    AtlasError or DictionaryError
        When a part of it cannot be opened.
    """

    def __init__(
        self,
        number: int,
        config: Config,
        occupancy: Occupancy,
        doorbell: Doorbell,
        listener: socket.socket,
    ) -> None:
        self._drain = config.node.timeouts.drain
        tally = Tally()
        self._annotator = make_annotator(config)
        self._router = Router(config)
        self._intake = Intake(config.spool, number, occupancy, doorbell)
        receiver = Receiver(self._intake, lambda: self._router)
        store = CommitmentStore(config.spool.path)
        self._commitment = CommitmentProvider(store, _archives(self._router))
        self._scp = StorageScp(
            config.node,
            listener,
            receiver,
            AccessList(config.peers),
            self._commitment,
            self._queries(config),
            tally,
        )
        self._publisher = Publisher(
            config.spool.path,
            f"receiver-{number}",
            tally,
            lambda: Snapshot(incoming=self._scp.open_associations()),
        )

    def start(self) -> None:
        """Begin to receive."""
        self._scp.start()
        self._publisher.start()

    def reload(self, config: Config) -> None:
        """Take dictionary, routes, peers and upstreams of another configuration, and TLS files.

        Raises
        ------
        AtlasError or DictionaryError
            When it cannot be used; everything stays as it was.
        """
        annotator, router, access = make_annotator(config), Router(config), AccessList(config.peers)
        queries = self._queries(config)
        try:
            # Last, for it cannot be undone.
            self._scp.read_tls_files()
        except AtlasError:
            if queries is not None:
                queries.close()
            raise
        replaced, self._scp.queries = self._scp.queries, queries
        if replaced is not None:
            replaced.close()
        self._annotator, self._router, self._scp.access = annotator, router, access
        self._commitment.archives = _archives(router)
        _logger.info(
            "configuration read again: routes %d, peers %d", len(config.routes), len(config.peers)
        )

    def stop(self, hurry: threading.Event) -> None:
        """Accept nothing new, and let open associations end for `node.timeouts.drain` seconds."""
        self._scp.stop(time.monotonic() + (0.0 if hurry.is_set() else self._drain))
        self._publisher.stop()
        self._intake.close()

    def _queries(self, config: Config) -> QueryRelay | None:
        if not config.upstreams:
            return None
        from atlas_node.node.queries import make_queries  # noqa: PLC0415 not for the supervisor

        return make_queries(config, lambda: self._annotator, self._intake)


def _archives(router: Router) -> Archives | None:
    return router.archives if router.commits else None
