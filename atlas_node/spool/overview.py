"""The spool as a page sees it, which looks again and again: what it knows it does not read twice.

The viewer has one `SpoolOverview`. It reads journals from outside, without a lock, as `listing`
does. The rule: a look takes bounded time and memory however full the spool is, and says when it
has not seen everything.
"""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from atlas_node.errors import SpoolError
from atlas_node.spool.entry import QueuedObject
from atlas_node.spool.journal import parse_journal
from atlas_node.spool.partition import JOURNAL_SUFFIX, partitions

MOST: Final = 20_000
"""Objects that are kept in mind."""

_AMONG: Final = 4
_BUDGET: Final = 2.0
_EVERY: Final = 1.0
_SHARE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into the spool has found.

    Attributes
    ----------
    objects : tuple of QueuedObject
        Those that are not finished, in order of arrival.
    complete : bool
        Whether these are all; otherwise they are the oldest.
    at : float
        When, in seconds since the epoch.
    """

    objects: tuple[QueuedObject, ...] = ()
    complete: bool = True
    at: float = 0.0


class SpoolOverview:
    """The objects in a spool; for any number of threads.

    Parameters
    ----------
    spool : Path
        Folder of the spool; one that does not exist is an empty spool.
    most : int
        Objects that are kept in mind.
    """

    def __init__(self, spool: Path, most: int = MOST) -> None:
        self._spool = spool
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[int, int], QueuedObject | None]] = {}
        self._last = Look()
        self._not_before = float("-inf")

    def look(self, *, again: bool = False) -> Look:
        """Return what is in the spool, as it was a moment ago at most.

        Parameters
        ----------
        again : bool
            Look in any case: something was changed.

        Raises
        ------
        SpoolError
            When the spool cannot be read.
        """
        with self._lock:
            begun = time.monotonic()
            if again or begun >= self._not_before:
                try:
                    self._last = self._read(begun + _BUDGET)
                except OSError as error:
                    why = error.strerror or error
                    raise SpoolError(f"cannot read the spool {self._spool}: {why}") from error
                took = time.monotonic() - begun
                self._not_before = begun + max(_EVERY, _SHARE * took)
            return self._last

    def _read(self, give_up: float) -> Look:
        known: dict[str, tuple[tuple[int, int], QueuedObject | None]] = {}
        found: list[QueuedObject] = []
        complete = True
        # The oldest alone, some finished ones among them: there may be a million.
        oldest = heapq.nsmallest(_AMONG * self._most, self._journals(), key=lambda it: it.name)
        for journal in oldest:
            if len(found) == self._most or time.monotonic() > give_up:
                complete = False
                break
            try:
                state = journal.stat()
                version = (state.st_size, state.st_mtime_ns)
                before = self._known.get(journal.name)
                if before is None or before[0] != version:
                    before = (version, _parsed(journal.path))
            except OSError:
                continue  # it was finished meanwhile; or cannot be read, and the node says so
            known[journal.name] = before
            if before[1] is not None:
                found.append(before[1])
        complete = complete and len(oldest) < _AMONG * self._most
        if not complete:
            # What was not come to this time is not read again the next time.
            known |= {name: it for name, it in self._known.items() if name not in known}
        self._known = known if len(known) <= 2 * _AMONG * self._most else {}
        return Look(tuple(found), complete, time.time())

    def _journals(self) -> Iterator[os.DirEntry[str]]:
        for folder in partitions(self._spool).values():
            with os.scandir(folder) as entries:
                yield from (it for it in entries if it.name.endswith(JOURNAL_SUFFIX))


def _parsed(path: str) -> QueuedObject | None:
    """Return an object from its journal; None when it is finished, arriving or damaged."""
    try:
        parsed = parse_journal(Path(path).read_bytes())
    except ValueError:
        return None  # the node itself says so
    if parsed is None or parsed[0].finished_at is not None:
        return None
    return parsed[0]
