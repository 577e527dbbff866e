"""The dictionary's search as one types against the library's own, and what publishing costs.

    .venv/bin/python tests/bench/bench_viewer.py [--write docs/log.md]

Each question is asked after 1, 2, 4, 8 and all letters, as a browser sends it while one types; the
library's search, which ``atlas-dict search`` uses, gets the same texts. The deliveries page is
asked for with as many objects in the spool as it keeps in mind. Times are those of the processor.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[2]))

from atlas_dictionary import open_dictionary
from atlas_node.activity import IncomingAssociation, Publisher, Snapshot, Tally, read_activity
from atlas_node.activity.metrics import OBJECTS_RECEIVED, RECEIVE_SECONDS
from atlas_node.config import load_config
from atlas_node.log import LogStore
from atlas_node.model import Envelope, Policy
from atlas_node.spool import Recipient
from atlas_node.spool.overview import MOST
from atlas_node.web import create_app
from atlas_node.web.entry_search import EntrySearch, Question
from tests.bench.bench_log import processor
from tests.bench.document import table, write_region
from tests.spools import FedSpool

QUESTIONS = (
    "b-value", "diffusion gradient", "images mosaic", "0019,100c", "siemens csa", "gems_parm",
    "window center", "dose", "slice timing", "(2005,xx00)", "philips scale slope", "coil",
)  # fmt: skip
ROUNDS = 5
CONFIG = """
spool: {path: ./spool, limits: {min_free_bytes: 1}}
log: {url: "sqlite:///log.db"}
destinations: [{name: pacs, ae_title: PACS, host: 192.0.2.20, port: 104}]
routes: [{to: [pacs]}]
"""


def timed(function: Callable[[], object], rounds: int) -> list[float]:
    """Return how long each of some calls took, in milliseconds."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        function()
        taken.append((time.process_time() - begun) * 1e3)
    return taken


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def typed() -> Iterator[str]:
    """Yield what a browser asks while the questions are typed."""
    for question in QUESTIONS:
        yield from (question[:length] for length in (1, 2, 4, 8) if length < len(question))
        yield question


def search_rows() -> tuple[list[list[str]], float]:
    """Return the rows of both searches, and the seconds that ours takes to be made ready."""
    dictionary = open_dictionary()
    list(dictionary)  # both sides find the entries decoded
    search = EntrySearch(lambda: dictionary)
    begun = time.process_time()
    search.ready()
    ready = time.process_time() - begun
    ours: list[float] = []
    theirs: list[float] = []
    for text in typed():
        ours += timed(lambda text=text: search.find(Question(text)), ROUNDS)  # type: ignore[misc]
        theirs += timed(lambda text=text: dictionary.search(text), 1)  # type: ignore[misc]
    rows = []
    for name, share in ("p50, ms", 0.5), ("p95, ms", 0.95):
        mine, other = percentile(ours, share), percentile(theirs, share)
        rows.append([name, f"{mine:.1f}", f"{other:.0f}", f"{other / mine:.0f}"])
    return rows, ready


def full_spool(folder: Path) -> TestClient:
    """Return a viewer over a spool with `MOST` objects that wait."""
    path = folder / "config.yaml"
    path.write_text(CONFIG)
    config = load_config(path, {})
    spool = FedSpool(config.spool)
    for number in range(MOST):
        envelope = Envelope(
            time.time(), "CT1", "ATLAS", "192.0.2.7", "1.2.840.10008.5.1.4.1.1.2",
            f"1.2.826.0.1.3680043.8.498.{number}", "1.2.840.10008.1.2.1",
        )  # fmt: skip
        spool.accept(envelope, b"x", [Recipient("pacs", Policy.DECODE)])
    standing = timed(spool.standing, 20)
    print(f"standing of {MOST:,} deliveries: {statistics.median(standing):.2f} ms")
    spool.close()
    store = LogStore.open(config.log.url)
    return TestClient(create_app(store, config), base_url="http://127.0.0.1:8080")


def publishing(folder: Path) -> list[list[str]]:
    """Return what counting, publishing and reading cost, in microseconds."""
    tally = Tally()
    open_ = tuple(
        IncomingAssociation(f"MR{number}", "ATLAS", "192.0.2.7", time.time())
        for number in range(20)
    )
    publisher = Publisher(folder, "receiver-0", tally, lambda: Snapshot(incoming=open_))
    many = 10_000

    def count() -> None:
        for _ in range(many):
            tally.add(OBJECTS_RECEIVED)
            tally.observe(RECEIVE_SECONDS, 0.003)

    counted = min(timed(count, 5)) * 1e3 / many
    published = statistics.median(timed(publisher.publish, 50)) * 1e3
    read = statistics.median(timed(lambda: read_activity(folder), 50)) * 1e3
    return [
        ["count an object and its time", f"{counted:.1f}"],
        ["publish, once a second, with 20 associations", f"{published:.0f}"],
        ["read one process", f"{read:.0f}"],
    ]


def main() -> None:
    """Measure, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=Path, help="document to write the tables into")
    options = parser.parse_args()
    rows, ready = search_rows()
    with tempfile.TemporaryDirectory() as place:
        costs = publishing(Path(place) / "published")
        viewer = full_spool(Path(place))
        viewer.get("/deliveries")
        pages = timed(lambda: viewer.get("/deliveries"), 20)
    said = (
        f"{len(open_dictionary()):,} entries, {processor()}. The search is made ready once, in "
        f"{ready:.1f} s.\n\n{table(['search', 'viewer', 'library', 'ratio'], rows)}\n\n"
        f"The deliveries page with {MOST:,} objects in the spool: p50 "
        f"{statistics.median(pages):.0f} ms, p95 {percentile(pages, 0.95):.0f} ms.\n\n"
        f"{table(['what a process publishes', 'µs'], costs)}\n"
    )
    print(said)
    if options.write:
        write_region(options.write, "viewer", said)


if __name__ == "__main__":
    main()
