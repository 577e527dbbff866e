"""Of each delivery the log keeps how it stands, and every try that failed on the way there."""

import pytest

from atlas_node.log import LogStore
from atlas_node.model import DeliveryRecord, DeliveryStatus

FAILED, DEAD, SENT = DeliveryStatus.FAILED, DeliveryStatus.DEAD, DeliveryStatus.SENT
PENDING, DROPPED = DeliveryStatus.PENDING, DeliveryStatus.DROPPED


def delivery(status, tries, at, detail=""):
    return DeliveryRecord("pacs", status, tries, at, detail)


def kept(store):
    return [(it.status, it.tries, it.detail) for it in store.object("o1").tries]


@pytest.fixture
def store(url, make_object):
    with LogStore.open(url) as opened:
        opened.record([make_object("o1")], [("o1", delivery(PENDING, 0, 1.0))])
        yield opened


def test_tries_that_failed_stay_when_the_object_is_sent_at_last(store):
    store.record([], [("o1", delivery(FAILED, 1, 2.0, "refused"))])
    store.record([], [("o1", delivery(FAILED, 2, 3.0, "timed out"))])
    store.record([], [("o1", delivery(SENT, 3, 4.0, "0x0000"))])

    assert kept(store) == [(FAILED, 1, "refused"), (FAILED, 2, "timed out")]
    assert [it.status for it in store.object("o1").deliveries] == [SENT]


def test_tries_that_come_in_one_batch_are_all_kept(store):
    store.record([], [("o1", delivery(FAILED, n, float(n + 1), f"{n}")) for n in (1, 2, 3)])

    assert [detail for _, _, detail in kept(store)] == ["1", "2", "3"]


def test_a_destination_that_is_down_for_days_costs_two_rows(store):
    for at in range(2, 300):
        store.record([], [("o1", delivery(FAILED, 0, float(at), "cannot connect"))])
    store.record([], [("o1", delivery(FAILED, 1, 300.0, "0xA700"))])
    store.record([], [("o1", delivery(FAILED, 1, 301.0, "cannot connect"))])

    assert [(it.at, it.tries, it.detail) for it in store.object("o1").tries] == [
        (2.0, 0, "cannot connect"), (299.0, 0, "cannot connect"), (300.0, 1, "0xA700"),
        (301.0, 1, "cannot connect"),
    ]  # fmt: skip


def test_orders_of_a_person_are_among_them(store):
    store.record([], [("o1", delivery(DEAD, 50, 2.0, "0xA700"))])
    store.record([], [("o1", delivery(PENDING, 0, 3.0, "tried again by order"))])
    store.record([], [("o1", delivery(FAILED, 1, 4.0, "0xA700"))])
    store.record([], [("o1", delivery(DROPPED, 0, 5.0, "dropped by order"))])

    assert [status for status, _, _ in kept(store)] == [DEAD, PENDING, FAILED, DROPPED]


def test_an_object_that_is_sent_at_once_costs_no_row(store):
    store.record([], [("o1", delivery(SENT, 1, 2.0, "0x0000"))])

    assert kept(store) == []


def test_recording_again_changes_nothing(store):
    failed = [("o1", delivery(FAILED, 1, 2.0, "refused"))]
    store.record([], failed)
    store.record([], failed)

    assert len(kept(store)) == 1


def test_they_go_with_their_object(store):
    store.record([], [("o1", delivery(FAILED, 1, 2.0, "refused"))])

    store.expire(2e9)
    store.record([], [("o1", delivery(FAILED, 2, 3.0, "refused"))])

    assert store.object("o1") is None
