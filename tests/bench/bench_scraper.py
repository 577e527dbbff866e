"""How fast atlas-scrape reads, and in how much memory, beside plain pdfplumber on the same pages.

    .venv/bin/python tests/bench/bench_scraper.py [FOLDER] [--rounds N] [--write docs/scraper.md]

FOLDER holds statements in PDF. They are read several times over under other names, by
`atlas-scrape` with one process and with two, and by `pdfplumber`, which extracts the tables of
every page and closes it, in as many. The runs are interleaved; each counts with its fastest round.
Seconds of processor time say what a page costs on a machine that is busy otherwise. Memory is
that of all processes together, pages that they share counted once.

Then one document of 500 pages is made of the same pages, and the memory of the process that reads
it is taken at every page.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import pypdfium2

from atlas_scraper.dispatch import Limits, dispatch
from atlas_scraper.documents import find_documents
from atlas_scraper.worker import Task, Turned
from tests.bench.document import table, write_region
from tests.bench.processes import memory
from tests.peers import SHARED

MIB = 1 << 20
COPIES = 2
LONG = 500
SCRIPT = Path(sys.executable).with_name("atlas-scrape")
PLAIN = """
import sys, pdfplumber
for path in sys.argv[1:]:
    with pdfplumber.open(path) as document:
        for page in document.pages:
            page.extract_tables()
            page.close()
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one run, of the clock and of processors, and the most memory it had."""

    seconds: float
    processor: float
    peak: int


def measured(commands: Sequence[Sequence[str | Path]]) -> Cost:
    """Run commands at the same time, and watch them."""
    start, before = time.perf_counter(), _processor_seconds()
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for command in commands
    ]
    peak = 0
    while any(process.poll() is None for process in running):
        peak = max(peak, sum(memory(p.pid) for p in running if p.poll() is None))
        time.sleep(0.2)
    seconds = time.perf_counter() - start
    for process in running:
        _, said = process.communicate()
        if process.returncode:
            sys.exit(f"{process.args}: {said.decode()}")
    return Cost(seconds, _processor_seconds() - before, peak)


def _processor_seconds() -> float:
    """Give what all processes that have ended took."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def copies(statements: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Give each statement several times, under names of their own."""
    for number in range(COPIES):
        for statement in statements:
            path = folder / f"{statement.stem}-{number}.pdf"
            path.symlink_to(statement.resolve())
            yield path


def pages_of(paths: Sequence[Path]) -> int:
    """Count the pages of documents."""
    count = 0
    for path in paths:
        document = pypdfium2.PdfDocument(path)
        count += len(document)
        document.close()
    return count


def long_document(statements: Sequence[Path], path: Path) -> None:
    """Make one document of 500 pages out of the pages of the statements."""
    document = pypdfium2.PdfDocument.new()
    while len(document) < LONG:
        for statement in statements:
            source = pypdfium2.PdfDocument(statement)
            document.import_pages(source, list(range(min(len(source), LONG - len(document)))))
            source.close()
    document.save(path)
    document.close()


def memory_by_page(path: Path, folder: Path) -> tuple[float, dict[int, int]]:
    """Read one document; give its seconds, and the memory of the worker by page."""
    found: dict[int, int] = {}

    def watch(task: Task, turned: Turned) -> None:
        found[turned.page] = sum(memory(p.pid or 0) for p in multiprocessing.active_children())

    (document,) = find_documents([path])
    ((_, tally),) = dispatch([Task(document, folder / "rows.jsonl")], 1, Limits(), watch)
    if tally.error is not None:
        sys.exit(f"{path}: {tally.error}")
    return tally.seconds, found


def speed_table(documents: Sequence[Path], rounds: int, folder: Path) -> str:
    """Measure the four ways to read the documents, and give the table."""
    pages = pages_of(documents)
    halves = [documents[0::2], documents[1::2]]
    runs = {
        ("pdfplumber", 1): [[sys.executable, "-c", PLAIN, *documents]],
        ("pdfplumber", 2): [[sys.executable, "-c", PLAIN, *half] for half in halves],
        ("atlas-scrape", 1): [[SCRIPT, *documents, "-o", folder / "one.jsonl", "-j", "1"]],
        ("atlas-scrape", 2): [[SCRIPT, *documents, "-o", folder / "two.jsonl", "-j", "2"]],
    }
    best: dict[tuple[str, int], Cost] = {}
    for number in range(rounds):
        for key, commands in runs.items():
            cost = measured(commands)
            print(f"round {number + 1}: {key[0]} in {key[1]}: {cost}", flush=True)
            if key not in best or cost.seconds < best[key].seconds:
                best[key] = cost
    rows = []
    for (name, jobs), cost in best.items():
        ratio = best["pdfplumber", jobs].seconds / cost.seconds
        speed, each = f"{pages / cost.seconds:.0f}", f"{1000 * cost.processor / pages:.0f}"
        rows.append([name, f"{jobs}", speed, f"{ratio:.1f}", each, f"{cost.peak // MIB}"])
    head = ["", "processes", "pages/s", "times as fast", "processor ms a page", "peak MiB"]
    return f"{pages} pages:\n\n{table(head, rows)}"


def long_table(statements: Sequence[Path], folder: Path) -> str:
    """Measure the memory over the long document, and give the table."""
    path = folder / "long.pdf"
    long_document(statements, path)
    seconds, found = memory_by_page(path, folder)
    rows = []
    for start in range(0, LONG, 100):
        taken = [size for page, size in found.items() if start < page <= start + 100]
        rows.append([f"{start + 1} to {start + 100}", f"{max(taken, default=0) // MIB}"])
    print(f"{LONG} pages in {seconds:.1f} s")
    return table(["pages", "most MiB of the worker"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=SHARED / "data" / "conformance-pdfs"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="put the tables into this document")
    given = parser.parse_args()
    statements = sorted(given.folder.glob("*.pdf"))
    if not statements:
        sys.exit(f"{given.folder}: has no PDF")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        speed = speed_table(list(copies(statements, folder)), given.rounds, folder)
        long = long_table(statements, folder)
    text = f"{speed}\n\nOne document of {LONG} pages, made of the same:\n\n{long}"
    print(text)
    if given.write:
        write_region(given.write, "scraper speed", text)


if __name__ == "__main__":
    main()
