"""How much a partition of the spool may hold; over it, senders are told to try again later.

`Spool` asks before it writes an object. The limits on bytes and number of objects are those of
the whole spool, so a worker keeps to its share of them; free space is that of the disk itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from atlas_node.config import Limits
from atlas_node.errors import SpoolFullError


class Occupancy:
    """Objects and bytes in a partition, held against its share of the limits.

    Not thread-safe: `Spool` calls it under its lock.

    Parameters
    ----------
    limits : Limits
        Of the whole spool.
    workers : int
        How many partitions share them.
    folder : Path
        Any folder on the spool's disk.
    """

    def __init__(self, limits: Limits, workers: int, folder: Path) -> None:
        self._max_bytes = limits.max_bytes // workers
        self._max_objects = max(1, limits.max_objects // workers)
        self._max_object_bytes = limits.max_object_bytes
        self._min_free_bytes = limits.min_free_bytes
        self._folder = folder
        self.objects = 0
        self.bytes = 0

    def check(self, size: int) -> None:
        """Check that there is room for an object of `size` bytes.

        Raises
        ------
        SpoolFullError
            When a limit would be passed; the message names it.
        """
        if size > self._max_object_bytes:
            raise SpoolFullError(
                f"an object of {size} bytes is over spool.limits.max_object_bytes "
                f"({self._max_object_bytes})"
            )
        if self.bytes + size > self._max_bytes:
            raise SpoolFullError(
                f"the spool partition {self._folder} holds {self.bytes} bytes, its share of "
                f"spool.limits.max_bytes is {self._max_bytes}"
            )
        if self.objects >= self._max_objects:
            raise SpoolFullError(
                f"the spool partition {self._folder} holds {self.objects} objects, its share of "
                f"spool.limits.max_objects is {self._max_objects}"
            )
        free = shutil.disk_usage(self._folder).free
        if free - size < self._min_free_bytes:
            raise SpoolFullError(
                f"the disk of {self._folder} has {free} bytes free, spool.limits.min_free_bytes "
                f"is {self._min_free_bytes}"
            )

    def add(self, size: int) -> None:
        """Count an object."""
        self.objects += 1
        self.bytes += size

    def subtract(self, size: int) -> None:
        """Count an object no longer."""
        self.objects -= 1
        self.bytes -= size
