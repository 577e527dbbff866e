"""Receiving, side by side: Atlas Node, DCMTK's storescp, Orthanc and plain pynetdicom.

    .venv/bin/python tests/bench/bench_receive.py [--write docs/performance.md]
    .venv/bin/python tests/bench/bench_receive.py --quick [--only ours storescp]

Nothing is sent on: the others write files (Orthanc also its index), ours writes its spool, answers,
and then decodes and logs every object while the next ones come in. The accept rate counts until the
last answer. Latency is that of single C-STOREs from a bare socket with nothing else going on.
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
    "ours, fsync": Competitor(programs.atlas_fsync),
    "ours, routed": Competitor(programs.atlas_routed),
    "storescp": Competitor(programs.storescp),
    "storescp +B": Competitor(programs.storescp_unparsed),
    "Orthanc": Competitor(programs.orthanc, 0.5),
    "pynetdicom": Competitor(programs.pynetdicom, 0.3),
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
            routed=False,
        )
    parts = [
        "Accepted objects a second:",
        rates(results, chosen.associations, "accepted"),
        costs(results),
    ]
    if {"ours", "storescp"} <= set(chosen.only):
        parts.append(goal(results, chosen.associations, "accepted", "ours", "storescp", 1.0))
    parts.append(machine())
    if chosen.write:
        write_region(chosen.write, "bench_receive", "\n\n".join(parts))
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
