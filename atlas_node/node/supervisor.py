"""The node's first process: opens what is shared, starts the other processes and looks after them.

Each worker is two of them, a receiver and a forwarder, with a doorbell between. The port is bound
before any of them runs, so that a port in use is found at once, and all receivers accept from that
one socket, so that a crash loses no connection that waits. None of them works before all are made.
The supervisor alone gets signals, and touches no object. `atlas-node serve` runs it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from atlas_dictionary import DictionaryError, open_layers
from atlas_node.config import Config, load_config
from atlas_node.dimse import listen
from atlas_node.dimse.commitment import is_needed
from atlas_node.errors import AtlasError, LogError
from atlas_node.log import LogStore
from atlas_node.node.child import READY, Order
from atlas_node.node.commitment import run_commitment
from atlas_node.node.forwarder import run_forwarder
from atlas_node.node.process_log import configure_logging
from atlas_node.node.processes import start_process
from atlas_node.node.receiver import run_receiver
from atlas_node.node.signals import SignalQueue
from atlas_node.query import PrivateAttributes
from atlas_node.query.configured import refuse_unsearchable
from atlas_node.route.indexing import indexed_keys
from atlas_node.spool import Doorbell, Occupancy, prepare_spool

_STOP: Final = {signal.SIGTERM, signal.SIGINT}
_POLL: Final = 0.5
_STOPPING: Final = 0.1
_SAME_ORDER: Final = 1.0
"""Seconds in which a signal to stop is the first one over again: `timeout` sends it twice."""
_GRACE: Final = 15.0
_FIRST_RESTART: Final = 0.5
_SLOWEST_RESTART: Final = 30.0
_HEALTHY_AFTER: Final = 60.0
_EXPIRE_EVERY: Final = 300.0
_DAY: Final = 86400.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    start: Callable[[Connection], ForkServerProcess]
    process: ForkServerProcess
    link: Connection
    started: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """The node.

    Parameters
    ----------
    config : Config
    path : Path or None
        Where the configuration came from, to read it again on SIGHUP.
    signals : SignalQueue
        Of `processes.SUPERVISORS_SIGNALS`.
    """

    def __init__(self, config: Config, path: Path | None, signals: SignalQueue) -> None:
        self._config = config
        self._path = path
        self._signals = signals
        self._receivers: list[_Child] = []
        self._forwarders: list[_Child] = []
        self._commitment: list[_Child] = []
        self._told_to_reload = False
        self._told_to_stop = float("-inf")
        self._hurry = False

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain and return.

        Parameters
        ----------
        announce : callable
            Gets one line when the node serves, and one when it has stopped.

        Raises
        ------
        AtlasError or DictionaryError
            When the node cannot start; nothing is left running.
        """
        config = self._config
        configure_logging("supervisor")
        with ExitStack() as stack:
            # The paths are complete: load_config has added those of ATLAS_DICTPATH.
            _try_dictionary(config)
            # First: on a full disk it makes a little room, for the log as well.
            stack.callback(prepare_spool(config.spool.path, config.node.workers).close)
            store = LogStore.open(config.log.url, config.log.values)
            stack.callback(store.close)
            self._listener = stack.enter_context(listen(config.node))
            viewer_url = ""
            if config.web.enabled:
                # Only where it is wanted.
                from atlas_node.node.viewer import viewer_means  # noqa: PLC0415
                from atlas_node.web import WebServer  # noqa: PLC0415

                viewer = WebServer(config, store, viewer_means(config, _reload))
                viewer.start()
                stack.callback(viewer.stop)
                viewer_url = viewer.url
            stack.callback(self._stop_children)
            self._start_children()
            if self._all_ready():
                ended = threading.Event()
                stack.callback(ended.set)
                threading.Thread(target=self._expire, args=(store, ended), daemon=True).start()
                announce(self._ready_line(viewer_url))
                self._order(self._children, Order.BEGIN)
                if not config.routes:
                    _logger.warning("there are no routes: every object will be kept undelivered")
                self._watch()
        announce("atlas-node: stopped")

    def _ready_line(self, viewer_url: str) -> str:
        node = self._config.node
        workers = "1 worker" if node.workers == 1 else f"{node.workers} workers"
        line = f"atlas-node: ready on {node.host}:{node.port} as {node.ae_title}, {workers}"
        return f"{line}, viewer {viewer_url}" if viewer_url else line

    @property
    def _children(self) -> list[_Child]:
        return [*self._receivers, *self._forwarders, *self._commitment]

    def _start_children(self) -> None:
        workers = self._config.node.workers
        occupancy = Occupancy(workers)
        for number in range(workers):
            # Kept open here for as long as the node runs: either end can be started again.
            shared = (occupancy, Doorbell())
            self._forwarders.append(self._child(run_forwarder, number, *shared))
            self._receivers.append(self._child(run_receiver, number, *shared, self._listener))
        self._start_commitment()

    def _start_commitment(self) -> bool:
        """Start the storage commitment process when it is wanted and does not run."""
        wanted = not self._commitment and is_needed(self._config)
        if wanted:
            self._commitment.append(self._child(run_commitment, 0))
        return wanted

    def _child(self, run: Callable[..., None], number: int, *shared: object) -> _Child:
        name = f"{run.__name__.removeprefix('run_')}-{number}"

        def start(theirs: Connection) -> ForkServerProcess:
            # The configuration in force when it is started, which may be started again.
            arguments = (number, self._config, theirs, *shared)
            return start_process(run, name, arguments)

        link, process = _linked(start)
        return _Child(start, process, link, time.monotonic())

    def _all_ready(self) -> bool:
        """Wait until all processes are made; False when we are told to stop before they are."""
        for child in self._children:
            while not child.link.poll():
                if self._is_stop(self._signals.wait(_POLL, [child.link])):
                    return False
            failure = _received(child)
            if failure != READY:
                raise AtlasError(failure)
        return not self._is_stop(self._signals.wait(0))

    def _is_stop(self, happened: signal.Signals | None) -> bool:
        """Take a signal; return whether it is an order to stop."""
        if happened is signal.SIGHUP:
            self._told_to_reload = True
        if happened not in _STOP:
            return False
        self._told_to_stop = time.monotonic()
        return True

    def _watch(self) -> None:
        """Look after the processes until told to stop."""
        while True:
            living = [it.process.sentinel for it in self._children if it.restart_at is None]
            restarts = [it.restart_at for it in self._children if it.restart_at is not None]
            until = min([time.monotonic() + _POLL, *restarts])
            happened = self._signals.wait(max(0.0, until - time.monotonic()), living)
            if self._is_stop(happened):
                return
            if self._told_to_reload:
                self._told_to_reload = False
                self._reload()
            for child in self._children:
                self._look_after(child)

    def _look_after(self, child: _Child) -> None:
        """Start a process again that has ended, later each time it does so soon."""
        now = time.monotonic()
        if child.restart_at is None:
            if child.process.is_alive():
                return
            if now - child.started > _HEALTHY_AFTER:
                child.failures = 0
            _logger.error(
                "%s ended (%s); it is started again in %g s",
                child.process.name, _received(child) or _how(child), _put_off(child),
            )  # fmt: skip
            child.link.close()
        elif now >= child.restart_at:
            try:
                child.link, child.process = _linked(child.start)
            except AtlasError as error:
                _logger.error(
                    "%s %s; it is tried again in %g s", child.process.name, error, _put_off(child)
                )
                return
            child.started, child.restart_at = now, None
            self._order([child], Order.BEGIN)

    def _reload(self) -> None:
        try:
            config = load_config(self._path)
            _try_dictionary(config)
        except (AtlasError, DictionaryError) as error:
            for line in str(error).splitlines():
                _logger.error("the configuration in force stays: %s", line)
            return
        for section in ("node", "spool", "log", "web"):
            if getattr(config, section) != getattr(self._config, section):
                _logger.warning("changes of section %s count from the next start", section)
        fixed = {name: getattr(self._config, name) for name in ("node", "spool", "log", "web")}
        self._config = config.model_copy(update=fixed)
        # As it was read here: who reads the file a moment later may find another one.
        self._order(self._children, self._config)
        try:
            started = self._start_commitment()
        except AtlasError as error:
            _logger.error("the process for storage commitment %s; the next SIGHUP tries it", error)
            return
        if started:
            self._order(self._commitment, Order.BEGIN)

    def _order(self, children: Iterable[_Child], order: Order | Config) -> None:
        for child in children:
            # One that has ended gets the configuration in force when it starts again.
            with contextlib.suppress(OSError):
                child.link.send(order)

    def _stop_children(self) -> None:
        """Have receivers end first, then forwarders when they have delivered what they can.

        All of it takes `node.timeouts.drain` seconds. What does not end then, or when we are told
        to hurry, is killed.
        """
        self._listener.close()
        drained = time.monotonic() + self._config.node.timeouts.drain
        self._order([*self._receivers, *self._commitment], Order.STOP)
        if not self._ended(self._receivers, drained + _GRACE):
            _logger.warning("receivers are killed; what they had not answered is not kept")
            _kill(self._receivers)
        self._order(self._forwarders, Order.STOP)
        if not self._ended(self._forwarders, drained):
            self._order(self._forwarders, Order.HURRY)
            if not self._ended(self._forwarders, drained + _GRACE):
                _logger.warning("forwarders are killed; what they had not sent is in the spool")
        self._ended(self._commitment, time.monotonic() + _GRACE)
        _kill(self._children)

    def _ended(self, children: Iterable[_Child], deadline: float) -> bool:
        """Wait until all of these have ended; False at the deadline, or when told to hurry."""
        while living := [it.process.sentinel for it in children if it.process.is_alive()]:
            if self._hurry or time.monotonic() > deadline:
                return False
            told = self._signals.wait(_STOPPING, living) in _STOP
            self._hurry = told and time.monotonic() > self._told_to_stop + _SAME_ORDER
        return True

    def _expire(self, store: LogStore, ended: threading.Event) -> None:
        """Remove from the log what is too old or too much, now and every few minutes."""
        retention = self._config.log.retention
        while (retention.days or retention.max_bytes) and not ended.is_set():
            try:
                if retention.days:
                    store.expire(time.time() - retention.days * _DAY)
                if retention.max_bytes:
                    store.shrink(retention.max_bytes)
            except LogError as error:
                _logger.error("old records stay in the log for now: %s", error)
            ended.wait(_EXPIRE_EVERY)


def _try_dictionary(config: Config) -> None:
    """Raise where a dictionary cannot be opened, or has an indexed attribute as no text or number.

    Raises
    ------
    ConfigurationError or DictionaryError
    """
    attributes = PrivateAttributes(open_layers(config.dictionaries, {}))
    refuse_unsearchable(indexed_keys(config.query.index), attributes)


def _put_off(child: _Child) -> float:
    """Set the time at which a process is started again; return in how many seconds that is."""
    delay = min(_SLOWEST_RESTART, _FIRST_RESTART * 2.0 ** min(child.failures, 60))
    child.failures += 1
    child.restart_at = time.monotonic() + delay
    return delay


def _linked(
    start: Callable[[Connection], ForkServerProcess],
) -> tuple[Connection, ForkServerProcess]:
    """Start a process with one end of a pipe; return the other end and the process.

    Raises
    ------
    AtlasError
        When there is no room for one more: files, memory, processes.
    """
    try:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            try:
                return ours, start(theirs)
            except BaseException:
                ours.close()
                raise
    except EOFError as error:
        raise AtlasError("cannot be started: the fork server has ended over it") from error
    except OSError as error:
        raise AtlasError(f"cannot be started: {error.strerror or error}") from error


def _reload() -> None:
    """Ask for what a SIGHUP from outside asks for."""
    os.kill(os.getpid(), signal.SIGHUP)


def _kill(children: Iterable[_Child]) -> None:
    for child in children:
        child.process.kill()
        child.process.join()


def _received(child: _Child) -> str:
    """Return what a process reported, or how it ended when it did not come to that."""
    try:
        return str(child.link.recv()) if child.link.poll() else ""
    except (EOFError, ConnectionResetError):
        child.process.join(_POLL)
        return _how(child)


def _how(child: _Child) -> str:
    code = child.process.exitcode
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
