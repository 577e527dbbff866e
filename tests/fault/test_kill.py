"""The law of the spool: an object that was answered 0x0000 is delivered, whatever is killed.

Each run kills at other moments, drawn from its seed. Lost must be 0; delivered twice is allowed
for what was being sent at that moment.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Sample, Scanners, sample
from tests.fault.nodes import NodeProcess, seeds
from tests.waiting import wait_until

SCANNERS = 3
OBJECTS = 40
"""Of each scanner, in each run of scanners."""


def lots(chance: random.Random, turn: int = 0) -> list[list[Sample]]:
    """Objects for the scanners: small ones, and some that take several PDUs."""
    first = turn * SCANNERS * OBJECTS
    objects = [
        sample(first + n, chance.choice((2048, 2048, 400_000)), series=n % 7)
        for n in range(SCANNERS * OBJECTS)
    ]
    return [objects[start::SCANNERS] for start in range(SCANNERS)]


def wait_for_some(scanners: Scanners, ledger: Ledger, chance: random.Random) -> None:
    """Wait for a moment that the seed decides, while objects come in."""
    scanners.wait_for_answers(ledger.answered + chance.randrange(SCANNERS * OBJECTS))
    time.sleep(chance.uniform(0, 0.02))


def assert_all_recorded(node: NodeProcess, ledger: Ledger) -> None:
    """Nothing is left in the spool, and the log has each object that was answered."""
    assert not node.left_in_spool()
    assert node.logged() >= ledger.answered


@pytest.mark.parametrize("seed", seeds())
def test_every_answered_object_arrives_after_the_node_is_killed(seed, tmp_path):
    chance, ledger = random.Random(seed), Ledger("`kill -9` of the whole node, twice")
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        for turn in range(2):
            with Scanners(node.port, ledger, lots(chance, turn)) as scanners:
                wait_for_some(scanners, ledger, chance)
                node.kill()
            node.start()
        ledger.settle(node, pacs)
        assert_all_recorded(node, ledger)


@pytest.mark.parametrize("seed", seeds())
def test_what_waited_for_a_destination_outlives_the_node(seed, tmp_path):
    ledger = Ledger("`kill -9` of the node, its destination down, one worker less after it")
    chance, pacs = random.Random(seed), Destination()
    with NodeProcess(tmp_path, {"pacs": pacs.port}, spool={"durability": "fsync"}) as node:
        with Scanners(node.port, ledger, lots(chance)) as scanners:
            wait_for_some(scanners, ledger, chance)
            node.kill()
        assert not pacs.objects
        # Another number of workers: the partition of the one that is gone is taken over.
        node.config["node"]["workers"] = 1
        node.write_config()
        node.start()
        with pacs:
            ledger.settle(node, pacs)
            assert_all_recorded(node, ledger)


@pytest.mark.parametrize("kind", ["receiver", "forwarder"])
@pytest.mark.parametrize("seed", seeds())
def test_a_killed_worker_is_replaced_and_loses_nothing(seed, kind, tmp_path):
    chance, ledger = random.Random(seed), Ledger(f"`kill -9` of a {kind}, twice")
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        for turn in range(2):
            with Scanners(node.port, ledger, lots(chance, turn)) as scanners:
                wait_for_some(scanners, ledger, chance)
                node.kill_worker(kind, chance)
        ledger.settle(node, pacs)
        assert_all_recorded(node, ledger)
        assert node.said().count("killed by SIGKILL") == 2
        assert ledger.scan(node.port, [sample(10**6)]) == 1
        assert node.stop() == 0


@pytest.mark.parametrize("kind", ["receiver", "forwarder"])
def test_what_a_killed_worker_had_half_removed_is_gone_after_its_restart(kind, tmp_path):
    """A journal goes before its data file: whoever is killed between the two leaves the latter."""
    with NodeProcess(tmp_path, {}, node={"workers": 1}) as node:
        (node.spool / "0" / "18e9f287d2751700-00e531.dcm").write_bytes(b"of a finished object")
        node.kill_worker(kind)
        assert not node.left_in_spool()


@pytest.mark.parametrize("seed", seeds())
def test_a_node_told_to_stop_loses_nothing(seed, tmp_path):
    chance, ledger = random.Random(seed), Ledger("SIGTERM while objects come in")
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanners(node.port, ledger, lots(chance)) as scanners:
            wait_for_some(scanners, ledger, chance)
            assert node.stop() == 0
        node.start()
        ledger.settle(node, pacs)
        assert_all_recorded(node, ledger)


def test_workers_end_when_the_supervisor_is_killed(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        workers = node.workers()
        assert node.process is not None
        os.kill(node.process.pid, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
