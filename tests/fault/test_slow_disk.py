"""Disks that are slow or stall, with many associations at once: scanners wait, memory does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Sample, long_sample, sample
from tests.fault.memory import memory_growth
from tests.fault.nodes import NodeProcess
from tests.scanner import EXPLICIT, VERIFICATION, Scanner

SCANNERS = 20
WORKERS = 2
LITTLE = 32_000_000
"""Bytes of memory that all receivers together may take more than at rest."""


@pytest.fixture
def stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give nodes that are started a disk that stands still while this file is there."""
    file = tmp_path / "stall"
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "slow_disk"))
    monkeypatch.setenv("ATLAS_TEST_DISK_STALLS", str(file))
    return file


@contextmanager
def scanning(ledger: Ledger, port: int, lots: Sequence[Sequence[Sample]]) -> Iterator[None]:
    """Have a scanner send each of the lots, all at once; wait for them at the end."""
    threads = [threading.Thread(target=ledger.scan, args=(port, lot, 60.0)) for lot in lots]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def test_a_slow_disk_makes_scanners_wait_and_loses_nothing(stall, tmp_path, monkeypatch):
    rate, size, each = 6_000_000, 300_000, 3
    monkeypatch.setenv("ATLAS_TEST_DISK_RATE", str(rate))
    monkeypatch.setenv("ATLAS_TEST_DISK_SYNC", "0.01")
    ledger = Ledger("a slow disk, 20 associations at once")
    lots = [[sample(k * each + n, size, series=k) for n in range(each)] for k in range(SCANNERS)]
    spool = {"durability": "fsync"}
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}, spool=spool) as node:
        begun = time.monotonic()
        with memory_growth(node, "receiver") as growth, scanning(ledger, node.port, lots):
            pass
        took = time.monotonic() - begun
        tally = ledger.settle(node, pacs)
        node.wait_until(lambda: not node.spooled())
    print(f"a slow disk: {took:.1f} s, {growth.most / 1e6:.1f} MB more")
    assert tally.delivered == tally.answered == tally.sent == SCANNERS * each
    assert took > SCANNERS * each * size / rate / WORKERS
    assert growth.most < LITTLE


def test_twenty_long_objects_at_once_wait_for_a_disk_that_stalls(stall, roomy, tmp_path):
    """None is longer in memory than a buffer, also while nothing can be written."""
    size = 20_000_000
    ledger = Ledger("20 objects of 20 MB at once, the disk stalls")
    lots = [[long_sample(k, size)] for k in range(SCANNERS)]
    spool = {"path": str(roomy / "spool"), "limits": {"min_free_bytes": 1}}
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}, spool=spool) as node:

        def written() -> int:
            return sum(it.stat().st_size for it in (roomy / "spool").rglob("*.dcm"))

        with memory_growth(node, "receiver") as growth, scanning(ledger, node.port, lots):
            node.wait_until(lambda: written() > size)
            stall.touch()
            before = -1
            while before != (before := written()):  # what was being written goes to its end
                time.sleep(0.5)
            with Scanner(node.port, [(VERIFICATION, (EXPLICIT,))]) as other:
                assert other.echo() == 0
                time.sleep(1.0)
                other.release()
            assert written() == before < SCANNERS * size
            assert ledger.answered < SCANNERS
            stall.unlink()
        tally = ledger.settle(node, pacs)
        node.wait_until(lambda: not any((roomy / "spool").rglob("*.dcm")))
    print(f"{SCANNERS} objects of {size / 1e6:.0f} MB at once: {growth.most / 1e6:.1f} MB more")
    assert tally.delivered == tally.answered == SCANNERS
    assert growth.most < LITTLE
