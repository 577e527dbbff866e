"""The node's first process: opens what is shared, starts the workers and keeps them running.

It binds the port before any worker runs, so that a port in use is found at once, and all workers
accept from that one socket, so that a worker's crash loses no connection that waits. It touches
no object. `atlas-node serve` runs it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

from atlas_dictionary import DictionaryError, open_layers
from atlas_node.config import Config, load_config
from atlas_node.dimse import listen
from atlas_node.errors import AtlasError, LogError
from atlas_node.log import LogStore
from atlas_node.node.process_log import configure_logging
from atlas_node.node.signals import SignalQueue
from atlas_node.node.worker import READY, run_worker
from atlas_node.spool import prepare_spool

_STOP: Final = {signal.SIGTERM, signal.SIGINT}
_POLL: Final = 0.5
_STARTING: Final = 0.05
_GRACE: Final = 15.0
_FIRST_RESTART: Final = 0.5
_SLOWEST_RESTART: Final = 30.0
_HEALTHY_AFTER: Final = 60.0
_EXPIRE_EVERY: Final = 3600.0
_DAY: Final = 86400.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    number: int
    process: SpawnProcess
    report: Connection
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
    """

    def __init__(self, config: Config, path: Path | None = None) -> None:
        self._config = config
        self._path = path
        self._spawn = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain and return.

        Parameters
        ----------
        announce : callable
            Gets one line when the node serves.

        Raises
        ------
        AtlasError or DictionaryError
            When the node cannot start; nothing is left running.
        """
        config = self._config
        configure_logging("supervisor")
        with ExitStack() as stack:
            self._signals = SignalQueue(*_STOP, signal.SIGHUP, signal.SIGCHLD)
            stack.callback(self._signals.close)
            # The paths are complete: load_config has added those of ATLAS_DICTPATH.
            open_layers(config.dictionary.paths, {})
            store = LogStore.open(config.log.url, config.log.values)
            stack.callback(store.close)
            stack.callback(prepare_spool(config.spool.path, config.node.workers).close)
            self._listener = stack.enter_context(listen(config.node))
            viewer_url = ""
            if config.web.enabled:
                from atlas_node.web import WebServer  # noqa: PLC0415 - only where it is wanted

                viewer = WebServer(config, store)
                viewer.start()
                stack.callback(viewer.stop)
                viewer_url = viewer.url
            stack.callback(self._stop_workers)
            self._workers = [self._start(number) for number in range(config.node.workers)]
            if not self._all_ready():
                return
            ended = threading.Event()
            stack.callback(ended.set)
            threading.Thread(target=self._expire, args=(store, ended), daemon=True).start()
            announce(self._ready_line(viewer_url))
            if not config.routes:
                _logger.warning("there are no routes: every object will be kept undelivered")
            self._watch()

    def _ready_line(self, viewer_url: str) -> str:
        node = self._config.node
        workers = "1 worker" if node.workers == 1 else f"{node.workers} workers"
        line = f"atlas-node: ready on {node.host}:{node.port} as {node.ae_title}, {workers}"
        return f"{line}, viewer {viewer_url}" if viewer_url else line

    def _start(self, number: int) -> _Worker:
        report, theirs = self._spawn.Pipe(duplex=False)
        process = self._spawn.Process(
            target=run_worker,
            args=(number, self._config, self._path, self._listener, theirs),
            name=f"atlas-node-worker-{number}",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(number, process, report, time.monotonic())

    def _all_ready(self) -> bool:
        """Wait until all workers serve; False when we are told to stop before they do."""
        for worker in self._workers:
            while not worker.report.poll(_STARTING):
                if self._signals.wait(0) in _STOP:
                    return False
            failure = _received(worker)
            if failure != READY:
                raise AtlasError(failure)
        return True

    def _watch(self) -> None:
        while True:
            happened = self._signals.wait(_POLL)
            if happened in _STOP:
                return
            if happened is signal.SIGHUP:
                self._reload()
            for worker in self._workers:
                self._look_after(worker)

    def _look_after(self, worker: _Worker) -> None:
        """Start a worker again that has ended, later each time it does so soon."""
        now = time.monotonic()
        if worker.restart_at is None:
            if worker.process.is_alive():
                return
            if now - worker.started > _HEALTHY_AFTER:
                worker.failures = 0
            delay = min(_SLOWEST_RESTART, _FIRST_RESTART * 2**worker.failures)
            worker.failures += 1
            worker.restart_at = now + delay
            _logger.error(
                "worker %d ended (%s); it is started again in %g s",
                worker.number, _received(worker) or _how(worker), delay,
            )  # fmt: skip
            worker.report.close()
        elif now >= worker.restart_at:
            failures = worker.failures
            self._workers[worker.number] = self._start(worker.number)
            self._workers[worker.number].failures = failures

    def _reload(self) -> None:
        try:
            config = load_config(self._path)
            open_layers(config.dictionary.paths, {})
        except (AtlasError, DictionaryError) as error:
            _logger.error("the configuration in force stays: %s", error)
            return
        for section in ("node", "spool", "log", "web"):
            if getattr(config, section) != getattr(self._config, section):
                _logger.warning("changes of section %s count from the next start", section)
        fixed = {name: getattr(self._config, name) for name in ("node", "spool", "log", "web")}
        self._config = config.model_copy(update=fixed)
        self._signal_workers(signal.SIGHUP)

    def _signal_workers(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.process.is_alive() and worker.process.pid:
                os.kill(worker.process.pid, number)

    def _stop_workers(self) -> None:
        """Have the workers drain; those that do not end, or when told to hurry, are killed."""
        self._listener.close()
        self._signal_workers(signal.SIGTERM)
        deadline = time.monotonic() + self._config.node.timeouts.drain + _GRACE
        while any(it.process.is_alive() for it in self._workers):
            hurry = self._signals.wait(_POLL) in _STOP
            if hurry or time.monotonic() > deadline:
                _logger.warning("workers are killed; what they had not delivered is in the spool")
                break
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()

    def _expire(self, store: LogStore, ended: threading.Event) -> None:
        """Remove from the log what is older than its retention, now and every hour."""
        days = self._config.log.retention.days
        while days and not ended.is_set():
            try:
                store.expire(time.time() - days * _DAY)
            except LogError as error:
                _logger.error("old records stay in the log for now: %s", error)
            ended.wait(_EXPIRE_EVERY)


def _received(worker: _Worker) -> str:
    """Return what a worker reported, or how it ended when it did not come to that."""
    try:
        return str(worker.report.recv()) if worker.report.poll() else ""
    except EOFError:
        worker.process.join(_POLL)
        return _how(worker)


def _how(worker: _Worker) -> str:
    code = worker.process.exitcode
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
