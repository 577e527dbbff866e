"""How much the spool may hold; over it, senders are told to try again later.

`Intake` asks a `Room` before it writes, and the spool is never asked for more than is set aside.
The limits on bytes and objects are those of the whole spool, whichever worker receives; free space
is that of the disk itself, less the spool's reserve where that was used, and looked up now and then
because each look costs system calls.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from atlas_node.config import Limits
from atlas_node.errors import SpoolError, SpoolFullError
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.reserve import lacking_reserve

_STEP: Final = 1 << 20
_LOOK_AFTER_BYTES: Final = 16 << 20
_LOOK_AFTER_SECONDS: Final = 0.5


class Room:
    """What may still come in; every method may be called from any thread of the receiver.

    Parameters
    ----------
    limits : Limits
        Of the whole spool.
    occupancy : Occupancy
    partition : int
        The receiver's own.
    folder : str
        On the spool's disk.
    """

    def __init__(self, limits: Limits, occupancy: Occupancy, partition: int, folder: str) -> None:
        self._limits = limits
        self._occupancy = occupancy
        self._partition = partition
        self._folder = folder
        self._lock = threading.Lock()
        self._free = 0
        self._look_again_at = 0
        self._looked = float("-inf")
        occupancy.begin_receiving(partition)

    def set_aside(self, size: int = 0, before: int = 0) -> int:
        """Set bytes aside for an object that is arriving.

        Parameters
        ----------
        size : int
            Bytes that it has come to.
        before : int
            Bytes set aside for it so far; 0 for a new object.

        Returns
        -------
        int
            Bytes set aside for it now: `size` and a little on account.

        Raises
        ------
        SpoolFullError
            When a limit would be passed; the message names it. What was set aside stays so.
        SpoolError
            When the disk cannot be asked.
        """
        limits = self._limits
        if size > limits.max_object_bytes:
            raise SpoolFullError(
                f"an object grows past {limits.max_object_bytes} bytes, "
                "spool.limits.max_object_bytes"
            )
        with self._lock:
            if not before and self._occupancy.objects() >= limits.max_objects:
                raise SpoolFullError(
                    f"the spool holds {self._occupancy.objects()} objects, "
                    f"spool.limits.max_objects is {limits.max_objects}"
                )
            more = max(1, size - before)
            held = self._occupancy.bytes()
            if held + more > limits.max_bytes:
                raise SpoolFullError(
                    f"the spool holds {held} bytes, spool.limits.max_bytes is {limits.max_bytes}"
                )
            free = self._free_bytes()
            if free - more < limits.min_free_bytes:
                raise SpoolFullError(
                    f"the disk of {self._folder} has {free} bytes free, "
                    f"spool.limits.min_free_bytes is {limits.min_free_bytes}"
                )
            most = min(
                limits.max_bytes - held,
                limits.max_object_bytes - before,
                free - limits.min_free_bytes,
            )
            more = max(more, min(more + _STEP, most))
            self._free -= more
            self._occupancy.arriving(self._partition, more)
        return before + more

    def give_back(self, before: int) -> None:
        """Give back what was set aside for an object that is not accepted."""
        with self._lock:
            self._free += before
            self._occupancy.arriving(self._partition, -before)

    def fill(self, size: int, before: int) -> None:
        """Count an accepted object of `size` bytes, for which `before` bytes were set aside."""
        with self._lock:
            self._free += before - size
            self._occupancy.arriving(self._partition, -before)
            self._occupancy.accepted(self._partition, size)

    def _free_bytes(self) -> int:
        now = time.monotonic()
        if now - self._looked > _LOOK_AFTER_SECONDS or self._free < self._look_again_at:
            try:
                found = os.statvfs(self._folder)
                lacking = lacking_reserve(Path(self._folder).parent)
            except OSError as error:
                raise SpoolError(
                    f"cannot read the spool {self._folder}: {error.strerror}"
                ) from error
            self._free = max(0, found.f_bavail * found.f_frsize - lacking)
            self._look_again_at = self._free - _LOOK_AFTER_BYTES
            self._looked = now
        return self._free
