"""The storage commitment process: asks archives and calls scanners, for all receivers together.

It is a process of its own because it waits on peers and looks through the whole spool, which would
take time from a forwarder that delivers; and there is one, because two would ask twice. A node
without a destination that commits has none.
"""

from __future__ import annotations

import logging
import threading
from multiprocessing.connection import Connection
from typing import Final

from atlas_node.activity import Publisher, Snapshot, Tally
from atlas_node.config import Config
from atlas_node.dimse.commitment import CommitmentRelay
from atlas_node.node.child import run_child

_PATIENCE: Final = 5.0

_logger = logging.getLogger(__name__)


def run_commitment(number: int, config: Config, link: Connection) -> None:
    """Be the storage commitment process; the target of a process.

    Parameters
    ----------
    number : int
        For its name; there is one.
    config : Config
    link : Connection
        As `run_child` says.
    """
    run_child(f"commitment-{number}", lambda: CommitmentPart(config), link)


class CommitmentPart:
    """What runs in the storage commitment process.

    Raises
    ------
    AtlasError
        When the store or the TLS files of a destination cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._relay = CommitmentRelay(config)
        self._publisher = Publisher(config.spool.path, "commitment-0", Tally(), Snapshot)

    def start(self) -> None:
        """Begin to ask and to call."""
        self._relay.start()
        self._publisher.start()

    def reload(self, config: Config) -> None:
        """Take destinations, peers and timeouts of another configuration.

        Raises
        ------
        AtlasError
            When it cannot be used; everything stays as it was.
        """
        fixed = {"node": self._config.node, "spool": self._config.spool}
        config = config.model_copy(update=fixed)
        relay = CommitmentRelay(config)
        self._relay.stop(_PATIENCE)
        self._config, self._relay = config, relay
        relay.start()
        archives = sum(it.commitment for it in config.destinations)
        _logger.info("configuration read again: archives that commit %d", archives)

    def stop(self, hurry: threading.Event) -> None:
        """End after what is being said now; the rest is in the store."""
        self._relay.stop(0.0 if hurry.is_set() else _PATIENCE)
        self._publisher.stop()
