"""In which order the objects in a spool are delivered to one destination.

`Spool` keeps one `DeliveryQueue` for each destination. Objects that are due come in the order in
which they arrived, so that the order within a series is kept; one that failed waits for its time.
"""

from __future__ import annotations

import heapq


class DeliveryQueue:
    """Identifiers of the objects that one destination still has to get."""

    def __init__(self) -> None:
        self._due: list[str] = []
        self._later: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due) + len(self._later)

    def push(self, object_id: str, at: float | None = None) -> None:
        """Add an object, due now or at a time in seconds since the epoch."""
        if at is None:
            heapq.heappush(self._due, object_id)
        else:
            heapq.heappush(self._later, (at, object_id))

    def pop(self, now: float) -> str | None:
        """Take the object that arrived first of those that are due."""
        return heapq.heappop(self._due) if self.is_due(now) else None

    def is_due(self, now: float) -> bool:
        """Whether there is an object to be taken."""
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._due, heapq.heappop(self._later)[1])
        return bool(self._due)

    def next_at(self) -> float | None:
        """Return when the next object that is not due yet will be; None when there is none."""
        return self._later[0][0] if self._later else None

    def peek(self, count: int) -> list[str]:
        """Return some objects that are due, about the first `count` to come."""
        return self._due[:count]
