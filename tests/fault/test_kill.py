"""The law of the spool: an object that was answered 0x0000 is delivered, whatever is killed.

Each run kills at another moment, drawn from its seed. Lost must be 0; delivered twice is allowed
for what was being sent at that moment.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.model import Policy
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import Pacs, ct_object, encoded, send

OBJECTS = 100
SENDERS = 2


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return Annotator(open_layers((), {}))


class Scanner:
    """Sends objects over several associations and remembers what was answered 0x0000."""

    def __init__(self, port: int) -> None:
        self.objects = [ct_object(number) for number in range(OBJECTS)]
        self.answered: list[str] = []
        self._threads = [
            threading.Thread(
                target=send,
                args=(port, self.objects[start::SENDERS]),
                kwargs={"answered": self.answered},
            )
            for start in range(SENDERS)
        ]

    def __enter__(self) -> Scanner:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def wait_for_answers(self, count: int) -> None:
        give_up = time.monotonic() + 20
        while len(self.answered) < count and time.monotonic() < give_up:
            time.sleep(0.001)


def assert_nothing_lost(scanner: Scanner, pacs: Pacs, annotator: Annotator) -> None:
    """Every answered object has arrived, and whatever arrived is exactly as annotated."""
    assert scanner.answered
    assert pacs.wait_for(scanner.answered), "an object that was answered has not arrived"
    received = {str(ds.SOPInstanceUID): encoded(ds) for ds in scanner.objects}
    for uid, copies in pacs.objects.items():
        annotation = annotator.annotate(received[uid], "1.2.840.10008.1.2.1", Policy.DECODE)
        assert annotation.changed
        assert set(copies) == {b"".join(annotation.pieces)}


@pytest.mark.parametrize("seed", range(4))
def test_every_answered_object_arrives_after_the_node_is_killed(seed, tmp_path, annotator):
    chance = random.Random(seed)
    with Pacs() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanner(node.port) as scanner:
            scanner.wait_for_answers(chance.randrange(5, 80))
            node.kill()
        answered = len(scanner.answered)
        node.start()
        assert_nothing_lost(scanner, pacs, annotator)
        node.wait_until(lambda: not node.spooled())
    twice = sum(len(copies) - 1 for copies in pacs.objects.values())
    print(f"seed {seed}: sent {OBJECTS}, answered {answered}, delivered twice {twice}, lost 0")


@pytest.mark.parametrize("seed", range(2))
def test_what_waited_for_a_destination_outlives_the_node(seed, tmp_path, annotator):
    chance = random.Random(seed)
    pacs = Pacs()
    with NodeProcess(tmp_path, {"pacs": pacs.port}, spool={"durability": "fsync"}) as node:
        with Scanner(node.port) as scanner:
            scanner.wait_for_answers(chance.randrange(20, 80))
            node.kill()
        assert not pacs.objects
        # Another number of workers: the partition of the one that is gone is taken over.
        node.config["node"]["workers"] = 1
        node.write_config()
        node.start()
        with pacs:
            assert_nothing_lost(scanner, pacs, annotator)
            node.wait_until(lambda: not node.spooled())


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_worker_is_replaced_and_loses_nothing(seed, tmp_path, annotator):
    chance = random.Random(seed)
    with Pacs() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanner(node.port) as scanner:
            scanner.wait_for_answers(chance.randrange(5, 80))
            os.kill(chance.choice(node.workers()), signal.SIGKILL)
        node.wait_until(lambda: len(node.workers()) == 2)
        assert_nothing_lost(scanner, pacs, annotator)
        node.wait_until(lambda: not node.spooled())
        assert "killed by SIGKILL" in node.said()
        assert len(send(node.port, [ct_object(1)])) == 1
        assert node.stop() == 0


def test_workers_end_when_the_supervisor_is_killed(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        workers = node.workers()
        assert node.process is not None
        os.kill(node.process.pid, signal.SIGKILL)
        give_up = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < give_up
            time.sleep(0.02)
