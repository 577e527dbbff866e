"""Counters and histograms of one process, counted by all of its threads.

A receiver or forwarder has one `Tally` and hands it to whatever does something worth counting.
The rule: counting is cheap (about a microsecond), holds nobody up and takes bounded memory.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from atlas_node.activity.metrics import METRICS, Metric

_MOST_LABELS: Final = 256
_OTHER: Final = "other"

Labels = tuple[str, ...]


@dataclass(slots=True)
class Distribution:
    """A histogram: how many values there were up to each bound, and their sum.

    Attributes
    ----------
    counts : list of int
        One for each bucket, and a last one for what is above them all.
    sum : float
    """

    counts: list[int]
    sum: float = 0.0

    def add(self, other: Distribution) -> None:
        """Add another one of the same buckets."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


@dataclass(slots=True)
class Counts:
    """What has been counted, by metric name and labels."""

    totals: dict[tuple[str, Labels], int] = field(default_factory=dict)
    distributions: dict[tuple[str, Labels], Distribution] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Add what another process has counted."""
        for key, total in other.totals.items():
            self.totals[key] = self.totals.get(key, 0) + total
        for key, distribution in other.distributions.items():
            mine = self.distributions.get(key)
            if mine is None:
                self.distributions[key] = Distribution(list(distribution.counts), distribution.sum)
            else:
                mine.add(distribution)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "totals": [[name, *labels, total] for (name, labels), total in self.totals.items()],
            "distributions": [
                [name, *labels, it.sum, it.counts]
                for (name, labels), it in self.distributions.items()
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> Counts:
        """Return what `to_json` made; metrics of another version are left out.

        Raises
        ------
        ValueError, TypeError, KeyError
            When it is something else.
        """
        known = {it.name: it for it in METRICS}
        counts = cls()
        for name, *labels, total in value["totals"]:
            if name in known and len(labels) == len(known[name].labels):
                counts.totals[name, tuple(map(str, labels))] = int(total)
        for name, *labels, total, buckets in value["distributions"]:
            metric = known.get(name)
            if metric and (len(labels), len(buckets)) == (
                len(metric.labels),
                len(metric.buckets) + 1,
            ):
                key = name, tuple(map(str, labels))
                counts.distributions[key] = Distribution(list(map(int, buckets)), float(total))
        return counts


class Tally:
    """Counts what one process does; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()

    def add(self, metric: Metric, *labels: str, by: int = 1) -> None:
        """Count something."""
        key = (metric.name, labels)
        totals = self._counts.totals
        with self._lock:
            if key not in totals:
                key = (metric.name, _bounded(labels, metric, totals))
            totals[key] = totals.get(key, 0) + by

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a measured value into its bucket."""
        key = (metric.name, labels)
        distributions = self._counts.distributions
        with self._lock:
            found = distributions.get(key)
            if found is None:
                key = (metric.name, _bounded(labels, metric, distributions))
                found = distributions.setdefault(key, Distribution([0] * (len(metric.buckets) + 1)))
            found.counts[bisect_left(metric.buckets, value)] += 1
            found.sum += value

    def go_on_from(self, counts: Counts) -> None:
        """Add what the process before this one had counted."""
        with self._lock:
            self._counts.add(counts)

    def counts(self) -> Counts:
        """Return what has been counted so far."""
        copy = Counts()
        with self._lock:
            copy.add(self._counts)
        return copy


def _bounded(labels: Labels, metric: Metric, known: Iterable[tuple[str, Labels]]) -> Labels:
    """Return labels to count under; destinations that were renamed for years become one."""
    if sum(name == metric.name for name, _ in known) < _MOST_LABELS:
        return labels
    return (_OTHER,) * len(labels)
