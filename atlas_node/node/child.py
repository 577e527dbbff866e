"""What receivers, forwarders and storage commitment have in common: a process of the supervisor's.

`run_child` is what each does from its start to its end: it says when it is made, begins to work
when all others are, too, and takes its further orders from the supervisor. It reads no
configuration itself, for all of a node must have the same one. It never outlives the supervisor,
and a fault in a thread of ours ends it rather than leave something waiting unseen.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from enum import Enum, auto
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, NoReturn, Protocol

from atlas_dictionary import DictionaryError
from atlas_node.config import Config
from atlas_node.errors import AtlasError
from atlas_node.node.process_log import configure_logging

READY: Final = ""
"""What a child sends to the supervisor when it can begin; anything else is why it cannot."""


class Order(Enum):
    """What the supervisor tells a child; a `Config` in its place is the one to take from now on."""

    BEGIN = auto()
    """Work; before it nothing is received and nothing delivered."""
    STOP = auto()
    """Drain, then end."""
    HURRY = auto()
    """End the drain."""


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


def run_child(name: str, make: Callable[[], Part], link: Connection) -> None:
    """Be a child of the supervisor; called in the target of a process.

    Parameters
    ----------
    name : str
        Such as ``receiver-0``; for the process log and for ``ps``.
    make : callable
        Makes what runs here.
    link : Connection
        Takes `READY`, or one line that says why the child cannot serve; gives each `Order`.
    """
    threading.Thread(target=_end_with_parents, name="parent", daemon=True).start()
    configure_logging(name)
    threading.excepthook = end_on_fault
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")
    try:
        part = make()
    except (AtlasError, DictionaryError) as error:
        link.send(str(error))
        return
    link.send(READY)
    obey(part, link)
    # pynetdicom's threads of a peer that no longer answers would hold the process up.
    _exit(0)


def obey(part: Part, link: Connection) -> None:
    """Carry out orders until the part has stopped, or was told to before it began.

    Parameters
    ----------
    part : Part
    link : Connection
        Gives the orders; the process ends when it is closed at the other end.
    """
    if _next_order(link) is not Order.BEGIN:
        return
    part.start()
    while isinstance(order := _next_order(link), Config):
        try:
            part.reload(order)
        except (AtlasError, DictionaryError) as error:
            for line in str(error).splitlines():
                _logger.error("the configuration in force stays: %s", line)
    hurry = threading.Event()
    stopping = threading.Thread(target=part.stop, args=(hurry,), name="stop", daemon=True)
    stopping.start()
    while stopping.is_alive():
        if link.poll(_POLL) and _next_order(link) is Order.HURRY:
            hurry.set()


def _next_order(link: Connection) -> Order | Config:
    try:
        order: Order | Config = link.recv()
    except (EOFError, OSError):
        _exit(1)  # the supervisor is gone
    return order


def _end_with_parents() -> None:
    """End when the supervisor ends, or the fork server, through which it knows of our end."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        wait([supervisor.sentinel, os.pidfd_open(os.getppid())])
        os._exit(1)


def _exit(status: int) -> NoReturn:
    logging.shutdown()
    os._exit(status)


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
    _exit(1)
