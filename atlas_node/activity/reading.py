"""What all processes of a node do together, from what each of them has published.

The viewer and /metrics call `read_activity` for each request. The rule: it never fails. What
cannot be read is as if it were not there, and a process that should speak and does not is said to
be silent.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Literal

from atlas_node.activity.metrics import (
    ASSOCIATIONS_OPEN,
    DESTINATION_REACHABLE,
    LATENCIES,
    METRICS,
    PROCESSES,
    QUEUE_LENGTH,
    Metric,
)
from atlas_node.activity.publisher import FOLDER, FORMAT, INTERVAL
from atlas_node.activity.slots import read_slots
from atlas_node.activity.state import (
    DestinationState,
    IncomingAssociation,
    Interval,
    OutgoingAssociation,
    Snapshot,
    to_json,
)
from atlas_node.activity.tally import Counts, Labels

SILENT_AFTER: Final = 5.0
"""Seconds after which a process that publishes nothing is not taken to be serving."""

_OF_ONE_RUN: Final = 60.0
"""Seconds within which the processes of one node end."""
_SILENCE_SHOWN: Final = 3600.0
_HISTORY: Final = 600

State = Literal["serving", "silent", "ended"]


@dataclass(frozen=True, slots=True)
class ProcessActivity:
    """What one process published last.

    Attributes
    ----------
    name : str
        Such as ``receiver-0``.
    pid : int
    version : str
        Of the program.
    started_at, at : float
        When it was started and when it published this, in seconds since the epoch.
    state : str
        ``serving``; ``ended`` in good order; or ``silent``: neither.
    counts : Counts
        Since its counters began, which outlive a restart.
    snapshot : Snapshot
        What it was doing at that moment.
    open : tuple of int
        Associations that are open: incoming, outgoing; `snapshot` may name fewer.
    history : tuple of Interval
        The oldest first.
    recent : mapping of str to list of int
        As in `Activity`, of this process alone.
    """

    name: str
    pid: int
    version: str
    started_at: float
    at: float
    state: State
    counts: Counts = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    open: tuple[int, int] = field(repr=False)
    history: tuple[Interval, ...] = field(repr=False)
    recent: Mapping[str, list[int]] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric.

    Attributes
    ----------
    metric : Metric
    labels : tuple of str
        In the order of `Metric.labels`.
    value : float
        Of a counter or gauge.
    buckets : tuple of tuple
        Of a histogram: upper bound and how many values were not above it, infinity last.
    sum : float
        Of a histogram.
    """

    metric: Metric
    labels: Labels
    value: float = 0.0
    buckets: tuple[tuple[float, int], ...] = ()
    sum: float = 0.0

    @property
    def count(self) -> int:
        """How many values a histogram has."""
        return self.buckets[-1][1] if self.buckets else 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What the processes of a node do together.

    Attributes
    ----------
    processes : tuple of ProcessActivity
    incoming : tuple of IncomingAssociation
        The open ones, the oldest first.
    outgoing : tuple of OutgoingAssociation
    destinations : mapping of str to DestinationState
    history : tuple of Interval
        The last ten minutes without gaps, the oldest first; empty when nothing was published.
    recent : mapping of str to tuple of int
        By the name of each of `LATENCIES`: how many values of the last ten minutes, of all labels,
        fell into each bucket of the metric, and last those above them all.
    """

    processes: tuple[ProcessActivity, ...] = ()
    incoming: tuple[IncomingAssociation, ...] = ()
    outgoing: tuple[OutgoingAssociation, ...] = ()
    destinations: Mapping[str, DestinationState] = field(default_factory=dict)
    history: tuple[Interval, ...] = ()
    recent: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _counts: Counts = field(default_factory=Counts, repr=False)
    _gauges: Mapping[tuple[str, Labels], float] = field(default_factory=dict, repr=False)

    @property
    def running(self) -> bool:
        """Whether any process of the node serves."""
        return any(it.state == "serving" for it in self.processes)

    def value(self, metric: Metric, *labels: str) -> float:
        """Return a counter or gauge, 0 where it has no such value."""
        key = (metric.name, labels)
        return self._gauges.get(key, self._counts.totals.get(key, 0))

    def samples(self) -> Iterator[Sample]:
        """Yield every value of every metric, in the order of `METRICS`."""
        values: dict[tuple[str, Labels], float] = {**self._counts.totals, **self._gauges}
        for metric in METRICS:
            for (name, labels), value in sorted(values.items()):
                if name == metric.name:
                    yield Sample(metric, labels, value)
            for (name, labels), found in sorted(
                self._counts.distributions.items(), key=lambda it: it[0]
            ):
                if name == metric.name:
                    bounds = (*metric.buckets, float("inf"))
                    buckets = tuple(zip(bounds, accumulate(found.counts), strict=True))
                    yield Sample(metric, labels, buckets=buckets, sum=found.sum)


def read_activity(spool: Path, now: float | None = None) -> Activity:
    """Return what the processes of a node do.

    Parameters
    ----------
    spool : Path
        Folder of the spool; it need not exist.
    now : float, optional
        Seconds since the epoch.
    """
    now = time.time() if now is None else now
    try:
        paths = sorted((spool / FOLDER).iterdir())
    except OSError:
        return Activity()
    found = [it for it in (_read(path, now) for path in paths) if it is not None]
    counts = Counts()
    for process in found:
        counts.add(process.counts)
    newest = max((it.at for it in found), default=now)
    # One that is left over from a run with more workers no longer speaks for the spool.
    processes = tuple(
        it
        for it in found
        if newest - it.at < (_OF_ONE_RUN if it.state == "ended" else _SILENCE_SHOWN)
    )
    serving = [it for it in processes if it.state == "serving"]
    destinations = _destinations(processes)
    return Activity(
        processes,
        tuple(
            sorted(
                (replace(a, process=it.name) for it in serving for a in it.snapshot.incoming),
                key=lambda association: association.since,
            )
        ),
        tuple(
            sorted(
                (replace(a, process=it.name) for it in serving for a in it.snapshot.outgoing),
                key=lambda association: (association.destination, association.since),
            )
        ),
        destinations,
        _history(processes, now) if processes else (),
        _recent(processes, now),
        counts,
        _gauges(processes, destinations),
    )


def _destinations(processes: tuple[ProcessActivity, ...]) -> dict[str, DestinationState]:
    found: dict[str, DestinationState] = {}
    for process in processes:
        for name, state in process.snapshot.destinations.items():
            found[name] = found[name].merged(state) if name in found else state
    return dict(sorted(found.items()))


def _gauges(
    processes: tuple[ProcessActivity, ...],
    destinations: Mapping[str, DestinationState],
) -> dict[tuple[str, Labels], float]:
    gauges: dict[tuple[str, Labels], float] = {}
    for process in processes:
        for key, value in process.snapshot.gauges.items():
            # Numbers add up; of two delays the longer one counts.
            seconds = key[0].endswith("_seconds")
            before = gauges.get(key, 0.0)
            gauges[key] = max(before, value) if seconds else before + value
    for at, direction in enumerate(("incoming", "outgoing")):
        gauges[ASSOCIATIONS_OPEN.name, (direction,)] = sum(
            it.open[at] for it in processes if it.state == "serving"
        )
    for name, state in destinations.items():
        for status in ("waiting", "retrying", "dead"):
            gauges[QUEUE_LENGTH.name, (name, status)] = getattr(state, status)
        if state.reachable is not None:
            gauges[DESTINATION_REACHABLE.name, (name,)] = float(state.reachable)
    for state_name, count in Counter(it.state for it in processes).items():
        gauges[PROCESSES.name, (state_name,)] = count
    return gauges


def _history(processes: tuple[ProcessActivity, ...], now: float) -> tuple[Interval, ...]:
    last = (int(now) // INTERVAL + 1) * INTERVAL
    sums = {at: [0, 0, 0, 0] for at in range(last - _HISTORY + INTERVAL, last + 1, INTERVAL)}
    for process in processes:
        for interval in process.history:
            if interval.at in sums:
                more = to_json(interval)[1:]
                so_far = sums[interval.at]
                sums[interval.at] = [a + b for a, b in zip(so_far, more, strict=True)]
    return tuple(Interval(at, *numbers) for at, numbers in sums.items())


def _recent(processes: tuple[ProcessActivity, ...], now: float) -> dict[str, tuple[int, ...]]:
    speaking = [it for it in processes if now - it.at < _HISTORY]
    found = {}
    for metric in LATENCIES:
        of_metric = [it.recent[metric.name] for it in speaking if metric.name in it.recent]
        found[metric.name] = tuple(sum(it) for it in zip(*of_metric, strict=True))
    return found


def _recent_json(value: Any) -> dict[str, list[int]]:
    """Return what a process published; a metric of another version is left out."""
    return {
        it.name: [int(count) for count in value[it.name]]
        for it in LATENCIES
        if len(value.get(it.name, ())) == len(it.buckets) + 1
    }


def _read(path: Path, now: float) -> ProcessActivity | None:
    text = read_slots(path)
    if text is None:
        return None
    try:
        return _parse(json.loads(text), now)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _parse(document: Any, now: float) -> ProcessActivity | None:
    if document["format"] != FORMAT:
        return None
    at = float(document["at"])
    state: State = "silent"
    if document["ended"]:
        state = "ended"
    elif now - at < SILENT_AFTER:
        state = "serving"
    incoming, outgoing = document["open"]
    return ProcessActivity(
        name=str(document["process"]),
        pid=int(document["pid"]),
        version=str(document["version"]),
        started_at=float(document["started_at"]),
        at=at,
        state=state,
        counts=Counts.from_json(document["counts"]),
        snapshot=Snapshot(
            tuple(IncomingAssociation(*it) for it in document["incoming"]),
            tuple(OutgoingAssociation(*it) for it in document["outgoing"]),
            {name: DestinationState(*it) for name, it in document["destinations"].items()},
            {(name, tuple(labels)): float(it) for name, *labels, it in document["gauges"]},
        ),
        open=(int(incoming), int(outgoing)),
        history=tuple(Interval(*it) for it in document["history"]),
        recent=_recent_json(document.get("recent", {})),
    )
