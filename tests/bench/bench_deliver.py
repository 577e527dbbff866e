"""Receiving, annotating, logging and delivering, side by side with other routers.

    .venv/bin/python tests/bench/bench_deliver.py [--write docs/performance.md]
    .venv/bin/python tests/bench/bench_deliver.py --quick [--only ours Orthanc]

All send to the same destination, a storescp that writes what it gets as it comes (+B). The rate
from end to end counts until that has every object and, of ours, the log has them all too and the
spool is empty. Orthanc stores and sends on by a Lua script; the plain script of pynetdicom decodes
with pydicom, sends on and then answers.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import programs
from tests.bench.document import write_region
from tests.bench.load import loads
from tests.bench.side_by_side import Competitor, compare, costs, goal, machine, options, rates

COMPETITORS = {
    "ours": Competitor(programs.atlas),
    "Orthanc": Competitor(programs.orthanc, 0.5),
    "pynetdicom": Competitor(programs.pynetdicom, 0.1),
}


def main() -> None:
    chosen = options(__doc__.split("\n", maxsplit=1)[0], COMPETITORS)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        results = compare(
            {name: COMPETITORS[name] for name in chosen.only},
            loads(Path(place), chosen.loads, chosen.scale),
            chosen.associations,
            chosen.rounds,
            Path(place),
            routed=True,
        )
    parts = [
        "Objects a second from end to end:",
        rates(results, chosen.associations, "finished"),
        "Of these, accepted objects a second while the rest goes on:",
        rates(results, chosen.associations, "accepted"),
        costs(results),
    ]
    if {"ours", "Orthanc"} <= set(chosen.only):
        parts.append(goal(results, chosen.associations, "finished", "ours", "Orthanc", 2.5))
    parts.append(machine())
    if chosen.write:
        write_region(chosen.write, "bench_deliver", "\n\n".join(parts))
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
