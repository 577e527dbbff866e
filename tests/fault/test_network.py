"""Networks that cut, stall and trickle in the middle of objects, on either side of the node."""

from __future__ import annotations

import random
import resource
import socket
import subprocess
import threading
import time

import pytest

from atlas_node.dimse.transport import complaints
from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Scanners, sample
from tests.fault.nodes import NodeProcess, seeds
from tests.fault.pacs import ct_object
from tests.fault.wire import Cut, Fault, Wire
from tests.peers import environment, program
from tests.scanner import CT_IMAGE_STORAGE, AssociationEndedError, Scanner
from tests.waiting import LONG, wait_until

SIZE = 400_000
IMPATIENT = {"acse": 3, "dimse": 3, "network": 3, "drain": 5}


@pytest.mark.parametrize("seed", seeds())
def test_scanners_whose_network_is_cut_lose_nothing_that_was_answered(seed, tmp_path):
    """Each scanner is cut off at another byte of its association, in one of three ways."""
    chance, ledger = random.Random(seed), Ledger("network to the scanners cut at any byte")
    scanners, each = 12, 8
    faults = [Fault(chance.randrange(each * SIZE), chance.choice([*Cut])) for _ in range(scanners)]
    lots = [
        [sample(number * each + n, SIZE, series=number) for n in range(each)]
        for number in range(scanners)
    ]
    with Destination() as pacs:
        node_settings = {"timeouts": IMPATIENT, "workers": 1, "max_associations": scanners}
        with NodeProcess(tmp_path, {"pacs": pacs.port}, node=node_settings) as node:
            with Wire(node.port, lambda number: faults[number]) as wire:
                threads = [
                    threading.Thread(target=ledger.scan, args=(wire.port, lot, 3)) for lot in lots
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                # No association of theirs is left, not even of those who never said farewell.
                assert_takes_associations(node, scanners)
            ledger.settle(node, pacs)
            assert ledger.scan(node.port, [sample(10**6 + n, SIZE) for n in range(5)]) == 5
            ledger.settle(node, pacs)
            node.wait_until(lambda: not node.spooled())


def assert_takes_associations(node: NodeProcess, count: int) -> None:
    opened: list[Scanner] = []
    give_up = time.monotonic() + LONG
    try:
        while len(opened) < count:
            try:
                opened.append(Scanner(node.port).associate())
            except AssociationEndedError:
                assert time.monotonic() < give_up, f"{len(opened)} of {count} are taken"
                time.sleep(0.1)
    finally:
        for scanner in opened:
            scanner.close()


@pytest.mark.parametrize("seed", seeds())
def test_a_cut_network_to_the_destination_loses_nothing(seed, tmp_path):
    chance, ledger = random.Random(seed), Ledger("network to the destination cut at any byte")
    objects = [sample(n, chance.choice((2048, SIZE)), series=n % 4) for n in range(60)]
    faults = [Fault(chance.randrange(4 * SIZE), chance.choice([*Cut])) for _ in range(6)]
    with (
        Destination() as pacs,
        Wire(pacs.port, lambda n: faults[n] if n < len(faults) else None) as wire,
        NodeProcess(tmp_path, {"pacs": wire.port}, node={"timeouts": IMPATIENT}) as node,
    ):
        with Scanners(node.port, ledger, (objects[0::2], objects[1::2])):
            pass
        tally = ledger.settle(node, pacs)
        assert tally.delivered == tally.answered == len(objects)
        node.wait_until(lambda: not node.spooled())


def test_scanners_that_trickle_hold_up_nobody(tmp_path):
    ledger, slow_ledger = Ledger("scanners that trickle beside others"), Ledger()
    slow = [[sample(1000 + n, SIZE // 4)] for n in range(6)]
    trickle = Fault(20_000, None, rate=1000)  # none would have come to its end in a minute
    with (
        Destination() as pacs,
        NodeProcess(tmp_path, {"pacs": pacs.port}, node={"workers": 1}) as node,
        Wire(node.port, lambda _: trickle) as wire,
    ):
        with Scanners(wire.port, slow_ledger, slow):
            with Scanners(node.port, ledger, [[sample(n) for n in range(100)]]):
                pass
            assert ledger.answered == 100
            assert slow_ledger.answered == 0
            assert pacs.wait(lambda it: it.stored() == 100)
            trickle.rate = SIZE
        assert slow_ledger.answered == len(slow)
        for lot in slow:
            for one in lot:
                ledger.note_answer(one, ledger.note_sent(one), 0x0000)
        ledger.settle(node, pacs)


def test_connections_that_say_nothing_are_closed(tmp_path):
    node_settings = {"timeouts": IMPATIENT, "workers": 1, "max_associations": 5}
    with NodeProcess(tmp_path, {}, node=node_settings) as node:
        silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(5)]
        for sock in silent:
            sock.settimeout(LONG)
            assert sock.recv(1) == b""
            sock.close()
        assert_takes_associations(node, 5)


def test_silent_connections_lock_no_scanner_out(tmp_path):
    """Many more than there may be associations, from the scanner's own address."""
    image = tmp_path / "image.dcm"
    ct_object(1).save_as(image, enforce_file_format=True)
    store = [program("storescu"), "-aec", "ATLAS", "127.0.0.1"]
    with NodeProcess(tmp_path, {}) as node:
        silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(200)]
        for _ in range(5):
            done = subprocess.run(
                [*store, str(node.port), str(image)],
                env=environment(), capture_output=True, text=True, timeout=LONG, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        assert_takes_associations(node, 32)
        assert node.said().count("closed to make room") <= 2 * complaints.MOST
        for sock in silent:
            sock.close()


def test_silent_connections_lock_no_scanner_out_where_few_files_may_be_open(tmp_path):
    ledger = Ledger("silent connections, few files may be open")
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        for pid in node.workers("receiver"):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))
        silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(150)]
        lot = [sample(number) for number in range(20)]
        # The last file may go to the connection, and none be left for what belongs to it: then the
        # scanner is turned away at once, and tries again while silent ones make room.
        wait_until(lambda: ledger.scan(node.port, lot) == len(lot))
        assert ledger.settle(node, pacs).delivered == 20
        assert "connections wait: Too many open files" in node.said()
        for sock in silent:
            sock.close()


def test_an_association_over_the_limit_is_rejected_and_the_others_go_on(tmp_path):
    ledger, limit = Ledger("associations over the limit"), 5
    with Destination() as pacs:
        node_settings = {"workers": 1, "max_associations": limit}
        with NodeProcess(tmp_path, {"pacs": pacs.port}, node=node_settings) as node:
            opened = [Scanner(node.port).associate() for _ in range(limit)]
            for _ in range(3):
                with pytest.raises(AssociationEndedError) as refused:
                    Scanner(node.port).associate()
                assert refused.value.args == ("rejected", 2, 3, 2)  # transient, local limit
            for number, scanner in enumerate(opened):
                one = sample(number)
                digest = ledger.note_sent(one)
                ledger.note_answer(one, digest, scanner.store(CT_IMAGE_STORAGE, one.uid, one.data))
                scanner.release()
            assert ledger.settle(node, pacs).delivered == limit


def test_twenty_associations_at_once(tmp_path):
    ledger, each = Ledger("20 associations at once"), 10
    lots = [[sample(k * each + n, SIZE, series=k) for n in range(each)] for k in range(20)]
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanners(node.port, ledger, lots):
            pass
        tally = ledger.settle(node, pacs)
        assert tally.delivered == tally.answered == 20 * each
        assert tally.duplicated == 0
