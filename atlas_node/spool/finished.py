"""Objects that need nothing more, kept for a set time in case somebody wants them sent again.

`Spool` hands them over when all is delivered and the log knows. They are not counted against the
limits of the spool and never keep an object out: the oldest go first when room is needed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Final

from atlas_node.config import SpoolSettings
from atlas_node.errors import SpoolError
from atlas_node.spool.entry import Entry
from atlas_node.spool.journal import finished_line
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.partition import Partition

_LOOK_EVERY: Final = 1.0

_logger = logging.getLogger(__name__)


class FinishedObjects:
    """The finished objects of one partition; every method may be called from any thread.

    Parameters
    ----------
    settings : SpoolSettings
    partition : int
    files : Partition
    occupancy : Occupancy
    """

    def __init__(
        self, settings: SpoolSettings, partition: int, files: Partition, occupancy: Occupancy
    ) -> None:
        self._keep_for = settings.keep_finished
        self._limits = settings.limits
        self._number = partition
        self._files = files
        self._occupancy = occupancy
        self._lock = threading.Lock()
        # In the order in which they finished.
        self._kept: dict[str, tuple[float, int]] = {}
        # Those that could not be removed; they are counted nowhere.
        self._stuck: set[str] = set()
        self._looked = float("-inf")

    def __contains__(self, object_id: str) -> bool:
        return object_id in self._kept

    def has(self, object_id: str) -> bool:
        """Whether an object is kept, or waits to be removed."""
        return object_id in self._kept or object_id in self._stuck

    def finish(self, entry: Entry, now: float) -> None:
        """Keep an object that is finished now, or remove it at once."""
        if self._keep_for:
            try:
                self._files.append(entry.object_id, finished_line(now))
            except SpoolError as error:
                _logger.error("a finished object is removed, not kept: %s", error)
            else:
                self.add(entry, now)
                return
        self._remove(entry.object_id)

    def add(self, entry: Entry, finished_at: float) -> None:
        """Take an object over that its journal calls finished."""
        with self._lock:
            self._kept[entry.object_id] = (finished_at, entry.size)
            self._occupancy.finished(self._number, entry.size)

    def take_out(self, object_id: str) -> None:
        """Give an object back to the spool, which counts it again."""
        with self._lock:
            _, size = self._kept.pop(object_id)
            self._occupancy.finished(self._number, -size)
            self._occupancy.returned(self._number, size)

    def expire(self, now: float) -> None:
        """Remove those whose time is over, and the oldest when room is needed.

        Only the thread that looks for new objects may call this.
        """
        idle = not (self._kept or self._stuck)
        if idle or time.monotonic() - self._looked < _LOOK_EVERY:
            return
        self._looked = time.monotonic()
        self._remove_stuck()
        while self._kept:
            with self._lock:
                object_id, (finished_at, size) = next(iter(self._kept.items()))
                if finished_at + self._keep_for > now and not self._room_needed():
                    return
                del self._kept[object_id]
                self._occupancy.finished(self._number, -size)
            self._remove(object_id)

    def _room_needed(self) -> bool:
        if self._occupancy.bytes() + self._occupancy.finished_bytes() > self._limits.max_bytes:
            return True
        try:
            disk = os.statvfs(self._files.folder)
        except OSError:
            return False
        # Twice: new objects are refused at once times this.
        return disk.f_bavail * disk.f_frsize < 2 * self._limits.min_free_bytes

    def _remove(self, object_id: str) -> None:
        try:
            self._files.remove(object_id)
        except OSError as error:
            _logger.error("cannot remove %s from the spool: %s", object_id, error.strerror)
            with self._lock:
                self._stuck.add(object_id)

    def _remove_stuck(self) -> None:
        with self._lock:
            stuck = sorted(self._stuck)
        for object_id in stuck:
            try:
                self._files.remove(object_id)
            except OSError:
                return
            with self._lock:
                self._stuck.discard(object_id)
