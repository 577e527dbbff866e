"""One worker process: an association server, a spool partition, couriers and a recorder.

The supervisor starts it with a listening socket that all workers share. SIGTERM drains and ends
it, SIGHUP makes it read dictionary, routes, destinations and peers again, and it never outlives
the supervisor.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from atlas_dictionary import DictionaryError, open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Config, Destination, load_config
from atlas_node.dimse import AccessList, Courier, StorageScp
from atlas_node.errors import AtlasError
from atlas_node.log import LogStore
from atlas_node.node.process_log import configure_logging
from atlas_node.node.signals import SignalQueue
from atlas_node.route import NO_ROUTE, Receiver, Recorder, Router
from atlas_node.spool import Spool

READY: Final = ""
"""What a worker sends to the supervisor when it serves; anything else is why it cannot."""

_OUR_THREADS: Final = ("courier-", "recorder", "scp")
_POLL: Final = 0.05
_PATIENCE: Final = 5.0

_logger = logging.getLogger(__name__)


def run_worker(
    number: int, config: Config, path: Path | None, listener: socket.socket, report: Connection
) -> None:
    """Be a worker; the target of a process.

    Parameters
    ----------
    number : int
        Which one, from 0; its partition of the spool.
    config : Config
    path : Path or None
        Where the configuration is read again on SIGHUP.
    listener : socket.socket
        Bound, listening, non-blocking.
    report : Connection
        Gets `READY`, or one line that says why the worker cannot serve.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's, who tells us
    orders = SignalQueue(signal.SIGTERM, signal.SIGHUP)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    configure_logging(f"worker-{number}")
    threading.excepthook = end_on_fault
    try:
        worker = Worker(number, config, listener)
    except (AtlasError, DictionaryError) as error:
        report.send(str(error))
        return
    worker.start()
    report.send(READY)
    while orders.wait() is signal.SIGHUP:
        try:
            worker.reload(load_config(path))
        except (AtlasError, DictionaryError) as error:
            _logger.error("the configuration in force stays: %s", error)
    worker.stop()
    logging.shutdown()
    # pynetdicom's threads of a peer that no longer answers would hold the process up.
    os._exit(0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_on_fault(fault: threading.ExceptHookArgs) -> None:
    """End the worker when a thread of ours fails; the hook of `threading` for a worker.

    A courier or recorder that is gone would leave its objects waiting unseen; a new worker goes
    on with all of them. A thread of pynetdicom takes its own association with it and no more.
    """
    name = fault.thread.name if fault.thread else "unknown"
    if not name.startswith(_OUR_THREADS):
        _logger.warning("a thread of an association ended: %s", fault.exc_value)
        return
    _logger.critical("thread %s failed, the worker ends", name, exc_info=fault.exc_value)
    logging.shutdown()
    os._exit(1)


class Worker:
    """What runs in a worker process.

    Raises
    ------
    AtlasError or DictionaryError
        When a part of it cannot be opened.
    """

    def __init__(self, number: int, config: Config, listener: socket.socket) -> None:
        self._config = config
        self._annotator = _annotator(config)
        self._router = Router(config)
        self._store = LogStore.open(config.log.url, config.log.values)
        self._spool = Spool(config.spool, number, config.node.workers)
        self._recorder = Recorder(
            self._spool, self._store, lambda: self._annotator, config.annotate.policy
        )
        self._couriers = {it.name: self._courier(it) for it in config.destinations}
        self._scp = StorageScp(
            config.node,
            listener,
            Receiver(self._spool, lambda: self._router, lambda: self._annotator),
            AccessList(config.peers),
            config.spool.limits.max_object_bytes,
        )

    def start(self) -> None:
        """Begin to receive, deliver and record."""
        self._recorder.start()
        for courier in self._couriers.values():
            courier.start()
        self._say_stranded()
        self._scp.start()

    def reload(self, config: Config) -> None:
        """Take dictionary, policy, routes, destinations and peers of another configuration.

        Raises
        ------
        AtlasError or DictionaryError
            When it cannot be used; everything stays as it was.
        """
        annotator, router, access = _annotator(config), Router(config), AccessList(config.peers)
        wanted = {it.name: it for it in config.destinations}
        old = {
            name: courier
            for name, courier in self._couriers.items()
            if courier.destination != wanted.get(name)
        }
        new = {
            name: self._courier(it)
            for name, it in wanted.items()
            if name not in self._couriers or name in old
        }
        for courier in old.values():
            courier.stop(_PATIENCE)
        for courier in new.values():
            courier.start()
        kept = {name: it for name, it in self._couriers.items() if name not in old}
        self._couriers = kept | new
        self._annotator, self._router, self._scp.access = annotator, router, access
        self._say_stranded()
        _logger.info(
            "configuration read again: routes %d, destinations %d, peers %d",
            len(config.routes), len(config.destinations), len(config.peers),
        )  # fmt: skip

    def stop(self) -> None:
        """Drain: end what is open, deliver what can be delivered in time, leave the rest."""
        deadline = time.monotonic() + self._config.node.timeouts.drain
        self._scp.stop(deadline)
        while time.monotonic() < deadline and not all(it.resting for it in self._couriers.values()):
            time.sleep(_POLL)
        for courier in self._couriers.values():
            courier.stop(0.0)
        for courier in self._couriers.values():
            courier.stop(_PATIENCE)
        self._recorder.stop(_PATIENCE)
        left = len(self._spool)
        if left:
            _logger.info("%d objects stay in the spool until the next start", left)
        self._store.close()
        self._spool.close()

    def _courier(self, destination: Destination) -> Courier:
        return Courier(destination, self._config.node, self._spool, lambda: self._annotator)

    def _say_stranded(self) -> None:
        """Say which objects wait for a destination that the configuration no longer has."""
        for name, count in self._spool.waiting().items():
            if name not in self._couriers and name != NO_ROUTE:
                _logger.error(
                    "%d objects wait for destination %r, which the configuration has not",
                    count, name,
                )  # fmt: skip


def _annotator(config: Config) -> Annotator:
    dictionary = open_layers(config.dictionary.paths, {})
    return Annotator(dictionary, inherit_creators=config.annotate.inherit_creators)
