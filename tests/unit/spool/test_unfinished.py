import threading
from dataclasses import replace

import pytest

from atlas_node.model import DeliveryRecord, DeliveryStatus, Policy
from atlas_node.spool import Entry, Recipient, Standing
from atlas_node.spool.entry import initial_deliveries
from atlas_node.spool.unfinished import UnfinishedObjects

OUT_OF_USE = Recipient("tape", Policy.OBSERVE, "out of use")


@pytest.fixture
def unfinished():
    lock = threading.Lock()
    with lock:
        yield UnfinishedObjects(lock)


@pytest.fixture
def keep(unfinished, envelope):
    def keep(object_id, *recipients):
        entry = Entry(object_id, envelope, 100, 0, recipients)
        unfinished.add(entry, initial_deliveries(entry))

    return keep


def queued(unfinished):
    return {name: len(queue) for name, queue in unfinished.queues()}


def test_an_object_stands_in_the_queue_of_each_destination_it_is_for(
    unfinished, keep, pacs, archive
):
    keep("1", pacs, archive, OUT_OF_USE)
    keep("2", pacs)
    assert queued(unfinished) == {"pacs": 2, "archive": 1}
    assert unfinished.size() == 200
    assert unfinished.standing(0.0)["tape"] == Standing(dead=1)


def test_a_delivery_is_in_hand_until_it_is_put_back(unfinished, keep, pacs):
    keep("1", pacs)
    delivery = unfinished.take("pacs", now=0.0)
    assert (delivery.recipient, delivery.record.status) == (pacs, DeliveryStatus.PENDING)
    assert unfinished.is_in_hand("1", "pacs")
    assert unfinished.standing(0.0)["pacs"].in_hand == 1
    assert unfinished.take("pacs", now=0.0) is None
    unfinished.put_back("1", replace(delivery.record, status=DeliveryStatus.SENT))
    assert not unfinished.is_in_hand("1", "pacs")
    assert unfinished.standing(0.0) == {"pacs": Standing()}


def test_an_object_gets_destinations_that_it_did_not_have(unfinished, keep, pacs, archive):
    keep("1", pacs)
    unfinished.add_recipients("1", [archive])
    assert unfinished["1"].entry.recipients == (pacs, archive)
    assert unfinished["1"].deliveries["archive"].status is DeliveryStatus.PENDING
    assert queued(unfinished) == {"pacs": 1, "archive": 1}


def test_what_is_removed_is_in_no_number(unfinished, keep, pacs, archive):
    keep("1", pacs, archive)
    unfinished.change("1", DeliveryRecord("pacs", DeliveryStatus.SENT, at=2.0))
    unfinished.change("1", DeliveryRecord("archive", DeliveryStatus.DROPPED, at=2.0))
    unfinished.remove("1")
    assert "1" not in unfinished
    assert unfinished.get("1") is None
    assert (len(unfinished), unfinished.size(), unfinished.standing(0.0)) == (0, 0, {})


def test_an_object_moves_while_its_destinations_take_objects(unfinished, keep, pacs, archive):
    keep("1", pacs, archive)
    assert unfinished.moves("1")  # a destination is given a moment at first
    unfinished.queue("archive").sent_at -= 60
    assert not unfinished.moves("1")
    unfinished.change("1", DeliveryRecord("archive", DeliveryStatus.DEAD, at=2.0))
    assert unfinished.moves("1")
