"""How a forwarder learns of the objects that the receiver of its partition has accepted.

The thread of the forwarder that listens asks `Arrivals`, which waits for the doorbell. The rule:
where a ring was missed all journals are looked through, and a journal that the disk does not give
back keeps no other from its place; it is tried again now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Container
from typing import Final

from atlas_node.errors import SpoolError
from atlas_node.spool.doorbell import Doorbell
from atlas_node.spool.entry import QueuedObject
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.partition import Partition

_LOOK_AGAIN: Final = 60.0
_AFTER_ERROR: Final = 1.0

_logger = logging.getLogger(__name__)


class Arrivals:
    """What comes into one partition, for one thread.

    Parameters
    ----------
    doorbell : Doorbell
    occupancy : Occupancy
    partition : int
    files : Partition
        Whose journals are read from here on.
    """

    def __init__(
        self, doorbell: Doorbell, occupancy: Occupancy, partition: int, files: Partition
    ) -> None:
        self._doorbell = doorbell
        self._occupancy = occupancy
        self._number = partition
        self._files = files
        self._missed = occupancy.missed(partition)
        self._look_again_at = time.monotonic() + _LOOK_AGAIN

    def wait(self, timeout: float, known: Container[str]) -> list[QueuedObject]:
        """Return what has come besides the objects that are known.

        Some of it may be known or gone when this returns.

        Parameters
        ----------
        timeout : float
            Seconds to wait for something.
        known : container of str
        """
        rung = self._doorbell.listen(timeout)
        missed = self._occupancy.missed(self._number)
        try:
            if missed != self._missed:
                rung = self._files.journals()
            elif self._files.unreadable and time.monotonic() >= self._look_again_at:
                rung.extend(self._files.unreadable)
                self._look_again_at = time.monotonic() + _LOOK_AGAIN
            found = [self._files.load(it) for it in rung if it not in known]
        except SpoolError as error:
            _logger.error("%s", error)
            self._missed = -1
            time.sleep(min(timeout, _AFTER_ERROR))
            return []
        self._missed = missed
        return [it for it in found if it is not None and it.finished_at is None]
