"""What a running node publishes of itself, while it receives, delivers and fails to."""

import time

import pytest
from pynetdicom import AE

from atlas_node.activity import Activity, read_activity
from atlas_node.activity.metrics import (
    ASSOCIATIONS_ACCEPTED,
    ASSOCIATIONS_REJECTED,
    BYTES_RECEIVED,
    DELIVERIES,
    OBJECTS_RECEIVED,
    OBJECTS_RECORDED,
    RECEIVE_SECONDS,
    SPOOL_BYTES,
    SPOOL_OBJECTS,
)
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import Pacs, ct_object, send
from tests.ports import free_port


def wait_for(node: NodeProcess, done) -> Activity:
    """The first activity that is `done`; processes write theirs once a second."""
    seen: list[Activity] = []

    def read_until_done() -> bool:
        seen.append(read_activity(node.spool))
        return done(seen[-1])

    node.wait_until(read_until_done)
    return seen[-1]


def has_settled(activity: Activity) -> bool:
    """Whether all that is to become of the first three objects is told."""
    pacs, away = map(activity.destinations.get, ("pacs", "away"))
    return (
        activity.value(OBJECTS_RECEIVED) >= 3
        and activity.value(DELIVERIES, "pacs", "sent") >= 3
        and activity.value(OBJECTS_RECORDED) >= 3
        and pacs is not None
        and (pacs.waiting, pacs.retrying) == (0, 0)
        and away is not None
        and away.failed_at is not None
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node with a PACS that takes everything and a destination that nobody answers for."""
    with Pacs() as pacs:
        running = NodeProcess(
            tmp_path_factory.mktemp("node"),
            {"pacs": pacs.port, "away": free_port()},
            node={"workers": 1},
            peers=[{"ae_title": "SCANNER"}],
        )
        running.config["destinations"][0]["idle_timeout"] = 600
        running.write_config()
        with running:
            send(running.port, [ct_object(number) for number in range(3)])
            yield running


def test_every_process_says_that_it_serves(node):
    activity = wait_for(node, lambda it: len(it.processes) == 2)
    assert {it.name for it in activity.processes} == {"receiver-0", "forwarder-0"}
    assert {it.pid for it in activity.processes} == set(node.workers())
    assert activity.running


def test_what_came_in_and_went_out_is_counted(node):
    activity = wait_for(node, has_settled)
    assert activity.value(OBJECTS_RECEIVED) == 3
    assert activity.value(BYTES_RECEIVED) > 0
    assert activity.value(ASSOCIATIONS_ACCEPTED) >= 1
    assert activity.value(DELIVERIES, "away", "unreachable") >= 1
    [received] = [it for it in activity.samples() if it.metric is RECEIVE_SECONDS]
    assert received.count == 3
    assert sum(it.objects for it in activity.history) == 3
    assert sum(it.delivered for it in activity.history) == 3


def test_a_destination_that_is_away_is_told_from_one_that_answers(node):
    activity = wait_for(node, has_settled)
    pacs, away = activity.destinations["pacs"], activity.destinations["away"]
    assert (pacs.reachable, pacs.failure) == (True, "")
    assert away.reachable is False
    assert away.waiting + away.retrying == 3
    assert away.oldest_at is not None
    assert away.oldest_at <= time.time()
    assert "cannot connect" in away.failure
    assert activity.value(SPOOL_OBJECTS) == 3
    assert activity.value(SPOOL_BYTES) == activity.value(BYTES_RECEIVED)


def test_associations_are_told_while_they_are_open(node):
    ae = AE("SCANNER")
    ae.add_requested_context("1.2.840.10008.1.1")
    assoc = ae.associate("127.0.0.1", node.port, ae_title="ATLAS")
    assoc.send_c_echo()
    activity = wait_for(node, lambda it: any(a.bytes for a in it.incoming) and has_settled(it))
    [incoming] = activity.incoming
    assert (incoming.calling_ae, incoming.called_ae) == ("SCANNER", "ATLAS")
    assert (incoming.address, incoming.process) == ("127.0.0.1", "receiver-0")
    [outgoing] = activity.outgoing  # it stays open after the last object
    assert (outgoing.destination, outgoing.ae_title, outgoing.objects) == ("pacs", "PACS", 3)
    assert outgoing.contexts >= 1
    assert outgoing.bytes > 0
    assoc.release()
    wait_for(node, lambda it: not it.incoming)


def test_counters_go_on_when_a_process_is_killed_and_started_again(node):
    before = wait_for(node, lambda it: it.value(OBJECTS_RECEIVED) == 3)
    node.kill_worker("receiver")
    send(node.port, [ct_object(7)])
    activity = wait_for(node, lambda it: it.value(OBJECTS_RECEIVED) == 4)
    assert activity.value(ASSOCIATIONS_ACCEPTED) > before.value(ASSOCIATIONS_ACCEPTED)


def test_a_peer_that_is_rejected_is_counted(node):
    ae = AE("STRANGER")
    ae.add_requested_context("1.2.840.10008.1.1")
    assert not ae.associate("127.0.0.1", node.port, ae_title="ATLAS").is_established
    wait_for(node, lambda it: it.value(ASSOCIATIONS_REJECTED, "peer") == 1)


def test_a_node_that_has_stopped_is_not_running_and_its_numbers_stay(node):
    """The last one: it stops the node of the others."""
    wait_for(node, lambda it: it.value(OBJECTS_RECEIVED) >= 3)
    assert node.stop() == 0
    activity = read_activity(node.spool)
    assert not activity.running
    assert {it.state for it in activity.processes} == {"ended"}
    assert activity.value(OBJECTS_RECEIVED) >= 3
