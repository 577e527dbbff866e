"""What processes publish, and what is read of it, without any process."""

import itertools
import logging

import pytest

from atlas_node.activity import (
    DestinationState,
    IncomingAssociation,
    OutgoingAssociation,
    Publisher,
    Snapshot,
    Tally,
    read_activity,
)
from atlas_node.activity.metrics import (
    ASSOCIATIONS_OPEN,
    DELIVERIES,
    DELIVERY_SECONDS,
    DESTINATION_REACHABLE,
    LOG_LAG_SECONDS,
    OBJECTS_RECEIVED,
    PROCESSES,
    QUEUE_LENGTH,
    SPOOL_OBJECTS,
)

NOW = 1_700_000_000.0
SCANNER = IncomingAssociation("MR1", "ATLAS", "192.0.2.7", NOW - 60, 12, 5_000_000)
PACS = OutgoingAssociation("pacs", "PACS", "192.0.2.20:104", NOW - 5, 4, 12, 6_000_000)


class Process:
    """A process that publishes when the test says so."""

    def __init__(self, spool, name, snapshot=None):
        self.now = NOW
        self.tally = Tally()
        self.snapshot = snapshot or Snapshot()
        self._arguments = (spool, name, self.tally, lambda: self.snapshot)
        self.publisher = Publisher(*self._arguments, clock=lambda: self.now)

    def publish(self, at=NOW):
        self.now = at
        self.publisher.publish()


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def test_without_a_node_there_is_nothing(spool):
    activity = read_activity(spool)
    assert not activity.running
    assert activity.processes == activity.incoming == activity.history == ()
    assert activity.value(OBJECTS_RECEIVED) == 0
    assert list(activity.samples()) == []


def test_what_a_process_does_is_read_as_it_published_it(spool):
    receiver = Process(spool, "receiver-0", Snapshot(incoming=(SCANNER,)))
    forwarder = Process(
        spool,
        "forwarder-0",
        Snapshot(
            outgoing=(PACS,),
            destinations={"pacs": DestinationState(waiting=3, answered_at=NOW)},
            gauges={(SPOOL_OBJECTS.name, ()): 7},
        ),
    )
    receiver.tally.add(OBJECTS_RECEIVED, by=12)
    receiver.publish()
    forwarder.publish()

    activity = read_activity(spool, NOW + 1)
    assert activity.running
    assert [it.state for it in activity.processes] == ["serving", "serving"]
    [incoming], [outgoing] = activity.incoming, activity.outgoing
    assert (incoming.calling_ae, incoming.objects, incoming.process) == ("MR1", 12, "receiver-0")
    assert (outgoing.destination, outgoing.contexts) == ("pacs", 4)
    assert outgoing.process == "forwarder-0"
    assert activity.value(OBJECTS_RECEIVED) == 12
    assert activity.value(SPOOL_OBJECTS) == 7
    assert activity.value(ASSOCIATIONS_OPEN, "incoming") == 1
    assert activity.value(QUEUE_LENGTH, "pacs", "waiting") == 3
    assert activity.value(DESTINATION_REACHABLE, "pacs") == 1
    assert activity.value(PROCESSES, "serving") == 2


def test_two_forwarders_make_one_destination(spool):
    down = DestinationState(
        waiting=2, dead=1, oldest_at=NOW - 50, next_try_at=NOW + 9, answered_at=NOW - 30,
        failed_at=NOW - 3, failure="refused",
    )  # fmt: skip
    up = DestinationState(
        waiting=1, in_hand=1, oldest_at=NOW - 70, answered_at=NOW - 1,
        failed_at=NOW - 90, failure="timed out",
    )  # fmt: skip
    for number, state in enumerate((down, up)):
        gauges = {(SPOOL_OBJECTS.name, ()): 5, (LOG_LAG_SECONDS.name, ()): float(number)}
        snapshot = Snapshot(destinations={"pacs": state}, gauges=gauges)
        Process(spool, f"forwarder-{number}", snapshot).publish()
    activity = read_activity(spool, NOW)
    assert activity.destinations["pacs"] == DestinationState(
        waiting=3, in_hand=1, dead=1, oldest_at=NOW - 70, next_try_at=NOW + 9,
        answered_at=NOW - 1, failed_at=NOW - 3, failure="refused",
    )  # fmt: skip
    assert activity.destinations["pacs"].reachable is True
    assert activity.value(SPOOL_OBJECTS) == 10
    assert activity.value(LOG_LAG_SECONDS) == 1.0  # the longer one


@pytest.mark.parametrize(
    ("answered", "failed", "reachable"),
    [
        (None, None, None),
        (5.0, None, True),
        (None, 5.0, False),
        (5.0, 6.0, False),
        (6.0, 5.0, True),
    ],
)
def test_a_destination_is_reachable_when_the_last_try_found_it(answered, failed, reachable):
    assert DestinationState(answered_at=answered, failed_at=failed).reachable is reachable


def test_a_process_that_says_nothing_is_silent_and_its_associations_are_not_open(spool):
    Process(spool, "receiver-0", Snapshot(incoming=(SCANNER,))).publish()
    activity = read_activity(spool, NOW + 6)
    assert [it.state for it in activity.processes] == ["silent"]
    assert not activity.running
    assert activity.incoming == ()
    assert activity.value(ASSOCIATIONS_OPEN, "incoming") == 0


def test_a_process_that_has_stopped_says_so(spool):
    process = Process(spool, "receiver-0", Snapshot(incoming=(SCANNER,)))
    process.publisher.start()
    process.publisher.stop()
    activity = read_activity(spool, NOW + 1)
    assert [it.state for it in activity.processes] == ["ended"]
    assert activity.incoming == ()


def test_counters_go_on_where_they_were_when_a_process_starts_again(spool):
    for _ in range(3):
        process = Process(spool, "receiver-0")
        process.tally.add(OBJECTS_RECEIVED, by=10)
        process.tally.observe(DELIVERY_SECONDS, 0.2, "pacs")
        process.publish()
    activity = read_activity(spool, NOW)
    assert activity.value(OBJECTS_RECEIVED) == 30
    [sample] = [it for it in activity.samples() if it.metric is DELIVERY_SECONDS]
    assert (sample.labels, sample.count) == (("pacs",), 3)
    assert sample.sum == pytest.approx(0.6)
    assert dict(sample.buckets)[0.1] == 0
    assert dict(sample.buckets)[0.25] == 3


def test_what_a_worker_of_an_earlier_run_left_counts_but_no_longer_stands(spool):
    state = DestinationState(waiting=9)
    old = Process(spool, "forwarder-7", Snapshot(destinations={"pacs": state}))
    old.tally.add(DELIVERIES, "pacs", "sent", by=4)
    old.publisher.publish(ended=True)
    Process(spool, "forwarder-0").publish(NOW + 3600)
    activity = read_activity(spool, NOW + 3600)
    assert [it.name for it in activity.processes] == ["forwarder-0"]
    assert activity.destinations == {}
    assert activity.value(DELIVERIES, "pacs", "sent") == 4


def test_the_last_ten_minutes_are_told_in_steps_of_ten_seconds(spool):
    receiver, forwarder = Process(spool, "receiver-0"), Process(spool, "forwarder-0")
    for at, objects in ((NOW, 3), (NOW + 4, 2), (NOW + 25, 7)):
        receiver.tally.add(OBJECTS_RECEIVED, by=objects)
        receiver.publish(at)
    forwarder.tally.add(DELIVERIES, "pacs", "sent", by=6)
    forwarder.tally.add(DELIVERIES, "pacs", "dead")
    forwarder.publish(NOW + 25)
    history = read_activity(spool, NOW + 26).history
    assert len(history) == 60
    assert {it.at - before.at for before, it in itertools.pairwise(history)} == {10}
    assert [it.objects for it in history[-3:]] == [5, 0, 7]
    assert [it.delivered for it in history[-3:]] == [0, 0, 6]


def test_a_description_that_fails_is_said_once_and_stops_nothing(spool, caplog):
    process = Process(spool, "receiver-0")

    def fail():
        raise RuntimeError("a fault")

    process.publish()
    process.publisher._describe = fail
    with caplog.at_level(logging.WARNING):
        process.publish(NOW + 1)
        process.publish(NOW + 2)
    assert [it.getMessage() for it in caplog.records] == [
        "cannot publish what receiver-0 does: a fault"
    ]
    assert read_activity(spool, NOW).running  # what was published before is there


def test_a_folder_that_cannot_be_written_stops_nothing(spool, caplog):
    spool.write_text("a file in its place")
    process = Process(spool, "receiver-0")
    process.publish()
    assert "cannot publish" in caplog.text
    assert read_activity(spool) == read_activity(spool / "nowhere")


def test_more_associations_than_there_is_room_for_are_counted_all_the_same(spool):
    many = tuple(
        IncomingAssociation("\x00" * 16, "\x00" * 16, "192.0.2.7", NOW + number)
        for number in range(1000)
    )
    Process(spool, "receiver-0", Snapshot(incoming=many)).publish()
    activity = read_activity(spool, NOW)
    assert activity.value(ASSOCIATIONS_OPEN, "incoming") == 1000
    assert 0 < len(activity.incoming) <= 200


def test_what_another_version_wrote_is_as_if_it_were_not_there(spool, monkeypatch):
    monkeypatch.setattr("atlas_node.activity.publisher.FORMAT", 99)
    Process(spool, "receiver-0").publish()
    assert not read_activity(spool, NOW).processes


def test_latencies_are_those_of_the_last_ten_minutes_of_all_processes(spool):
    one, two = Process(spool, "forwarder-0"), Process(spool, "forwarder-1")
    for process, destination in ((one, "pacs"), (one, "archive"), (two, "pacs")):
        process.tally.observe(DELIVERY_SECONDS, 100.0, destination)
    one.publish(NOW)
    two.publish(NOW)

    assert sum(read_activity(spool, NOW + 1).recent["delivery_seconds"]) == 3
    for at in range(5, 610, 5):
        one.publish(NOW + at)
    one.tally.observe(DELIVERY_SECONDS, 0.002, "pacs")
    one.publish(NOW + 611)

    recent = read_activity(spool, NOW + 611).recent
    assert recent["delivery_seconds"] == (0, 1, *[0] * 12)
    assert sum(recent["receive_seconds"]) == 0


def test_latencies_before_a_restart_are_not_counted_again(spool):
    before = Process(spool, "forwarder-0")
    before.tally.observe(DELIVERY_SECONDS, 0.002, "pacs")
    before.publish()
    Process(spool, "forwarder-0").publish()

    assert sum(read_activity(spool, NOW + 1).recent["delivery_seconds"]) == 0
