"""What receivers and forwarders have in common: a process that the supervisor starts.

`run_child` is what each does from its start to its end. SIGTERM drains and ends it, a second one
ends the drain, SIGHUP makes it read the configuration again; it never outlives the supervisor, and
a fault in a thread of ours ends it rather than leave something waiting unseen.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol

from atlas_dictionary import DictionaryError, open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Config, load_config
from atlas_node.errors import AtlasError
from atlas_node.node.process_log import configure_logging
from atlas_node.node.signals import SignalQueue

READY: Final = ""
"""What a child sends to the supervisor when it serves; anything else is why it cannot."""

OUR_THREADS: Final = (
    "enquirer-",
    "relay",
    "teller",
    "courier-",
    "recorder",
    "listener",
    "scp",
    "stop",
)
_POLL: Final = 0.05

_logger = logging.getLogger(__name__)


class Part(Protocol):
    """What runs in a child process."""

    def start(self) -> None:
        """Begin to work."""

    def reload(self, config: Config) -> None:
        """Take what may change of another configuration.

        Raises
        ------
        AtlasError or DictionaryError
            When it cannot be used; everything stays as it was.
        """

    def stop(self, hurry: threading.Event) -> None:
        """Drain until nothing is left to do, or `hurry` is set; then end."""


def run_child(name: str, make: Callable[[], Part], path: Path | None, report: Connection) -> None:
    """Be a child of the supervisor; called in the target of a process.

    Parameters
    ----------
    name : str
        Such as ``receiver-0``; for the process log and for ``ps``.
    make : callable
        Makes what runs here.
    path : Path or None
        Where the configuration is read again on SIGHUP.
    report : Connection
        Gets `READY`, or one line that says why the child cannot serve.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's, who tells us
    orders = SignalQueue(signal.SIGTERM, signal.SIGHUP)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    configure_logging(name)
    threading.excepthook = end_on_fault
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")
    try:
        part = make()
    except (AtlasError, DictionaryError) as error:
        report.send(str(error))
        return
    part.start()
    report.send(READY)
    while orders.wait() is signal.SIGHUP:
        try:
            part.reload(load_config(path))
        except (AtlasError, DictionaryError) as error:
            _logger.error("the configuration in force stays: %s", error)
    hurry = threading.Event()
    stopping = threading.Thread(target=part.stop, args=(hurry,), name="stop", daemon=True)
    stopping.start()
    while stopping.is_alive():
        if orders.wait(_POLL) is signal.SIGTERM:
            hurry.set()
    logging.shutdown()
    # pynetdicom's threads of a peer that no longer answers would hold the process up.
    os._exit(0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_on_fault(fault: threading.ExceptHookArgs) -> None:
    """End the process when a thread of ours fails; the hook of `threading` for a child.

    A courier or recorder that is gone would leave its objects waiting unseen; a new process goes
    on with all of them. A thread of an association takes that association with it and no more.
    """
    name = fault.thread.name if fault.thread else "unknown"
    if not name.startswith(OUR_THREADS):
        _logger.warning("a thread of an association ended: %s", fault.exc_value)
        return
    _logger.critical("thread %s failed, the process ends", name, exc_info=fault.exc_value)
    logging.shutdown()
    os._exit(1)


def make_annotator(config: Config) -> Annotator:
    """Return the annotator of a configuration.

    Raises
    ------
    DictionaryError
        When a dictionary cannot be opened.
    """
    # The paths are complete: load_config has added those of ATLAS_DICTPATH.
    dictionary = open_layers(config.dictionary.paths, {})
    return Annotator(dictionary, inherit_creators=config.annotate.inherit_creators)
