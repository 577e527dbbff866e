"""Which objects the annotation log has to be told of next.

`Spool` keeps it for the recorder. One that is delivered everywhere is told at once with others like
it. One that is not waits for its deliveries while they make progress, so that the log is told once,
and the recorder can use what the courier has made of it; but not for ever, and not while its
destination is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Final

_LONGEST: Final = 10.0
_LOOKED_AT: Final = 1024
_LOOK_AGAIN: Final = 0.1


class Unrecorded:
    """Identifiers of objects, in two rows; every method is called under a lock.

    Parameters
    ----------
    lock : threading.Lock
        That lock; whoever waits for objects waits for `changed`.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.changed = threading.Condition(lock)
        self._ready: dict[str, float] = {}
        self._open: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._ready) + len(self._open)

    def add(self, object_id: str, *, ready: bool) -> None:
        """Note that an object has changed; `ready`: it waits for no delivery."""
        if not len(self):
            self.changed.notify()
        row, other = (self._ready, self._open) if ready else (self._open, self._ready)
        other.pop(object_id, None)
        row.setdefault(object_id, time.monotonic())

    def remove(self, object_id: str) -> None:
        """Note that the log knows the present state of an object."""
        self._ready.pop(object_id, None)
        self._open.pop(object_id, None)

    def put_last(self, object_id: str) -> None:
        """Put an object behind the others of its row."""
        for row in (self._ready, self._open):
            since = row.pop(object_id, None)
            if since is not None:
                row[object_id] = since

    def ripe(self, limit: int, patience: float, moves: Callable[[str], bool]) -> list[str]:
        """Return objects that should be recorded now.

        Parameters
        ----------
        limit : int
            At most so many.
        patience : float
            Seconds for which others are waited for, so that they are written together; 0: none.
        moves : callable
            Whether the deliveries of an object that is not ready make progress.
        """
        now = time.monotonic()
        found: list[str] = []
        oldest = next(iter(self._ready.values()), now)
        if self._ready and (now - oldest >= patience or len(self._ready) >= limit):
            found = list(islice(self._ready, limit))
        for object_id, since in islice(self._open.items(), _LOOKED_AT):
            if len(found) == limit or now - since < patience:
                break
            if not patience or now - since >= _LONGEST or not moves(object_id):
                found.append(object_id)
        return found

    def lag(self) -> float:
        """Return for how many seconds the oldest has been waiting; 0 when there is none."""
        return max((time.monotonic() - it for it in self._firsts()), default=0.0)

    def next_look(self, patience: float) -> float | None:
        """Return in how many seconds `ripe` may have an answer; None: only after a change."""
        if not len(self):
            return None
        now = time.monotonic()
        waits = [row_first + patience - now for row_first in self._firsts()]
        return max(_LOOK_AGAIN if self._open else 0.001, min(waits))

    def _firsts(self) -> list[float]:
        return [next(iter(row.values())) for row in (self._ready, self._open) if row]
