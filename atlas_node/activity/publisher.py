"""Publishes once a second what a process of the node does, from a thread of its own.

Receivers, forwarders and the storage commitment process have one each. The rule: a process that
cannot publish says so once and goes on with its work.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from atlas_node import __version__
from atlas_node.activity.metrics import (
    BYTES_RECEIVED,
    DELIVERIES,
    LATENCIES,
    OBJECTS_RECEIVED,
    OBJECTS_RECORDED,
)
from atlas_node.activity.slots import LONGEST, SlotFile
from atlas_node.activity.state import Interval, Snapshot, to_json
from atlas_node.activity.tally import Counts, Tally

FOLDER: Final = "activity"
FORMAT: Final = 1
EVERY: Final = 1.0
"""Seconds between two publications."""
INTERVAL: Final = 10
_INTERVALS: Final = 60
_MOST_ASSOCIATIONS: Final = 200
_PATIENCE: Final = 2.0

_logger = logging.getLogger(__name__)


class Publisher:
    """Publishes what one process does.

    Parameters
    ----------
    spool : Path
        Folder of the spool.
    process : str
        Its name, such as ``receiver-0``.
    tally : Tally
        Goes on from what the process of this name had counted before.
    describe : callable
        Returns what the process does now; called in the thread of the publisher.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        spool: Path,
        process: str,
        tally: Tally,
        describe: Callable[[], Snapshot],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = spool / FOLDER / process
        self._process = process
        self._tally = tally
        self._describe = describe
        self._clock = clock
        self._started_at = clock()
        self._history: deque[Interval] = deque(maxlen=_INTERVALS)
        self._stopping = threading.Event()
        self._said = False
        self._file: SlotFile | None = None
        with contextlib.suppress(OSError):
            self._file = self._open()
        self._before = _progress(tally.counts())
        self._latencies = _latencies(tally.counts())
        # Of each interval of the last ten minutes its end, and what was counted when it began.
        self._begun: deque[tuple[int, dict[str, list[int]]]] = deque(maxlen=_INTERVALS)
        self._thread = threading.Thread(target=self._run, name="activity", daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self) -> None:
        """Publish that the process has ended, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        if not self._thread.is_alive():
            self.publish(ended=True)
            if self._file is not None:
                self._file.close()

    def publish(self, *, ended: bool = False) -> None:
        """Publish now what the process does."""
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(self._text(ended))
        except Exception as error:
            # Whatever it is: this process has something better to do than to tell of itself.
            if not self._said:
                self._said = True
                _logger.warning("cannot publish what %s does: %s", self._process, error)
        else:
            self._said = False

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            self.publish()

    def _open(self) -> SlotFile:
        file = SlotFile(self._path)
        if file.found is not None:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                before = json.loads(file.found)
                self._tally.go_on_from(Counts.from_json(before["counts"]))
        return file

    def _text(self, ended: bool) -> bytes:
        counts, now = self._tally.counts(), self._clock()
        snapshot = self._describe()
        self._note_progress(counts, now)
        if ended:
            snapshot = replace(snapshot, incoming=(), outgoing=())
        document = {
            "format": FORMAT,
            "process": self._process,
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._started_at,
            "at": now,
            "ended": ended,
            "counts": counts.to_json(),
            "history": [to_json(it) for it in self._history],
            "recent": self._recent(counts, now),
            **_snapshot_json(snapshot),
        }
        text = json.dumps(document, separators=(",", ":")).encode("ascii")
        if len(text) > LONGEST:
            document |= {"history": [], **_snapshot_json(replace(snapshot, incoming=()))}
            text = json.dumps(document, separators=(",", ":")).encode("ascii")
        return text

    def _note_progress(self, counts: Counts, now: float) -> None:
        """Add what was counted since the last time to the interval that now lies in."""
        end = _end_of_interval(now)
        progress = _progress(counts)
        more = [now - before for now, before in zip(progress, self._before, strict=True)]
        self._before = progress
        if self._history and self._history[-1].at == end:
            so_far = to_json(self._history.pop())[1:]
            more = [a + b for a, b in zip(more, so_far, strict=True)]
        self._history.append(Interval(end, *more))

    def _recent(self, counts: Counts, now: float) -> dict[str, list[int]]:
        """Return the buckets of each latency that were counted in the last ten minutes."""
        end, latencies = _end_of_interval(now), _latencies(counts)
        if not self._begun or self._begun[-1][0] != end:
            self._begun.append((end, self._latencies))
        self._latencies = latencies
        while self._begun[0][0] <= end - _INTERVALS * INTERVAL:
            self._begun.popleft()
        begun = self._begun[0][1]
        return {
            name: [now - before for now, before in zip(buckets, begun[name], strict=True)]
            for name, buckets in latencies.items()
        }


def _end_of_interval(now: float) -> int:
    return (int(now) // INTERVAL + 1) * INTERVAL


def _latencies(counts: Counts) -> dict[str, list[int]]:
    """Return the buckets of each latency, over all labels."""
    found = {it.name: [0] * (len(it.buckets) + 1) for it in LATENCIES}
    for (name, _), distribution in counts.distributions.items():
        if name in found:
            pairs = zip(found[name], distribution.counts, strict=True)
            found[name] = [a + b for a, b in pairs]
    return found


def _progress(counts: Counts) -> tuple[int, ...]:
    totals = counts.totals
    sent = sum(
        total
        for (name, labels), total in totals.items()
        if name == DELIVERIES.name and labels[-1] == "sent"
    )
    return (
        totals.get((OBJECTS_RECEIVED.name, ()), 0),
        totals.get((BYTES_RECEIVED.name, ()), 0),
        sent,
        totals.get((OBJECTS_RECORDED.name, ()), 0),
    )


def _snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "incoming": [to_json(it) for it in snapshot.incoming[:_MOST_ASSOCIATIONS]],
        "outgoing": [to_json(it) for it in snapshot.outgoing[:_MOST_ASSOCIATIONS]],
        "open": [len(snapshot.incoming), len(snapshot.outgoing)],
        "destinations": {name: to_json(it) for name, it in snapshot.destinations.items()},
        "gauges": [[name, *labels, it] for (name, labels), it in snapshot.gauges.items()],
    }
