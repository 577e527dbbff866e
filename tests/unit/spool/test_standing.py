import time

import pytest

from atlas_node.model import DeliveryStatus
from atlas_node.spool import Standing
from tests.unit.spool.test_spool import DATA, record_all, settle
from tests.waiting import LONG


@pytest.fixture
def spool(open_spool):
    return open_spool()


def test_an_empty_spool_has_nothing_to_tell(spool):
    assert spool.standing() == {}
    assert spool.occupancy.of_partition(0) == (0, 0)
    assert spool.log_lag() == (0, 0.0)


def test_deliveries_are_counted_as_they_change(spool, envelope, pacs, archive):
    for _ in range(3):
        spool.accept(envelope, DATA, [pacs, archive])
    assert spool.standing()["pacs"].waiting == 3
    assert spool.occupancy.of_partition(0) == (3, 3 * len(DATA))

    taken = spool.take("pacs", 0)
    assert spool.standing()["pacs"].in_hand == 1
    again = time.time() + 60
    settle(spool, taken, DeliveryStatus.FAILED, next_try_at=again)
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    assert spool.standing() == {
        "pacs": Standing(
            waiting=0,
            retrying=1,
            dead=1,
            oldest_at=envelope.received_at,
            next_try_at=pytest.approx(again, abs=0.01),
        ),
        "archive": Standing(waiting=3, oldest_at=envelope.received_at),
    }


def test_what_leaves_is_no_longer_counted(spool, envelope, pacs):
    spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    assert spool.standing()["pacs"] == Standing()
    record_all(spool)
    assert spool.standing() == {}
    assert spool.occupancy.of_partition(0) == (0, 0)


def test_orders_are_counted(spool, envelope, pacs, archive):
    object_id = spool.accept(envelope, DATA, [pacs, archive])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    assert spool.standing()["pacs"].dead == 1
    assert spool.retry(object_id, "pacs") == ""
    assert spool.standing()["pacs"].waiting == 1
    assert spool.drop(object_id, "pacs", "by order") == ""
    assert spool.standing()["pacs"] == Standing()


def test_a_restart_finds_the_same_numbers(open_spool, envelope, pacs, archive):
    spool = open_spool()
    for _ in range(2):
        spool.accept(envelope, DATA, [pacs, archive])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    spool = open_spool()
    standing = spool.standing()
    assert (standing["pacs"].waiting, standing["pacs"].dead) == (1, 1)
    assert standing["archive"].waiting == 2


def test_the_oldest_is_found_whether_it_waits_or_is_in_hand(open_spool, pacs, envelope):
    spool = open_spool()
    from dataclasses import replace

    for at in (100.0, 200.0, 300.0):
        spool.accept(replace(envelope, received_at=at), DATA, [pacs])
    first = spool.take("pacs", 0)
    assert spool.standing()["pacs"].oldest_at == 100.0
    settle(spool, first, DeliveryStatus.FAILED, next_try_at=time.time() + 60)
    assert spool.standing()["pacs"].oldest_at == 100.0
    spool.drop(first.entry.object_id, "pacs", "by order")
    assert spool.standing()["pacs"].oldest_at == 200.0


def test_the_log_is_behind_by_what_it_has_not_been_told(spool, envelope, pacs):
    spool.accept(envelope, DATA, [pacs])
    time.sleep(0.02)
    count, seconds = spool.log_lag()
    assert count == 1
    assert 0.02 <= seconds < LONG
    record_all(spool)
    assert spool.log_lag() == (0, 0.0)
