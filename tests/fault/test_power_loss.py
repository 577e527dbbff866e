"""`spool.durability: fsync`: what was answered outlives a loss of power at any moment.

Several associations write into one partition while objects are delivered from it, on a disk that
records everything. Then the power fails, at many moments, and each time the spool is opened over
one of the states that the disk may be in.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from atlas_node.config import SpoolSettings
from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient, prepare_spool
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
PACS = (Recipient("pacs", Policy.DECODE),)


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
    spool = FedSpool(settings(disk.root))
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


def recovered(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Open a spool as the next start does; return what it will deliver, and what is dead."""
    prepare_spool(folder, 1).close()
    spool = FedSpool(settings(folder))
    try:
        found, dead = {}, {}
        while (delivery := spool.take("pacs", 0)) is not None:
            uid = delivery.entry.envelope.sop_instance_uid
            found[uid] = bytes(spool.read(delivery.entry))
        for change in spool.unrecorded(1000, 0):
            for record in change.deliveries:
                if record.status is DeliveryStatus.DEAD:
                    dead[change.entry.envelope.sop_instance_uid] = record.detail
        return found, dead
    finally:
        spool.close()


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("deliveries", [0, ASSOCIATIONS * OBJECTS // 2])
def test_what_was_answered_is_there_after_a_loss_of_power(seed, deliveries, tmp_path):
    chance = random.Random(seed)
    disk = Disk(tmp_path / "spool")
    disk.root.mkdir()
    with disk.recording():
        work(disk, deliveries)
    sent = {
        one.uid: one.data
        for number in range(ASSOCIATIONS)
        for one in (sample(100 * number + n, 6000) for n in range(OBJECTS))
    }
    moments = sorted(chance.sample(range(len(disk.events)), min(MOMENTS, len(disk.events))))
    for moment in [*moments, len(disk.events)]:
        folder = tmp_path / f"after-{moment}"
        folder.mkdir()
        noted = disk.after(moment, folder, chance)
        answered = {uid for what, uid in noted if what == "answered"}
        delivered = {uid for what, uid in noted if what == "delivered"}
        found, dead = recovered(folder)
        lost = answered - delivered - found.keys()
        assert not lost, f"power lost after event {moment}: {lost}, dead {dead}"
        assert not dead.keys() & (answered - delivered)
        for uid, data in found.items():
            assert data == sent[uid], f"power lost after event {moment}: {uid} is damaged"
        tally = Tally(
            sent=len(answered | delivered | found.keys()),
            answered=len(answered),
            delivered=len(delivered | found.keys()),
            duplicated=len(delivered & found.keys()),
            dead=len(dead),
            lost=len(lost),
        )
        results.note("loss of power, `durability: fsync`", (seed, deliveries, moment), tally)
