"""The deliveries page over a spool with trouble in it, with and without a node."""

import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from atlas_node.activity import (
    DestinationState,
    IncomingAssociation,
    OutgoingAssociation,
    Publisher,
    Snapshot,
    Tally,
)
from atlas_node.config import load_config
from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import OrderDesk, Recipient, prepare_spool, read_queued_object
from tests.spools import FedSpool

REFUSED = "PACS at 192.0.2.20:104: status 0xA900 Data Set Does Not Match SOP Class"
ENVELOPE = Envelope(
    1_700_000_000.0, "MR1", "ATLAS", "192.0.2.7", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4",
    "1.2.840.10008.1.2.1",
)  # fmt: skip
CONFIG = """
spool: {path: ./spool, limits: {min_free_bytes: 1}}
log: {url: "sqlite:///log.db"}
destinations:
  - {name: pacs, ae_title: PACS, host: 192.0.2.20, port: 104}
  - {name: research, ae_title: RESEARCH, host: 192.0.2.21, port: 104}
routes:
  - {to: [pacs]}
"""
PACS, RESEARCH = (Recipient(name, Policy.DECODE) for name in ("pacs", "research"))
NOWHERE = Recipient("(no route)", Policy.DECODE, "no route matches the object")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return load_config(path, {})


@pytest.fixture
def spool(config):
    spool = FedSpool(config.spool)
    yield spool
    spool.close()


@pytest.fixture
def troubled(spool):
    """Five objects: one dead and one retrying at pacs, one waits, one is for research, one nowhere.

    Returns their identifiers by how they stand.
    """
    names = ("dead", "failed", "pending", "research", "unrouted")
    recipients = ([PACS], [PACS], [PACS], [RESEARCH], [NOWHERE])
    ids = {
        name: spool.accept(replace(ENVELOPE, received_at=ENVELOPE.received_at + n), b"x" * 100, to)
        for n, (name, to) in enumerate(zip(names, recipients, strict=True))
    }
    for status, next_try in (
        (DeliveryStatus.DEAD, None),
        (DeliveryStatus.FAILED, time.time() + 60),
    ):
        taken = spool.take("pacs", 0)
        spool.settle(
            taken,
            replace(taken.record, status=status, tries=3, detail=REFUSED, next_try_at=next_try),
        )
    return ids


@pytest.fixture
def viewer(config, empty_store, browse, troubled, spool):
    spool.close()
    return browse(empty_store, config)


@pytest.fixture
def running(config, spool, troubled):
    """What a supervisor and a forwarder do: the lock, the orders, and what they publish."""
    lock = prepare_spool(config.spool.path, 1)
    desk = OrderDesk(spool, config.spool.path, 0, lambda _entry, _data: (PACS,))
    over = threading.Event()

    def work():
        while not over.wait(0.01):
            desk.look()

    thread = threading.Thread(target=work)
    thread.start()
    snapshot = Snapshot(
        incoming=(IncomingAssociation("MR1", "ATLAS", "192.0.2.7", time.time() - 90, 12, 5 << 20),),
        outgoing=(OutgoingAssociation("pacs", "PACS", "192.0.2.20:104", time.time() - 5, 4),),
        destinations={
            "pacs": DestinationState(
                waiting=100_000, in_hand=1, retrying=1, dead=1, oldest_at=time.time() - 7200,
                failed_at=time.time(), failure="PACS at 192.0.2.20:104: cannot connect",
            )
        },
    )  # fmt: skip
    publisher = Publisher(config.spool.path, "forwarder-0", Tally(), lambda: snapshot)
    publisher.publish()
    yield snapshot
    over.set()
    thread.join()
    lock.close()


def csrf(viewer):
    return viewer.get("/api/visitor").json()["csrf"]


def post(viewer, **fields):
    return viewer.post("/deliveries/order", data={"csrf": csrf(viewer), **fields})


def asked_about(viewer, **fields):
    """Order what is asked about; return the fields that the question carries."""
    page = post(viewer, **fields).text
    return fields | dict(re.findall(r'name="(newest|count)" value="([^"]*)"', page))


def confirm(viewer, **fields):
    return post(viewer, confirmed="1", **asked_about(viewer, **fields))


def status_of(config, object_id, destination="pacs"):
    queued = read_queued_object(config.spool.path, object_id)
    return queued and queued.deliveries[destination].status


# What is shown


def test_without_a_spool_the_page_says_what_it_cannot_know(empty_store, browse, config):
    page = browse(empty_store, config).get("/deliveries").text
    assert "There is no spool at" in page
    assert "pacs" in page


def test_a_stopped_node_is_said_and_the_spool_gives_the_numbers(viewer):
    view = viewer.get("/api/deliveries").json()
    assert not view["running"]
    pacs, research, nowhere = view["destinations"]
    assert (pacs["name"], pacs["waiting"], pacs["retrying"], pacs["dead"]) == ("pacs", 1, 1, 1)
    assert pacs["oldest_at"] == "2023-11-14T22:13:21.000+00:00"
    assert research["waiting"] == 1
    assert (nowhere["name"], nowhere["configured"], nowhere["dead"]) == ("(no route)", False, 1)
    assert "The node does not run" in viewer.get("/deliveries").text


def test_an_object_whose_journal_is_damaged_is_listed_with_what_it_is(viewer, config, troubled):
    journal = config.spool.path / "0" / f"{troubled['pending']}.job"
    journal.write_bytes(journal.read_bytes() + b"?\n")
    page = viewer.get("/deliveries").text
    assert "its journal is damaged at line 2" in page
    assert "what the damaged lines of journals may have named" in page


def test_every_delivery_is_listed_with_reason_tries_and_age(viewer, troubled):
    view = viewer.get("/api/deliveries").json()
    assert view["found"] == 5
    assert view["by_status"] == {"pending": 2, "failed": 1, "dead": 2}
    by_id = {it["object_id"]: it for it in view["deliveries"]}
    dead = by_id[troubled["dead"]]
    assert (dead["status"], dead["tries"], dead["detail"]) == ("dead", 3, REFUSED)
    assert (dead["calling_ae"], dead["size"]) == ("MR1", 100)
    assert by_id[troubled["failed"]]["next_try_at"] is not None
    page = viewer.get("/deliveries").text
    assert REFUSED in page
    assert f'value="{troubled["dead"]}|pacs"' in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"destination": "pacs"}, ["dead", "failed", "pending"]),
        ({"status": "trouble"}, ["dead", "failed", "unrouted"]),
        ({"status": "pending"}, ["pending", "research"]),
        ({"reason": REFUSED, "status": "dead"}, ["dead"]),
        ({"destination": "nowhere"}, []),
    ],
)
def test_a_filter_is_part_of_the_address(viewer, troubled, query, names):
    view = viewer.get("/api/deliveries", params=query).json()
    assert [it["object_id"] for it in view["deliveries"]] == [troubled[name] for name in names]


def test_an_object_that_waits_for_another_of_its_series_says_so(
    config, empty_store, browse, troubled, spool
):
    assert spool.hold_back(spool.take("pacs", 0), behind=troubled["failed"])
    spool.close()
    viewer = browse(empty_store, config)
    view = viewer.get("/api/deliveries", params={"status": "pending"}).json()
    details = {it["object_id"]: it["detail"] for it in view["deliveries"]}
    reason = f"waits for {troubled['failed']}, of the same series"
    assert details == {troubled["pending"]: reason, troubled["research"]: ""}
    assert reason in viewer.get("/deliveries").text
    # It is no reason to order anything by.
    assert reason not in [it["reason"] for it in view["reasons"]]


def test_what_waits_for_a_destination_says_what_is_wrong_with_it(viewer_of_running, troubled):
    view = viewer_of_running.get("/api/deliveries", params={"status": "pending"}).json()
    details = {it["object_id"]: it["detail"] for it in view["deliveries"]}
    failure = "PACS at 192.0.2.20:104: cannot connect"
    assert details == {troubled["pending"]: failure, troubled["research"]: ""}


def test_reasons_are_counted(viewer):
    reasons = viewer.get("/api/deliveries").json()["reasons"]
    assert reasons[0] == {"reason": REFUSED, "destination": "pacs", "deliveries": 2}


def test_a_running_node_gives_the_numbers_and_the_associations(viewer_of_running):
    view = viewer_of_running.get("/api/deliveries").json()
    assert view["running"]
    pacs = view["destinations"][0]
    assert (pacs["waiting"], pacs["reachable"], pacs["associations"]) == (100_000, False, 1)
    [incoming], [outgoing] = view["incoming"], view["outgoing"]
    assert (incoming["calling_ae"], incoming["objects"]) == ("MR1", 12)
    assert outgoing["contexts"] == 4
    page = viewer_of_running.get("/deliveries").text
    for text in ("100,000", "cannot connect", "2 h ago", "5.0 MiB", "4 presentation contexts"):
        assert text in page


@pytest.fixture
def viewer_of_running(config, empty_store, browse, running):
    return browse(empty_store, config)


def test_the_parts_that_change_come_alone(viewer):
    for path in ("/deliveries/standing", "/deliveries/queue"):
        answer = viewer.get(path, params={"destination": "pacs"})
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert "destination=pacs" in answer.text


def test_a_status_that_is_none_is_refused(viewer):
    answer = viewer.get("/api/deliveries", params={"status": "lost"})
    assert answer.status_code == 400
    assert "status" in answer.json()["error"]


# Orders


def test_selected_deliveries_are_tried_again(viewer, config, troubled):
    answer = post(viewer, action="retry", delivery=f"{troubled['dead']}|pacs")
    assert answer.status_code == 303
    assert status_of(config, troubled["dead"]) is DeliveryStatus.PENDING
    page = viewer.get(answer.headers["location"]).text
    assert "1 delivery to be tried again" in page


def test_a_drop_is_asked_about_before_it_is_done(viewer, config, troubled):
    fields = {"action": "drop", "delivery": f"{troubled['dead']}|pacs"}
    asked = post(viewer, **fields)
    assert asked.status_code == 200
    assert "Drop 1 delivery?" in asked.text
    assert 'name="confirmed" value="1"' in asked.text
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DEAD
    done = post(viewer, confirmed="1", **fields)
    assert "1 delivery dropped" in viewer.get(done.headers["location"]).text
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DROPPED


def test_all_of_a_destination_are_counted_asked_about_and_tried_again(viewer, config, troubled):
    fields = {"action": "retry", "every": "1", "destination": "pacs"}
    asked = post(viewer, **fields).text
    assert "Retry 2 deliveries?" in asked  # the one that waits is on its way
    done = confirm(viewer, **fields)
    assert done.headers["location"].startswith("/deliveries?destination=pacs&outcome=")
    for name in ("dead", "failed"):
        assert status_of(config, troubled[name]) is DeliveryStatus.PENDING


def test_all_that_fit_a_reason_can_be_dropped(viewer, config, troubled):
    confirm(viewer, action="drop", every="1", reason=REFUSED)
    assert [status_of(config, troubled[it]) for it in ("dead", "failed", "pending")] == [
        DeliveryStatus.DROPPED,
        DeliveryStatus.DROPPED,
        DeliveryStatus.PENDING,
    ]


def test_a_running_node_carries_orders_out(viewer_of_running, config, troubled):
    answer = viewer_of_running.post(
        "/api/deliveries/order",
        headers={"x-csrf-token": csrf(viewer_of_running)},
        json={
            "action": "retry",
            "delivery": [f"{troubled['dead']}|pacs", f"{troubled['pending']}|archive"],
        },
    )
    assert answer.json() == {
        "action": "retry",
        "done": 1,
        "unanswered": 0,
        "refused": [
            {
                "object_id": troubled["pending"],
                "destination": "archive",
                "reason": "it is not in the spool",
            }
        ],
    }
    assert status_of(config, troubled["dead"]) is DeliveryStatus.PENDING


def test_a_node_that_does_not_answer_is_said(config, empty_store, browse, troubled, monkeypatch):
    lock = prepare_spool(config.spool.path, 1)
    monkeypatch.setattr("atlas_node.web.deliveries.TIMEOUT", 0.1)
    viewer = browse(empty_store, config)
    answer = post(viewer, action="retry", delivery=f"{troubled['dead']}|pacs")
    assert "has not answered for 1 yet" in viewer.get(answer.headers["location"]).text
    lock.close()


def test_a_refusal_is_shown_with_its_reason(viewer, troubled):
    answer = post(viewer, action="retry", delivery=f"{troubled['unrouted']}|(no route)")
    page = viewer.get(answer.headers["location"]).text
    assert "1 refused" in page
    assert "which does not run" in page


def test_every_order_is_in_the_audit_trail_before_it_is_done_and_after(viewer, troubled, tmp_path):
    post(viewer, action="retry", delivery=f"{troubled['dead']}|pacs")
    confirm(viewer, action="drop", every="1", destination="pacs")
    [trail] = tmp_path.rglob("audit*")
    lines = [json.loads(it) for it in trail.read_text().splitlines()]
    one = "delivery.retry", f"{troubled['dead']} to pacs"
    all_ = "delivery.drop", f"every delivery, destination pacs, up to {troubled['pending']}: 3"
    assert [(it["action"], it["subject"], it["stage"], it["detail"]) for it in lines] == [
        (*one, "intent", "begun"),
        (*one, "outcome", "1 done"),
        (*all_, "intent", "begun"),
        (*all_, "outcome", "3 done"),
    ]


def test_nothing_is_done_that_the_audit_trail_cannot_hold(config, empty_store, browse, troubled):
    web = config.web.model_copy(update={"audit": Path("/dev/full")})
    viewer = browse(empty_store, config.model_copy(update={"web": web}))
    answer = post(viewer, action="drop", confirmed="1", delivery=f"{troubled['dead']}|pacs")
    assert answer.status_code == 503
    assert "No space left" in answer.text
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DEAD


def test_what_came_after_the_question_is_not_dropped(spool, config, empty_store, browse, troubled):
    viewer = browse(empty_store, config)
    asked = asked_about(viewer, action="drop", every="1", destination="pacs")
    late = [spool.accept(ENVELOPE, b"x", [PACS]) for _ in range(3)]
    spool.close()
    page = viewer.get(post(viewer, confirmed="1", **asked).headers["location"]).text
    assert "3 deliveries dropped" in page
    assert {status_of(config, it) for it in late} == {DeliveryStatus.PENDING}
    assert status_of(config, troubled["pending"]) is DeliveryStatus.DROPPED


def test_more_than_was_asked_about_is_asked_about_again(viewer, config, troubled):
    asked = asked_about(viewer, action="drop", every="1", destination="pacs") | {"count": "2"}
    again = post(viewer, confirmed="1", **asked)
    assert again.status_code == 200
    assert "more than you were asked about" in again.text
    assert 'name="count" value="3"' in again.text
    answer = viewer.post(
        "/api/deliveries/order", json=asked, headers={"x-csrf-token": csrf(viewer)}
    )
    assert answer.status_code == 409
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DEAD


def test_a_confirmation_of_nothing_is_a_question(viewer, config, troubled):
    asked = post(viewer, action="drop", every="1", confirmed="1")
    assert "Drop 5 deliveries?" in asked.text
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DEAD


def test_without_its_token_an_order_is_refused_and_nothing_done(viewer, config, troubled):
    answer = viewer.post(
        "/deliveries/order", data={"action": "retry", "delivery": f"{troubled['dead']}|pacs"}
    )
    assert answer.status_code == 403
    assert status_of(config, troubled["dead"]) is DeliveryStatus.DEAD


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "send", "every": "1"},
        {"action": "retry"},
        {"action": "retry", "delivery": "abc"},
        {"action": "retry", "delivery": "abc|pacs", "every": "1"},
        {"action": "drop", "every": "1", "status": "sent"},
        {"action": "drop", "every": "1", "count": "5"},
        {"action": "drop", "every": "1", "newest": "a", "count": "-1"},
    ],
)
def test_what_is_no_order_is_refused(viewer, config, fields):
    assert post(viewer, **fields).status_code == 400
    assert post(viewer, confirmed="1", **fields).status_code == 400


@pytest.mark.parametrize("object_id", ["../../etc/passwd", "0", "<script>", "x" * 5000])
def test_an_identifier_that_is_none_is_refused_by_the_spool(viewer, object_id):
    answer = post(viewer, action="retry", delivery=f"{object_id}|pacs")
    page = viewer.get(answer.headers["location"]).text
    assert "it is not in the spool" in page
    assert "<script>" not in page


def test_an_order_makes_no_spool_where_there_is_none(empty_store, browse, config):
    viewer = browse(empty_store, config)
    assert post(viewer, action="retry", delivery="0-0|pacs").status_code == 400
    assert not config.spool.path.exists()


def test_what_a_peer_says_is_escaped(spool, config, empty_store, browse):
    spool.accept(replace(ENVELOPE, calling_ae="<b>\x1b[31m"), b"x", [PACS])
    taken = spool.take("pacs", 0)
    detail = '"><script>alert(1)</script>'
    spool.settle(taken, replace(taken.record, status=DeliveryStatus.DEAD, detail=detail))
    page = browse(empty_store, config).get("/deliveries").text
    assert "<script>alert" not in page
    assert "<b>" not in page.replace("<b>1</b>", "").replace("<b>0</b>", "")
    assert "\x1b" not in page
