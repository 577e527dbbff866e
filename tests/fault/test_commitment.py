"""The law of storage commitment: a request that was answered 0x0000 gets its report.

The whole node, or its storage commitment process alone, is killed at moments drawn from a seed.
Lost must be 0; a scanner that is told twice is allowed.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.commitment import (
    PUSH_MODEL,
    Archive,
    Reference,
    Scanner,
    named,
    references,
)
from tests.fault import results
from tests.fault.nodes import NodeProcess, seeds
from tests.fault.results import Tally
from tests.waiting import wait_until

SCANNERS = 3
REQUESTS = 4
"""Of each scanner, in each run."""


class Asking(threading.Thread):
    """A scanner that makes one request after the other, also when the node is away."""

    def __init__(self, scanner: Scanner, port: int, archive: Archive) -> None:
        super().__init__()
        self.scanner = scanner
        self.port = port
        self.archive = archive
        self.accepted: dict[str, list[Reference]] = {}
        self.start()

    def run(self) -> None:
        for _ in range(REQUESTS):
            asked = references(3)
            self.archive.has |= {uid for _, uid in asked[:2]}
            status, uid = self.scanner.ask(self.port, asked)
            if status == 0x0000:
                self.accepted[uid] = asked
            time.sleep(0.2)

    def told(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for event_type, ds in self.scanner.told:
            found.setdefault(str(ds.TransactionUID), []).append(event_type)
        return found


def node_for(folder: Path, archive: Archive, scanners: list[Scanner]) -> NodeProcess:
    node = NodeProcess(
        folder,
        {"pacs": archive.port},
        peers=[
            {"ae_title": archive.ae_title, "services": ["commit"]},
            *({"ae_title": it.ae_title, "report_to": {"port": it.port}} for it in scanners),
        ],
        # This archive does not try twice to deliver a report: it must be asked again.
        commitment={"linger": 0.5, "ask_again": 1.0},
    )
    node.config["destinations"][0]["commitment"] = True
    node.write_config()
    archive.calls = node.port
    return node


def settle(asking: list[Asking], node: NodeProcess, fault: str) -> None:
    """Wait for the reports of all accepted requests, and hold them against what was asked."""
    for it in asking:
        it.join()
    wait_until(lambda: all(it.accepted.keys() <= it.told().keys() for it in asking))
    wait_until(lambda: not list((node.spool / "commitment").glob("*.json")))
    told = [len(it.told()[uid]) for it in asking for uid in it.accepted]
    tally = Tally(
        sent=len(asking) * REQUESTS,
        answered=len(told),
        delivered=len(told),
        duplicated=sum(told) - len(told),
        dead=0,
        lost=0,
    )
    print(tally)
    results.note(f"{fault} (storage commitment requests)", id(asking), tally)
    for it in asking:
        for _, ds in it.scanner.told:
            asked = it.accepted.get(str(ds.TransactionUID))
            if asked is not None:
                assert named(ds, "ReferencedSOPSequence") == asked[:2]
                assert named(ds, "FailedSOPSequence") == asked[2:]


@pytest.mark.parametrize("reports", ["same", "new"])
@pytest.mark.parametrize("seed", seeds())
def test_every_accepted_request_is_reported_on_after_the_node_is_killed(seed, reports, tmp_path):
    chance = random.Random(seed)
    scanners = [Scanner(f"SCANNER{number}") for number in range(SCANNERS)]
    for scanner in scanners:
        scanner.start()
    try:
        with Archive(reports) as archive, node_for(tmp_path, archive, scanners) as node:
            asking = [Asking(it, node.port, archive) for it in scanners]
            for _ in range(2):
                time.sleep(chance.uniform(0.3, 1.5))
                node.kill()
                node.start()
            settle(asking, node, "`kill -9` of the whole node, twice")
    finally:
        for scanner in scanners:
            scanner.stop()


def test_a_killed_commitment_process_is_replaced(tmp_path):
    with (
        Scanner("SCANNER0") as scanner,
        Archive() as archive,
        node_for(tmp_path, archive, [scanner]) as node,
    ):
        asking = Asking(scanner, node.port, archive)
        for _ in range(2):
            node.kill_worker("commitment")
        settle([asking], node, "`kill -9` of the commitment process, twice")


def test_a_node_without_an_archive_that_commits_does_not_offer_it(tmp_path):
    with Archive() as archive, NodeProcess(tmp_path, {"pacs": archive.port}) as node:
        assert node.workers("commitment") == []
        with Scanner().association(node.port) as assoc:
            assert [it.abstract_syntax for it in assoc.rejected_contexts] == [PUSH_MODEL]
            assert assoc.rejected_contexts[0].result == 0x03  # abstract syntax not supported


def test_commitment_can_be_switched_on_while_the_node_runs(tmp_path):
    with (
        Scanner() as scanner,
        Archive() as archive,
        NodeProcess(tmp_path, {"pacs": archive.port}) as node,
    ):
        node.config["destinations"][0]["commitment"] = True
        node.config["peers"] = [{"ae_title": "SCANNER", "report_to": {"port": scanner.port}}]
        node.write_config()
        node.signal(signal.SIGHUP)
        node.wait_until(lambda: node.workers("commitment"))
        node.wait_until(lambda: node.said().count("configuration read again") >= 4)
        assert scanner.ask(node.port, references(1))[0] == 0x0000
        wait_until(lambda: scanner.told)
        assert node.stop() == 0
