import json
import os
import threading
import time
from dataclasses import replace
from unittest.mock import Mock

import pytest

from atlas_node.model import DeliveryRecord, DeliveryStatus, Policy
from atlas_node.spool import (
    Action,
    OrderDesk,
    Outcome,
    Recipient,
    Refusal,
    give_order,
    prepare_spool,
    read_queue,
    read_queued_object,
)
from atlas_node.spool.journal import DAMAGED, delivery_line
from atlas_node.spool.orders import ORDERS_FOLDER
from tests.spools import FedSpool
from tests.unit.spool.test_spool import DATA, record_all, settle
from tests.waiting import LONG

NOWHERE = Recipient("(no route)", Policy.DECODE, "no route matches the object")


def nobody(_entry, _data):
    return (NOWHERE,)


@pytest.fixture
def dead(open_spool, envelope, pacs, archive):
    """An object that `pacs` has refused and `archive` has taken."""
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs, archive])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD, detail="status 0xA900")
    settle(spool, spool.take("archive", 0), DeliveryStatus.SENT)
    record_all(spool)
    return spool, object_id


def status_of(settings, object_id, destination):
    queued = read_queued_object(settings.path, object_id)
    return queued and queued.deliveries[destination].status


class RunningNode:
    """What a supervisor and a forwarder do for orders, in this process."""

    def __init__(self, settings, spool, find_recipients=nobody):
        self.lock = prepare_spool(settings.path, 1)
        self.desk = OrderDesk(spool, settings.path, 0, find_recipients)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.wait(0.01):
            self.desk.look()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(LONG)
        self.lock.close()


@pytest.fixture(params=["running", "stopped"])
def order(request, settings):
    """Give an order to a spool in a node that runs, or one that does not."""

    def give(spool, action, targets, find_recipients=nobody):
        if request.param == "running":
            with RunningNode(settings, spool, find_recipients):
                return give_order(settings, action, targets, nobody, timeout=LONG)
        spool.close()
        return give_order(settings, action, targets, find_recipients)

    return give


def test_a_dead_delivery_is_tried_again_from_the_start(dead, order, open_spool, settings):
    spool, object_id = dead
    assert order(spool, Action.RETRY, [(object_id, "pacs")]) == Outcome(1)
    assert status_of(settings, object_id, "pacs") is DeliveryStatus.PENDING
    assert status_of(settings, object_id, "archive") is DeliveryStatus.SENT
    delivery = open_spool().take("pacs", 0)
    assert (delivery.entry.object_id, delivery.record.tries) == (object_id, 0)


def test_a_dropped_delivery_is_told_the_log_and_the_object_leaves(
    dead, order, open_spool, settings
):
    spool, object_id = dead
    assert order(spool, Action.DROP, [(object_id, "pacs")]) == Outcome(1)
    assert status_of(settings, object_id, "pacs") is DeliveryStatus.DROPPED
    spool = open_spool()
    assert spool.take("pacs", 0) is None
    [change] = record_all(spool)
    assert {it.destination: it.status for it in change.deliveries} == {
        "pacs": DeliveryStatus.DROPPED,
        "archive": DeliveryStatus.SENT,
    }
    assert len(spool) == 0
    assert list(read_queue(settings.path)) == []


def test_what_is_not_there_is_refused_and_keeps_nothing_from_the_rest(dead, order):
    spool, object_id = dead
    targets = [("0-0", "pacs"), (object_id, "nowhere"), ("../../x", "pacs"), (object_id, "pacs")]
    outcome = order(spool, Action.RETRY, targets)
    assert outcome.done == 1
    assert {(it.object_id, it.destination) for it in outcome.refused} == set(targets[:3])
    assert {it.reason for it in outcome.refused} == {"it is not in the spool"}


def test_what_is_sent_cannot_be_dropped(dead, order):
    spool, object_id = dead
    assert order(spool, Action.DROP, [(object_id, "archive")]) == Outcome(
        0, (Refusal(object_id, "archive", "it is sent already"),)
    )


def test_an_object_that_no_route_matched_is_routed_again(open_spool, order, envelope, pacs):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [NOWHERE])
    target = [(object_id, NOWHERE.destination)]
    seen = []

    def find(entry, data):
        seen.append((entry.object_id, bytes(data)))
        return (pacs,)

    assert order(spool, Action.RETRY, target, find) == Outcome(1)
    assert seen == [(object_id, DATA)]
    spool = open_spool()
    delivery = spool.take("pacs", 0)
    assert delivery.recipient == pacs
    settle(spool, delivery, DeliveryStatus.SENT)
    [change] = record_all(spool)
    assert [(it.status, it.detail) for it in change.deliveries] == [
        (DeliveryStatus.DROPPED, "routed again: pacs"),
        (DeliveryStatus.SENT, ""),
    ]
    assert len(spool) == 0


def test_an_object_that_still_no_route_matches_stays_as_it_is(open_spool, order, envelope):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [NOWHERE])
    outcome = order(spool, Action.RETRY, [(object_id, NOWHERE.destination)])
    assert [it.reason for it in outcome.refused] == ["no route matches the object"]


def test_a_delivery_that_is_being_sent_is_left_alone(open_spool, settings, envelope, pacs):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs])
    delivery = spool.take("pacs", 0)
    for action in Action:
        with RunningNode(settings, spool):
            outcome = give_order(settings, action, [(object_id, "pacs")], nobody, timeout=LONG)
        assert [it.reason for it in outcome.refused] == ["it is being sent at this moment"]
    settle(spool, delivery, DeliveryStatus.SENT)
    record_all(spool)
    assert len(spool) == 0


def test_a_retry_does_not_wait_for_its_time(open_spool, settings, envelope, pacs):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    assert spool.take("pacs", 0) is None
    assert spool.retry(object_id, "pacs") == ""
    delivery = spool.take("pacs", 0)
    assert delivery.entry.object_id == object_id
    settle(spool, delivery, DeliveryStatus.SENT)
    assert spool.take("pacs", 0) is None
    assert spool.waiting() == {}


def test_an_order_that_nobody_answers_stands_and_is_carried_out_later(dead, settings):
    spool, object_id = dead
    lock = prepare_spool(settings.path, 1)
    outcome = give_order(settings, Action.RETRY, [(object_id, "pacs")], nobody, timeout=0.01)
    lock.close()
    assert outcome == Outcome(0, (), 1)
    desk = OrderDesk(spool, settings.path, 0, nobody)
    desk.look()
    assert spool.take("pacs", 0).entry.object_id == object_id
    [answer] = (settings.path / ORDERS_FOLDER).iterdir()
    assert json.loads(answer.read_bytes()) == {"done": 1, "refused": []}
    os.utime(answer, (0, 0))
    desk.look()  # who gave the order has gone
    assert not list((settings.path / ORDERS_FOLDER).iterdir())


def unanswered(settings, action, object_id):
    """Give an order that no forwarder answers in time, to a node that runs."""
    lock = prepare_spool(settings.path, 1)
    outcome = give_order(settings, action, [(object_id, "pacs")], nobody, timeout=0.01)
    lock.close()
    assert outcome == Outcome(0, (), 1)


def test_an_order_comes_after_those_that_were_given_before_it(dead, settings):
    spool, object_id = dead
    unanswered(settings, Action.DROP, object_id)
    spool.close()
    give_order(settings, Action.RETRY, [(object_id, "pacs")], nobody)
    assert status_of(settings, object_id, "pacs") is DeliveryStatus.PENDING
    assert not list((settings.path / ORDERS_FOLDER).glob("*.order"))


def test_an_order_is_carried_out_by_who_gives_it_when_the_node_ends_meanwhile(dead, settings):
    """Or when it was no node that held the spool, but another command."""
    spool, object_id = dead
    spool.close()
    lock = prepare_spool(settings.path, 1)
    ending = threading.Timer(0.3, lock.close)
    ending.start()
    assert give_order(settings, Action.RETRY, [(object_id, "pacs")], nobody) == Outcome(1)
    ending.join()
    assert status_of(settings, object_id, "pacs") is DeliveryStatus.PENDING
    assert not list((settings.path / ORDERS_FOLDER).iterdir())


def test_an_order_that_is_taken_back_in_the_last_moment_is_carried_out(dead, settings, monkeypatch):
    spool, object_id = dead
    spool.close()
    lock = prepare_spool(settings.path, 1)
    monkeypatch.setattr(time, "sleep", lambda _: (lock.close(), now.append(1e9)))
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[-1])
    assert give_order(settings, Action.RETRY, [(object_id, "pacs")], nobody) == Outcome(1)
    monkeypatch.undo()
    assert status_of(settings, object_id, "pacs") is DeliveryStatus.PENDING


def test_the_orders_of_partitions_without_a_worker_go_with_their_objects(settings, envelope, pacs):
    """Also those of one command, which has written one for each partition."""
    targets = []
    for partition in range(3):
        spool = FedSpool(settings, partition, 3)
        targets.append((spool.accept(envelope, DATA, [pacs]), "pacs"))
        spool.close()
    lock = prepare_spool(settings.path, 3)
    give_order(settings, Action.DROP, targets, nobody, timeout=0.01)
    lock.close()
    prepare_spool(settings.path, 1).close()
    spool = FedSpool(settings)
    OrderDesk(spool, settings.path, 0, nobody).look()
    spool.close()
    for object_id, _ in targets:
        assert status_of(settings, object_id, "pacs") is DeliveryStatus.DROPPED


def test_orders_are_for_their_own_partition(dead, settings):
    spool, _ = dead
    folder = settings.path / ORDERS_FOLDER
    folder.mkdir()
    (folder / "1-0.order").write_text("{}")
    OrderDesk(spool, settings.path, 0, nobody).look()
    assert [it.name for it in folder.iterdir()] == ["1-0.order"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"action": "burn", "targets": []}', '{"action": "drop"', "\0", "[" * 10**5],
)
def test_what_is_no_order_is_said_and_removed(dead, settings, text, caplog):
    spool, _ = dead
    folder = settings.path / ORDERS_FOLDER
    folder.mkdir()
    (folder / "0-0.order").write_text(text)
    OrderDesk(spool, settings.path, 0, nobody).look()
    assert list(folder.iterdir()) == []
    assert "0-0.order is no order and is removed" in caplog.text


def test_that_orders_cannot_be_read_is_said(dead, settings, caplog):
    spool, _ = dead
    (settings.path / ORDERS_FOLDER).write_text("in the place of the folder")
    OrderDesk(spool, settings.path, 0, nobody).look()
    assert f"orders wait: cannot read {settings.path / ORDERS_FOLDER}" in caplog.text


def test_an_order_that_is_carried_out_twice_does_no_harm(dead, settings):
    spool, object_id = dead
    for _ in range(2):  # the first time the node was killed before it answered
        assert spool.retry(object_id, "pacs") == ""
    assert spool.waiting() == {"pacs": 1}
    assert spool.take("pacs", 0).entry.object_id == object_id
    assert spool.take("pacs", 0) is None


def test_what_was_held_behind_a_dropped_object_comes_next(open_spool, envelope, pacs):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    assert spool.hold_back(spool.take("pacs", 0), behind=first)
    assert spool.take("pacs", 0) is None
    assert spool.drop(first, "pacs", "dropped by order") == ""
    assert spool.take("pacs", 0).entry.object_id == second


def test_a_journal_that_cannot_be_written_is_the_reason(dead, settings, monkeypatch):
    spool, object_id = dead
    monkeypatch.setattr(
        spool._files, "open", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with RunningNode(settings, spool):
        outcome = give_order(settings, Action.DROP, [(object_id, "pacs")], nobody, timeout=LONG)
    assert [it.reason for it in outcome.refused] == [
        f"cannot write the journal of {object_id}: No space left"
    ]


def test_an_envelope_does_not_matter_to_an_order(open_spool, settings, envelope, pacs):
    spool = open_spool()
    evil = replace(envelope, sop_instance_uid="../../x", calling_ae="\n")
    object_id = spool.accept(evil, DATA, [pacs])
    with RunningNode(settings, spool):
        assert give_order(
            settings, Action.DROP, [(object_id, "pacs")], nobody, timeout=LONG
        ) == Outcome(1)


@pytest.fixture
def damaged(open_spool, envelope, pacs, settings):
    """An object whose journal has a spoilt line, as a restart finds it."""
    object_id = open_spool().accept(envelope, DATA, [pacs])
    journal = settings.path / "0" / f"{object_id}.job"
    journal.write_bytes(journal.read_bytes() + bytes(20) + b"\n")
    return object_id


def test_an_object_with_a_damaged_journal_is_listed_and_waits_for_a_person(
    damaged, open_spool, settings, caplog
):
    spool = open_spool()
    assert spool.take("pacs", 0) is None
    record_all(spool)
    assert len(spool) == 1
    why = "its journal is damaged at line 2"
    assert f"object {damaged} waits for a person: {why}" in caplog.text
    [queued] = read_queue(settings.path)
    assert {it.destination: (it.status, it.detail) for it in queued.deliveries.values()} == {
        "pacs": (DeliveryStatus.DEAD, why),
        DAMAGED: (DeliveryStatus.DEAD, why),
    }


@pytest.mark.parametrize("action", Action)
def test_a_damaged_journal_takes_orders(damaged, order, open_spool, settings, archive, action):
    targets = [(damaged, "pacs"), (damaged, DAMAGED)]
    assert order(open_spool(), action, targets, lambda *_: [archive]) == Outcome(2)
    spool = open_spool()
    if action is Action.RETRY:
        # What the damaged line may have said is found out by the routes.
        for name in ("pacs", "archive"):
            settle(spool, spool.take(name, 0), DeliveryStatus.SENT)
    record_all(spool)
    assert len(spool) == 0
    assert list((settings.path / "0").glob("*-*.*")) == []


def test_an_order_that_fails_by_a_fault_of_ours_is_answered_and_not_tried_for_ever(
    dead, settings, monkeypatch, caplog
):
    spool, object_id = dead
    monkeypatch.setattr(spool, "drop", Mock(side_effect=[StopIteration, ""]))
    with RunningNode(settings, spool):
        outcome = give_order(
            settings,
            Action.DROP,
            [(object_id, "pacs"), (object_id, "archive")],
            nobody,
            timeout=LONG,
        )
    assert outcome == Outcome(1, (Refusal(object_id, "pacs", "internal error: StopIteration"),))
    assert f"the order to drop {object_id} to 'pacs' failed" in caplog.text
    assert not list((settings.path / ORDERS_FOLDER).iterdir())


@pytest.mark.parametrize("action", Action)
def test_a_line_that_names_a_destination_that_the_object_has_not_takes_orders(
    open_spool, order, envelope, pacs, settings, action
):
    object_id = open_spool().accept(envelope, DATA, [pacs])
    journal = settings.path / "0" / f"{object_id}.job"
    line = delivery_line(DeliveryRecord("qacs", DeliveryStatus.FAILED))
    journal.write_bytes(journal.read_bytes() + line)
    targets = [(object_id, name) for name in ("qacs", "pacs", DAMAGED)]
    outcome = order(open_spool(), action, targets, lambda *_: [pacs])
    assert outcome == Outcome(2, (Refusal(object_id, "qacs", "it is not in the spool"),))
