"""A forwarder process: annotates, delivers and logs what the receiver of its number accepted.

It has a courier for each destination, a recorder for the log, and a thread that listens for new
objects; they share the forwarding side of one spool partition.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Final

from atlas_node.activity import DestinationState, Publisher, Snapshot, Tally
from atlas_node.activity.metrics import LOG_LAG_SECONDS, LOG_WAITING, SPOOL_BYTES, SPOOL_OBJECTS
from atlas_node.config import Config, Destination
from atlas_node.dimse import Courier
from atlas_node.log import LogStore
from atlas_node.node.child import run_child
from atlas_node.route import Router, find_recipients, make_annotator
from atlas_node.route.indexing import open_indexer
from atlas_node.route.record import Recorder
from atlas_node.spool import (
    NO_ROUTE,
    Doorbell,
    Entry,
    Occupancy,
    OrderDesk,
    Recipient,
    Spool,
    Standing,
)

_POLL: Final = 0.05
_LISTEN: Final = 0.25
_PATIENCE: Final = 5.0
# A courier that comes back from the network waits this long at most for a thread that computes.
_SWITCH_INTERVAL: Final = 0.001

# Senders come first: what is accepted can wait in the spool, a modality cannot.
_NICENESS: Final = 10

_logger = logging.getLogger(__name__)


def run_forwarder(
    number: int,
    config: Config,
    link: Connection,
    occupancy: Occupancy,
    doorbell: Doorbell,
) -> None:
    """Be a forwarder; the target of a process.

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
        That the receiver with the same number rings.
    """
    os.nice(_NICENESS)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    run_child(
        f"forwarder-{number}",
        lambda: ForwarderPart(number, config, occupancy, doorbell),
        link,
    )


class ForwarderPart:
    """What runs in a forwarder process.

    Raises
    ------
    AtlasError or DictionaryError
        When a part of it cannot be opened.
    """

    def __init__(
        self, number: int, config: Config, occupancy: Occupancy, doorbell: Doorbell
    ) -> None:
        self._config = config
        self._number, self._occupancy = number, occupancy
        self._tally = Tally()
        self._annotator = make_annotator(config)
        self._router = Router(config)
        self._store = LogStore.open(config.log.url, config.log.values)
        self._spool = Spool(config.spool, number, occupancy, doorbell)
        self._indexer = open_indexer(config)
        self._recorder = Recorder(
            self._spool,
            self._store,
            lambda: self._annotator,
            config.annotate.policy,
            lambda: self._indexer,
            self._tally,
        )
        self._couriers = {it.name: self._courier(it) for it in config.destinations}
        # Of destinations that the configuration had: each ends with its object, and one that
        # comes back goes on from there.
        self._retired: dict[str, Courier] = {}
        self._orders = OrderDesk(self._spool, config.spool.path, number, self._find_recipients)
        self._publisher = Publisher(
            config.spool.path, f"forwarder-{number}", self._tally, self._describe
        )
        self._stopping = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to deliver and record."""
        self._recorder.start()
        for courier in self._couriers.values():
            courier.start()
        self._listener.start()
        self._publisher.start()
        self._say_stranded()

    def reload(self, config: Config) -> None:
        """Take dictionary, policy, routes, destinations and indexed keys of a configuration.

        It waits for no destination: what is being sent goes on under the settings that it began
        with, and the next object of that destination goes after it.

        Raises
        ------
        AtlasError or DictionaryError
            When it cannot be used; everything stays as it was.
        """
        annotator, router, indexer = make_annotator(config), Router(config), open_indexer(config)
        wanted = {it.name: it for it in config.destinations}
        replaced = {
            name: courier
            for name, courier in self._couriers.items()
            # The files that `tls` names may have others in them, such as a renewed certificate.
            if courier.destination != wanted.get(name) or courier.destination.tls is not None
        }
        before = self._retired | self._couriers
        try:
            begun = {
                name: self._courier(it, before.get(name))
                for name, it in wanted.items()
                if name not in self._couriers or name in replaced
            }
        except BaseException:
            if indexer is not None:
                indexer.close()
            raise
        for courier in replaced.values():
            courier.stop(0.0)
        self._annotator, self._router = annotator, router
        old_indexer, self._indexer = self._indexer, indexer
        for courier in begun.values():
            courier.start()
        kept = {name: it for name, it in self._couriers.items() if name not in replaced}
        self._couriers = kept | begun
        self._retired = {name: it for name, it in before.items() if name not in self._couriers}
        if old_indexer is not None:
            # A batch that is being recorded ends with the connections that it has.
            old_indexer.close()
        self._say_stranded()
        _logger.info("configuration read again: destinations %d", len(config.destinations))

    def stop(self, hurry: threading.Event) -> None:
        """Deliver what can be delivered until `hurry` is set, and leave the rest."""
        self._stopping.set()
        self._listener.join(_PATIENCE)
        give_up = time.monotonic() + self._config.node.timeouts.drain
        # What the receiver accepted last is known after this, its process has ended.
        self._spool.listen(0)
        couriers = (*self._couriers.values(), *self._retired.values())
        while not hurry.is_set() and time.monotonic() < give_up:
            if all(it.resting for it in couriers):
                break
            hurry.wait(_POLL)
        for courier in couriers:
            courier.stop(0.0)
        give_up = time.monotonic() + _PATIENCE
        for courier in couriers:
            courier.stop(max(0.0, give_up - time.monotonic()))
        self._recorder.stop(_PATIENCE)
        self._publisher.stop()
        left = len(self._spool)
        if left:
            _logger.info("%d objects stay in the spool until the next start", left)
        self._store.close()
        if self._indexer is not None:
            self._indexer.close()
        self._spool.close()

    def _listen(self) -> None:
        looked = time.monotonic()
        while not self._stopping.is_set():
            self._spool.listen(_LISTEN)
            if time.monotonic() - looked >= _LISTEN:
                self._orders.look()
                looked = time.monotonic()

    def _find_recipients(self, entry: Entry, data: memoryview) -> tuple[Recipient, ...]:
        return find_recipients(self._router, entry.envelope, lambda: data)

    def _courier(self, destination: Destination, after: Courier | None = None) -> Courier:
        return Courier(
            destination, self._config.node, self._spool, lambda: self._annotator, self._tally, after
        )

    def _describe(self) -> Snapshot:
        """Return what this process does now, for who looks at the node."""
        couriers = self._couriers
        tried = {name: courier.state() for name, courier in couriers.items()}
        standing = self._spool.standing()
        objects, size = self._occupancy.of_partition(self._number)
        unrecorded, lag = self._spool.log_lag()
        associations = (
            courier.association() for courier in (*couriers.values(), *self._retired.values())
        )
        return Snapshot(
            outgoing=tuple(it for it in associations if it is not None),
            destinations={
                name: _state(tried.get(name, DestinationState()), standing.get(name, Standing()))
                for name in tried.keys() | standing.keys()
            },
            gauges={
                (SPOOL_OBJECTS.name, ()): objects,
                (SPOOL_BYTES.name, ()): size,
                (LOG_WAITING.name, ()): unrecorded,
                (LOG_LAG_SECONDS.name, ()): lag,
            },
        )

    def _say_stranded(self) -> None:
        """Say which objects wait for a destination that the configuration no longer has."""
        for name, count in self._spool.waiting().items():
            if name not in self._couriers and name != NO_ROUTE:
                _logger.error(
                    "%d objects wait for destination %r, which the configuration has not",
                    count, name,
                )  # fmt: skip


def _state(tried: DestinationState, standing: Standing) -> DestinationState:
    """Return what the tries have shown of a destination, and how its deliveries stand."""
    return replace(
        tried,
        waiting=standing.waiting,
        in_hand=standing.in_hand,
        retrying=standing.retrying,
        dead=standing.dead,
        oldest_at=standing.oldest_at,
        next_try_at=tried.next_try_at or standing.next_try_at,
    )
