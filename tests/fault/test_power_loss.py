"""`spool.durability: fsync`: what was answered outlives a loss of power at any moment.

Several associations write into one partition while objects are delivered from it, or the partitions
of several workers are taken over by one, on a disk that records everything. Then the power fails,
at many moments, and each time the spool is opened over one of the states that the disk may be in.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from atlas_node.config import SpoolSettings
from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient, prepare_spool, reserve
from tests.fault import results
from tests.fault.ledger import sample
from tests.fault.nodes import seeds
from tests.fault.power import Disk
from tests.fault.results import Tally
from tests.scanner import CT_IMAGE_STORAGE, EXPLICIT
from tests.spools import FedSpool

ASSOCIATIONS = 4
OBJECTS = 5
MOMENTS = 250
WORKERS = 3
SPOOL = "var/spool"
PACS = (Recipient("pacs", Policy.DECODE),)


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written out anew for every moment: at its full size, a gigabyte in each test."""
    monkeypatch.setattr(reserve, "_MOST", 1 << 16)


def settings(folder: Path) -> SpoolSettings:
    return SpoolSettings(path=folder, durability="fsync", limits={"min_free_bytes": 1})


def envelope(uid: str) -> Envelope:
    return Envelope(
        calling_ae="SCANNER",
        called_ae="ATLAS",
        peer="127.0.0.1:1",
        sop_class_uid=CT_IMAGE_STORAGE,
        sop_instance_uid=uid,
        transfer_syntax_uid=EXPLICIT,
        received_at=0.0,
    )


def receive(spool: FedSpool, disk: Disk, first: int) -> None:
    """Be one association: write objects in parts, commit, answer."""
    for number in range(first, first + OBJECTS):
        one = sample(number, 6000)
        arrival = spool.intake.begin(envelope(one.uid))
        for start in range(0, len(one.data), 2500):
            arrival.write(one.data[start : start + 2500])
        arrival.commit(PACS)
        disk.mark(("answered", one.uid))


def deliver(spool: FedSpool, disk: Disk, count: int) -> None:
    """Be the forwarder for `count` objects; what it recorded is removed."""
    while count:
        spool.listen(0.01)
        while count and (delivery := spool.take("pacs", 0)) is not None:
            bytes(spool.read(delivery.entry))
            disk.mark(("delivered", delivery.entry.envelope.sop_instance_uid))
            spool.settle(delivery, DeliveryRecord("pacs", DeliveryStatus.SENT, tries=1))
            spool.recorded(spool.unrecorded(100, 0))
            count -= 1


def work(disk: Disk, deliveries: int) -> None:
    prepare_spool(disk.root / SPOOL, 1).close()
    spool = FedSpool(settings(disk.root / SPOOL))
    threads = [
        threading.Thread(target=receive, args=(spool, disk, 100 * number))
        for number in range(ASSOCIATIONS)
    ]
    threads.append(threading.Thread(target=deliver, args=(spool, disk, deliveries)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()


def take_over(disk: Disk) -> None:
    """Receive as several workers do, and start with one."""
    prepare_spool(disk.root / SPOOL, WORKERS).close()
    for number in range(WORKERS):
        spool = FedSpool(settings(disk.root / SPOOL), number, WORKERS)
        receive(spool, disk, 100 * number)
        spool.close()
    prepare_spool(disk.root / SPOOL, 1).close()
    spool = FedSpool(settings(disk.root / SPOOL))
    deliver(spool, disk, OBJECTS)
    spool.close()


def recovered(folder: Path, workers: int = 1) -> tuple[dict[str, bytes], dict[str, str]]:
    """Open a spool as the next start does; return what it will deliver, and what is dead."""
    found: dict[str, bytes] = {}
    dead: dict[str, str] = {}
    prepare_spool(folder, workers).close()
    for number in range(workers):
        spool = FedSpool(settings(folder), number, workers)
        try:
            while (delivery := spool.take("pacs", 0)) is not None:
                uid = delivery.entry.envelope.sop_instance_uid
                assert uid not in found, f"{uid} is in two partitions"
                found[uid] = bytes(spool.read(delivery.entry))
            for change in spool.unrecorded(1000, 0):
                for record in change.deliveries:
                    if record.status is DeliveryStatus.DEAD:
                        dead[change.entry.envelope.sop_instance_uid] = record.detail
        finally:
            spool.close()
    return found, dead


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("deliveries", [0, ASSOCIATIONS * OBJECTS // 2])
def test_what_was_answered_is_there_after_a_loss_of_power(seed, deliveries, tmp_path):
    chance = random.Random(seed)
    disk = Disk(tmp_path / "disk")
    disk.root.mkdir()
    with disk.recording():
        work(disk, deliveries)
    for moment in moments(disk, chance):
        tally = lose_power(disk, moment, tmp_path, chance)
        results.note("loss of power, `durability: fsync`", (seed, deliveries, moment), tally)


@pytest.mark.parametrize("seed", seeds())
def test_what_is_being_taken_over_is_there_after_a_loss_of_power(seed, tmp_path):
    """The next start has one worker, too, or as many again as there were."""
    chance = random.Random(seed)
    disk = Disk(tmp_path / "disk")
    disk.root.mkdir()
    with disk.recording():
        take_over(disk)
    for moment in moments(disk, chance, MOMENTS // 3):
        tally = lose_power(disk, moment, tmp_path, chance, chance.choice((1, WORKERS)))
        results.note("loss of power while a partition is taken over", (seed, moment), tally)


def moments(disk: Disk, chance: random.Random, most: int = MOMENTS) -> list[int]:
    """Return after how many events the power is to fail."""
    count = len(disk.events)
    return [*sorted(chance.sample(range(count), min(most, count))), count]


def lose_power(
    disk: Disk, moment: int, tmp_path: Path, chance: random.Random, workers: int = 1
) -> Tally:
    """Have the power fail at a moment, open what is left, and account for every object."""
    folder = tmp_path / f"after-{moment}"
    folder.mkdir()
    noted = disk.after(moment, folder, chance)
    answered = {uid for what, uid in noted if what == "answered"}
    delivered = {uid for what, uid in noted if what == "delivered"}
    found, dead = recovered(folder / SPOOL, workers)
    lost = answered - delivered - found.keys()
    assert not lost, f"power lost after event {moment}: {lost}, dead {dead}"
    assert not dead.keys() & (answered - delivered)
    sent = {
        one.uid: one.data
        for number in range(max(ASSOCIATIONS, WORKERS))
        for one in (sample(100 * number + n, 6000) for n in range(OBJECTS))
    }
    for uid, data in found.items():
        assert data == sent[uid], f"power lost after event {moment}: {uid} is damaged"
    return Tally(
        sent=len(answered | delivered | found.keys()),
        answered=len(answered),
        delivered=len(delivered | found.keys()),
        duplicated=len(delivered & found.keys()),
        dead=len(dead),
        lost=len(lost),
    )
