"""In which order the objects in a spool are delivered to one destination.

`UnfinishedObjects` keeps one `DeliveryQueue` for each destination. Objects that are due come in the
order in which they arrived, so that the order within a series is kept; one that failed waits for
its time, and one that is held waits for the object before it. The rule: times are those of
`time.monotonic`, so that no object waits for hours because the computer's clock was set back.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Collection
from itertools import chain
from typing import Final

_DUE: Final = 0.0
_HELD: Final = float("inf")


class DeliveryQueue:
    """Identifiers of the objects that one destination still has to get; called under a lock.

    Parameters
    ----------
    lock : threading.Lock
        That lock; whoever waits for an object waits for `changed`.

    Attributes
    ----------
    sent_at : float
        When the destination took an object last, as `time.monotonic` counts; at first, when it
        was heard of first.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.changed = threading.Condition(lock)
        self.sent_at = time.monotonic()
        # When each is due. What the heaps have beyond it is out of date and passed over.
        self._at: dict[str, float] = {}
        self._due: list[str] = []
        self._later: list[tuple[float, str]] = []
        self._behind: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def push(self, object_id: str, at: float | None = None) -> None:
        """Add an object, due now or at a time as `time.monotonic` counts."""
        if at is None:
            self._at[object_id] = _DUE
            heapq.heappush(self._due, object_id)
            self.changed.notify()
        else:
            self._at[object_id] = at
            heapq.heappush(self._later, (at, object_id))

    def hold(self, object_id: str, behind: str) -> None:
        """Add an object that is not due before `release` is called for another."""
        self._at[object_id] = _HELD
        self._behind.setdefault(behind, []).append(object_id)

    def release(self, behind: str) -> list[str]:
        """Make due what is held behind an object, and return it."""
        released = []
        for object_id in self._behind.pop(behind, ()):
            if self._at.get(object_id) == _HELD:
                self.push(object_id)
                released.append(object_id)
        return released

    def remove(self, object_id: str) -> None:
        """Take an object out, wherever it stands."""
        self._at.pop(object_id, None)

    def pop(self, now: float, last: Collection[str] = ()) -> str | None:
        """Take the first to arrive of those that are due; of `last` only when no other is."""
        passed = []
        while self.is_due(now) and self._due[0] in last:
            passed.append(heapq.heappop(self._due))
        if not self.is_due(now) and not passed:
            return None
        object_id = heapq.heappop(self._due) if self._due else passed.pop(0)
        for it in passed:
            heapq.heappush(self._due, it)
        del self._at[object_id]
        return object_id

    def is_due(self, now: float) -> bool:
        """Whether there is an object to be taken."""
        while self._later and self._later[0][0] <= now:
            at, object_id = heapq.heappop(self._later)
            if self._at.get(object_id) == at:
                self._at[object_id] = _DUE
                heapq.heappush(self._due, object_id)
        while self._due and self._at.get(self._due[0]) != _DUE:
            heapq.heappop(self._due)
        return bool(self._due)

    def next_at(self) -> float | None:
        """Return when the next object that is not due yet will be; None when there is none."""
        while self._later and self._at.get(self._later[0][1]) != self._later[0][0]:
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def oldest(self) -> str | None:
        """Return the object that arrived first; None when there is none."""
        while self._due and self._at.get(self._due[0]) != _DUE:
            heapq.heappop(self._due)
        # One that is held arrived after the one it is behind, which is here too, or in hand.
        later = (object_id for at, object_id in self._later if self._at.get(object_id) == at)
        return min(chain(self._due[:1], later), default=None)

    def peek(self, count: int) -> list[str]:
        """Return some objects that are due, about the first `count` to come."""
        return [it for it in self._due[:count] if self._at.get(it) == _DUE]
