from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlas_node.config import Limits, SpoolSettings
from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient
from atlas_node.spool.outstanding import outstanding
from tests.spools import FedSpool


@pytest.fixture
def two_partitions(tmp_path):
    settings = SpoolSettings(path=tmp_path / "spool", limits=Limits(min_free_bytes=1))
    opened = [FedSpool(settings, number, 2) for number in range(2)]
    yield opened
    for it in opened:
        it.close()


def accept(spool: FedSpool, uid: str, *destinations: str) -> None:
    envelope = Envelope(1.0, "CT1", "ATLAS", "192.0.2.1", "1.2.3", uid, "1.2.840.10008.1.2")
    spool.accept(envelope, b"data", [Recipient(name, Policy.DECODE) for name in destinations])


def settle(spool: FedSpool, destination: str, status: DeliveryStatus) -> None:
    delivery = spool.take(destination, 0.0)
    assert delivery is not None
    spool.settle(delivery, replace(delivery.record, status=status, next_try_at=0.0))


def test_what_waits_for_a_destination_is_found_in_every_partition(two_partitions, tmp_path):
    first, second = two_partitions
    accept(first, "1.1", "pacs")
    accept(second, "1.2", "pacs", "other")
    accept(second, "1.3", "other")
    wanted = {"a": ["1.1", "1.2"], "b": ["1.2"], "c": ["1.3"], "d": []}
    found = outstanding(tmp_path / "spool", "pacs", wanted)
    assert {key: it.left() for key, it in found.items()} == {"a": 2, "b": 1, "c": 0, "d": 0}


def test_it_gets_fewer_as_deliveries_are_done(two_partitions, tmp_path):
    first, second = two_partitions
    accept(first, "1.1", "pacs", "other")
    accept(second, "1.2", "pacs")
    waiting = outstanding(tmp_path / "spool", "pacs", {"": ["1.1", "1.2"]})[""]
    assert waiting.left() == 2
    settle(second, "pacs", DeliveryStatus.FAILED)
    assert waiting.left() == 2
    settle(first, "pacs", DeliveryStatus.SENT)
    settle(second, "pacs", DeliveryStatus.DEAD)
    assert waiting.left() == 0


def test_an_object_that_has_left_the_spool_is_not_waited_for(two_partitions, tmp_path):
    accept(two_partitions[0], "1.1", "pacs")
    waiting = outstanding(tmp_path / "spool", "pacs", {"": ["1.1"]})[""]
    for journal in (tmp_path / "spool").glob("0/*.job"):
        journal.unlink()
    assert waiting.left() == 0


def test_a_spool_that_does_not_exist_has_nothing(tmp_path):
    assert outstanding(Path(tmp_path / "none"), "pacs", {"": ["1.1"]})[""].left() == 0


def test_what_is_dead_is_not_waited_for_and_is_named_until_it_is_settled(two_partitions, tmp_path):
    first, second = two_partitions
    accept(first, "1.1", "pacs", "other")
    accept(second, "1.2", "pacs", "other")
    accept(second, "1.3", "pacs")
    settle(first, "pacs", DeliveryStatus.DEAD)
    waiting = outstanding(tmp_path / "spool", "pacs", {"": ["1.1", "1.2"]})[""]
    assert waiting.left() == 1
    settle(second, "pacs", DeliveryStatus.DEAD)
    assert waiting.left() == 0
    assert waiting.dead() == {"1.1", "1.2"}
    [object_id] = [it.stem for it in (tmp_path / "spool").glob("0/*.job")]
    assert first.drop(object_id, "pacs", "by order") == ""
    assert waiting.dead() == {"1.2"}
    for journal in (tmp_path / "spool").glob("1/*.job"):
        journal.unlink()
    assert waiting.dead() == set()
