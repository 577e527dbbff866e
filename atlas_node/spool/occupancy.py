"""How full the spool is, counted in memory that all processes of the node share.

The supervisor makes an `Occupancy` and hands it to every receiver and forwarder. Each number has
one process that writes it and is eight aligned bytes, so there is no lock that a killed process
could keep. A process killed between a file and its number leaves the sum wrong by one object until
the forwarder starts next and counts what is there.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any, Final, NamedTuple, TypeVar

_SLOTS: Final = 8  # a cache line for each partition
(
    _ACCEPTED_OBJECTS,
    _ACCEPTED_BYTES,
    _ARRIVING_BYTES,
    _MISSED,
    _REMOVED_OBJECTS,
    _REMOVED_BYTES,
    _FINISHED_BYTES,
) = range(7)


_LOOKS: Final = 5

_Seen = TypeVar("_Seen")


class Accepted(NamedTuple):
    """All that a partition has accepted since the node started, also what has left since."""

    objects: int
    bytes: int


class Occupancy:
    """Objects and bytes in each partition; it can be handed to a child process.

    Parameters
    ----------
    partitions : int
        How many there are.
    """

    def __init__(self, partitions: int, file: int | None = None) -> None:
        size = partitions * _SLOTS * 8
        if file is None:
            file = os.memfd_create("atlas-occupancy", os.MFD_CLOEXEC)
            os.truncate(file, size)
        self._partitions = partitions
        self._file = file
        self._slots = memoryview(mmap.mmap(file, size)).cast("q")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._partitions, DupFd(self._file))

    def close(self) -> None:
        """Give the memory back in this process."""
        mapped = self._slots.obj
        self._slots.release()
        if isinstance(mapped, mmap.mmap):
            mapped.close()
        os.close(self._file)

    def objects(self) -> int:
        """Return the number of objects in the whole spool that are not finished."""
        return self._sum(_ACCEPTED_OBJECTS) - self._sum(_REMOVED_OBJECTS)

    def bytes(self) -> int:
        """Return their bytes, with those of objects that are arriving."""
        return self._sum(_ACCEPTED_BYTES) + self._sum(_ARRIVING_BYTES) - self._sum(_REMOVED_BYTES)

    def of_partition(self, partition: int) -> tuple[int, int]:
        """Return objects and bytes of one partition, without what is arriving."""
        slots = self._slots[partition * _SLOTS : (partition + 1) * _SLOTS]
        return (
            slots[_ACCEPTED_OBJECTS] - slots[_REMOVED_OBJECTS],
            slots[_ACCEPTED_BYTES] - slots[_REMOVED_BYTES],
        )

    def finished_bytes(self) -> int:
        """Return the bytes of finished objects that are kept for a time."""
        return self._sum(_FINISHED_BYTES)

    # Written by the receiver of a partition

    def begin_receiving(self, partition: int) -> None:
        """Forget what was arriving when an earlier receiver of the partition ended."""
        self._slots[partition * _SLOTS + _ARRIVING_BYTES] = 0

    def arriving(self, partition: int, size: int) -> None:
        """Count bytes that are set aside for an object on its way; negative: no longer."""
        self._slots[partition * _SLOTS + _ARRIVING_BYTES] += size

    def accepted(self, partition: int, size: int) -> None:
        """Count an accepted object."""
        self._slots[partition * _SLOTS + _ACCEPTED_OBJECTS] += 1
        self._slots[partition * _SLOTS + _ACCEPTED_BYTES] += size

    def miss(self, partition: int) -> None:
        """Note that the doorbell of a partition could not be rung."""
        self._slots[partition * _SLOTS + _MISSED] += 1

    # Written by the forwarder of a partition

    def missed(self, partition: int) -> int:
        """Return how often the doorbell of a partition could not be rung."""
        return self._slots[partition * _SLOTS + _MISSED]

    def accepted_before(self, partition: int, look: Callable[[], _Seen]) -> tuple[Accepted, _Seen]:
        """Look at what is in a partition, and return with it how much was accepted until then.

        It is looked at again when something was accepted at that moment. Where that goes on, what
        came during the last look counts as seen and not accepted yet: the spool is taken for a
        little fuller than it is, until its forwarder starts next.
        """
        at = partition * _SLOTS
        for _ in range(_LOOKS):
            accepted = Accepted(*self._slots[at : at + 2])
            seen = look()
            if self._slots[at] == accepted.objects:
                break
        return accepted, seen

    def begin_forwarding(self, partition: int, accepted: Accepted, objects: int, size: int) -> None:
        """Set right what is in a partition.

        Parameters
        ----------
        partition : int
        accepted : Accepted
            How much had been accepted when its forwarder looked, by `accepted_before`.
        objects, size : int
            How many of them it has found, and their bytes.
        """
        at = partition * _SLOTS
        self._slots[at + _REMOVED_OBJECTS] = accepted.objects - objects
        self._slots[at + _REMOVED_BYTES] = accepted.bytes - size
        self._slots[at + _FINISHED_BYTES] = 0

    def removed(self, partition: int, size: int) -> None:
        """Count an object no longer."""
        self._slots[partition * _SLOTS + _REMOVED_OBJECTS] += 1
        self._slots[partition * _SLOTS + _REMOVED_BYTES] += size

    def returned(self, partition: int, size: int) -> None:
        """Count an object again that was finished and is to be sent once more."""
        self._slots[partition * _SLOTS + _REMOVED_OBJECTS] -= 1
        self._slots[partition * _SLOTS + _REMOVED_BYTES] -= size

    def finished(self, partition: int, size: int) -> None:
        """Count bytes of a finished object that is kept; negative: no longer."""
        self._slots[partition * _SLOTS + _FINISHED_BYTES] += size

    def _sum(self, slot: int) -> int:
        return sum(self._slots[slot::_SLOTS])


def _rebuilt(partitions: int, file: Any) -> Occupancy:
    return Occupancy(partitions, file.detach())
