"""How often somebody may try to sign in: a few times at once, then slowly.

`access` asks before it looks at a password. Each key (an address, an address with a name) has a
bucket of attempts that fills again with time. The rule: memory is bounded; keys beyond the bound
share one bucket, so that many addresses do not buy many attempts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

_MOST_KEYS: Final = 4096
_OTHERS: Final = object()


class Attempts:
    """Buckets of attempts by key; may be used from any thread.

    Parameters
    ----------
    at_once : int
        How many attempts a full bucket has.
    seconds : float
        After how many seconds it gains another.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(
        self, at_once: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> float:
        """Take an attempt; return 0, or how many seconds to wait for one."""
        with self._lock:
            key, now = self._kept(key), self._clock()
            left = self._left(key, now)
            if left < 1:
                return (1 - left) * self._seconds
            self._buckets[key] = left - 1, now
            return 0.0

    def give_back(self, key: Hashable) -> None:
        """Return an attempt that succeeded."""
        with self._lock:
            key, now = self._kept(key), self._clock()
            self._buckets[key] = min(self._at_once, self._left(key, now) + 1), now

    def __len__(self) -> int:
        return len(self._buckets)

    def _left(self, key: Hashable, now: float) -> float:
        left, at = self._buckets.get(key, (float(self._at_once), now))
        return min(self._at_once, left + (now - at) / self._seconds)

    def _kept(self, key: Hashable) -> Hashable:
        """Return the key, or that of all others when no bucket can be added."""
        if key in self._buckets or len(self._buckets) < _MOST_KEYS:
            return key
        now = self._clock()
        full = [it for it in self._buckets if self._left(it, now) >= self._at_once]
        for it in full:
            del self._buckets[it]
        return key if full else _OTHERS
