"""Programs under the same loads in turns, and the tables of what was found.

In each round every program is started anew over an empty folder, gets some objects to warm up and
is measured; then comes the next one. A table shows the medians over the rounds. Memory is watched
in a further, untimed run, because the watching itself takes time.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.bench_dictionary import processor
from tests.bench.document import table
from tests.bench.load import Load, Measured, latencies, measure, median, peak_memory, percentile
from tests.bench.programs import Program, Running, Sink

MEMORY_FILES = Path("/dev/shm")
FEW = 200


@dataclass(frozen=True)
class Competitor:
    """A program and how many of a load's objects it gets: slow ones fewer."""

    start: Program
    share: float = 1.0


@dataclass
class Found:
    """What was found of one program under one load."""

    by_associations: dict[int, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    latency: list[float] = field(default_factory=list)
    memory: int = 0

    def accepted(self, associations: int) -> float:
        return median([it.accepted for it in self.by_associations[associations]])

    def finished(self, associations: int) -> float:
        return median([it.finished for it in self.by_associations[associations]])

    def processor(self) -> str:
        """Milliseconds of processor time an object, and what of it receiving took."""
        every = [it for runs in self.by_associations.values() for it in runs]
        shown = f"{1e3 * median([it.processor for it in every]):.3g}"
        receiving = 1e3 * median([it.receiving for it in every])
        return f"{shown} (receiving {receiving:.2g})" if receiving else shown


Results = dict[Load, dict[str, Found]]


def compare(
    competitors: dict[str, Competitor],
    loads: Sequence[Load],
    associations: Sequence[int],
    rounds: int,
    folder: Path,
    *,
    routed: bool,
) -> Results:
    """Measure all programs in turns."""
    results: Results = {load: {name: Found() for name in competitors} for load in loads}
    for number in range(rounds):
        for load in loads:
            for name, competitor in competitors.items():
                print(f"  round {number + 1}: {load.name}, {name}", file=sys.stderr, flush=True)
                with contextlib.ExitStack() as stack:
                    place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
                    sink = Sink(place) if routed else None
                    port = stack.enter_context(sink.running()) if sink else None
                    node = stack.enter_context(competitor.start(place, port))
                    count = max(2, round(load.count * competitor.share))
                    _round(node, load, count, associations, sink, results[load][name], number == 0)
    return results


def _round(
    node: Running,
    load: Load,
    count: int,
    associations: Sequence[int],
    sink: Sink | None,
    found: Found,
    first: bool,
) -> None:
    measure(node, load, 1, max(2, count // 20), sink)
    if sink is None:
        found.latency += latencies(node.port, load, min(count, FEW))
    for several in associations:
        taken = measure(node, load, several, max(count, several), sink)
        found.by_associations[several].append(taken)
    if first:
        with peak_memory(node) as peak:
            measure(node, load, max(associations), max(count // 2, *associations), sink)
        found.memory = peak[0]


def _figure(value: float) -> str:
    """Return three figures, without an exponent."""
    return f"{float(f'{value:.3g}'):,g}"


def headings(associations: Sequence[int]) -> list[str]:
    """Return the heads of the columns: the numbers of associations, named at the first one."""
    first, *others = associations
    return [f"{first} association{'s' if first > 1 else ''}", *map(str, others)]


def rates(results: Results, associations: Sequence[int], rate: str) -> str:
    """Return the table of objects a second by number of associations."""
    rows = [
        [load.name, name, *(_figure(getattr(found, rate)(n)) for n in associations)]
        for load, programs in results.items()
        for name, found in programs.items()
    ]
    heads = headings(associations)
    return table(["object", "program", *heads], rows)


def costs(results: Results) -> str:
    """Return the table of processor time, memory and, where it was taken, latency."""
    timed = any(found.latency for programs in results.values() for found in programs.values())
    rows = []
    for load, programs in results.items():
        for name, found in programs.items():
            row = [load.name, name, found.processor(), f"{found.memory / 1e6:.0f}"]
            if timed:
                row += [f"{1e3 * percentile(found.latency, p):.2f}" for p in (0.5, 0.99)]
            rows.append(row)
    head = ["object", "program", "processor, ms an object", "most memory, MB"]
    return table([*head, "latency p50, ms", "p99, ms"] if timed else head, rows)


def goal(
    results: Results, associations: Sequence[int], rate: str, ours: str, peer: str, factor: float
) -> str:
    """Return the table of how the rate of ours stands to the one of a peer, and what is wanted."""
    rows = []
    for load, programs in results.items():
        ratios = [
            getattr(programs[ours], rate)(n) / getattr(programs[peer], rate)(n)
            for n in associations
        ]
        rows.append([load.name, f"{factor:g}", *(f"{ratio:.2f}" for ratio in ratios)])
    heads = headings(associations)
    return table(["object", f"wanted, {peer} = 1", *heads], rows)


def machine() -> str:
    return f"Python {platform.python_version()}, {processor()}"


def options(description: str, competitors: dict[str, Competitor]) -> argparse.Namespace:
    """Parse the options that the benches of the network share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="one round of few CT objects")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=[*competitors], help="these programs")
    parser.add_argument("--loads", nargs="+", choices=["CT", "MR", "enhanced"])
    parser.add_argument("--associations", nargs="+", type=int)
    parser.add_argument(
        "--folder", type=Path, default=MEMORY_FILES if MEMORY_FILES.is_dir() else None,
        help="where all files are written; default: a file system in memory",
    )  # fmt: skip
    parser.add_argument("--write", type=Path, help="document to write the tables into")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.loads = chosen.loads or (["CT"] if chosen.quick else ["CT", "MR", "enhanced"])
    chosen.associations = chosen.associations or ([1, 4] if chosen.quick else [1, 2, 4, 8])
    chosen.only = chosen.only or [*competitors]
    chosen.scale = 0.4 if chosen.quick else 1.0
    return chosen
