"""How the deliveries of a partition stand, counted by destination as they change.

`UnfinishedObjects` keeps the numbers for whoever shows them; nothing looks through the objects for
that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from atlas_node.model import DeliveryRecord, DeliveryStatus

_COUNTED: Final = (DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.DEAD)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the deliveries to one destination stand.

    Attributes
    ----------
    waiting : int
        Not tried yet, or waiting for their turn; with those in hand.
    in_hand : int
        Being sent.
    retrying : int
        Failed, and to be tried again.
    dead : int
    oldest_at : float or None
        When the first object was received of those waiting or tried again, in seconds since the
        epoch.
    next_try_at : float or None
        When the next one is due that is not due yet.
    """

    waiting: int = 0
    in_hand: int = 0
    retrying: int = 0
    dead: int = 0
    oldest_at: float | None = None
    next_try_at: float | None = None


class StandingCounts:
    """Numbers of deliveries by destination and status; called under a lock."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, DeliveryStatus]] = Counter()

    def add(self, *records: DeliveryRecord) -> None:
        """Count deliveries."""
        for record in records:
            self._counts[record.destination, record.status] += 1

    def remove(self, *records: DeliveryRecord) -> None:
        """Count deliveries no longer: they changed, or their object left."""
        for record in records:
            self._counts[record.destination, record.status] -= 1

    def of(
        self, destination: str, in_hand: int, oldest_at: float | None, next_try_at: float | None
    ) -> Standing:
        """Return the numbers of a destination, with what its queue says."""
        waiting, retrying, dead = (self._counts[destination, it] for it in _COUNTED)
        return Standing(waiting, in_hand, retrying, dead, oldest_at, next_try_at)

    def destinations(self) -> list[str]:
        """Return the destinations that anything in the partition goes to."""
        return list(dict.fromkeys(name for (name, _), count in self._counts.items() if count))
