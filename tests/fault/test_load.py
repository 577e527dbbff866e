"""Many objects, long objects and the same objects again."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Sample, Scanners, sample
from tests.fault.nodes import NodeProcess

MANY = 10_000
LONG = 2**31 + 4096
ROOM_FOR_LONG = 2 * LONG
PIXEL_DATA_HEADER = 12


@pytest.mark.timeout(300)
def test_ten_thousand_small_objects(tmp_path):
    ledger, scanners = Ledger("none: 10,000 small objects"), 4
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        lots = [
            (sample(n, 512, series=n // 200) for n in range(k, MANY, scanners))
            for k in range(scanners)
        ]
        with Scanners(node.port, ledger, lots):
            pass
        tally = ledger.settle(node, pacs, timeout=200)
        assert tally.delivered == tally.answered == MANY
        node.wait_until(lambda: not node.spooled(), 60)
        assert node.logged() == MANY


def test_the_same_instance_again_with_the_same_and_with_other_bytes(tmp_path):
    """Both versions arrive: the node does not decide which of them is right."""
    ledger, count = Ledger("the same instances again, with the same and other bytes"), 20
    first = [sample(n, series=n % 3) for n in range(count)]
    second = [sample(n, series=n % 3, version=n % 2) for n in range(count)]
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanners(node.port, ledger, (first, second, first)):
            pass
        tally = ledger.settle(node, pacs)
        node.wait_until(lambda: not node.spooled())
    assert tally.sent == tally.answered == tally.delivered == count + count // 2
    assert len(pacs.objects) == count


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for a long object, in memory when there is enough of it."""
    memory = Path("/dev/shm")
    place = tmp_path
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_FOR_LONG:
        place = memory / f"atlas-{time.time_ns()}"
        place.mkdir()
    yield place
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def most_memory(node: NodeProcess) -> Iterator[list[int]]:
    """Give a list that holds, at the end, the most memory of their own the processes had."""
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], node.own_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


@pytest.mark.timeout(300)
def test_an_object_longer_than_two_gigabytes_takes_little_memory(roomy, tmp_path):
    head = sample(1).data[: -2048 - PIXEL_DATA_HEADER]
    prefix = head + b"\xe0\x7f\x10\x00OW\0\0" + LONG.to_bytes(4, "little")
    data = np.zeros(len(prefix) + LONG, np.uint8)  # what is never written takes no memory
    data[: len(prefix)] = np.frombuffer(prefix, np.uint8)
    one = Sample(sample(1).uid, memoryview(data))
    ledger = Ledger("none: an object longer than 2 GB")
    spool = {"path": str(roomy / "spool"), "limits": {"min_free_bytes": 1}}
    timeouts = {"dimse": 60, "network": 60, "drain": 5}
    with (
        Destination() as pacs,
        NodeProcess(
            tmp_path, {"pacs": pacs.port}, spool=spool, node={"timeouts": timeouts}
        ) as node,
    ):
        before = node.own_memory()
        with most_memory(node) as most:
            assert ledger.scan(node.port, [one], timeout=60) == 1
            assert pacs.wait(lambda it: it.stored() == 1, 60)
            node.wait_until(lambda: not any((roomy / "spool").rglob("*.job")))
        assert ledger.settle(node, pacs).delivered == 1
    grown = most[0] - before
    print(f"object of {LONG / 1e6:.0f} MB: {grown / 1e6:.1f} MB more memory")
    assert grown < 64_000_000
