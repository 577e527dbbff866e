import os
import shutil
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.config import Limits, SpoolSettings
from atlas_node.errors import SpoolError, SpoolFullError
from atlas_node.model import Envelope, Policy
from atlas_node.spool import Doorbell, Intake, Occupancy, Recipient, Spool, read_queue
from tests.disks import files_no_longer_than

DATA = b"\x08\x00\x60\x00CS\x02\x00MR"
MIB = 2**20


@pytest.fixture
def shared():
    made = Occupancy(2), Doorbell()
    yield made
    for it in made:
        it.close()


@pytest.fixture
def open_intake(settings, shared):
    """Open the receiving side of a partition; opening it again is what a restart does."""
    opened: dict[int, Intake] = {}

    def open_(partition=0, durability="os", **limits):
        if partition in opened:
            opened.pop(partition).close()
        changed = settings.limits.model_copy(update=limits)
        changed = settings.model_copy(update={"limits": changed, "durability": durability})
        opened[partition] = Intake(changed, partition, *shared)
        return opened[partition]

    yield open_
    for intake in opened.values():
        intake.close()


def files(settings, partition=0):
    return sorted(it.name for it in (settings.path / str(partition)).iterdir() if it.suffix)


def accept(intake, envelope, data=DATA, recipients=()):
    arrival = intake.begin(envelope)
    arrival.write(data)
    return arrival.commit(recipients)


def test_nothing_is_accepted_before_its_commit(open_intake, envelope, settings, pacs):
    arrival = open_intake().begin(envelope)
    arrival.write(DATA)
    assert list(read_queue(settings.path)) == []
    object_id = arrival.commit([pacs])
    [queued] = read_queue(settings.path)
    assert queued.entry.object_id == object_id == arrival.object_id
    assert queued.entry.recipients == (pacs,)
    assert queued.entry.size == len(DATA)


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_an_object_is_accepted_in_either_durability(open_intake, envelope, settings, durability):
    object_id = accept(open_intake(durability=durability), envelope)
    assert files(settings) == [f"{object_id}.dcm", f"{object_id}.job"]


@given(pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_what_is_written_in_pieces_is_read_in_one(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("spool")
    settings = SpoolSettings(path=path, limits=Limits(min_free_bytes=1))
    envelope = Envelope(0.0, "", "", "", "1.2", "1.2.3", "1.2.840.10008.1.2")
    shared = Occupancy(1), Doorbell()
    intake = Intake(settings, 0, *shared)
    spool = Spool(settings, 0, *shared)
    arrival = intake.begin(envelope)
    for piece in pieces:
        arrival.write(piece)
    assert arrival.size == sum(map(len, pieces))
    assert bytes(arrival.data()) == b"".join(pieces)
    arrival.commit([Recipient("pacs", Policy.DECODE)])
    spool.listen(0)
    delivery = spool.take("pacs", 0)
    assert bytes(spool.read(delivery.entry)) == b"".join(pieces)
    for it in (intake, spool, *shared):
        it.close()


def test_what_was_accepted_and_not_rung_for_is_delivered_when_a_receiver_starts_again(
    open_intake, envelope, settings, shared, pacs, monkeypatch
):
    """As after `kill -9` of the receiver between the two."""
    spool = Spool(settings, 0, *shared)
    intake = open_intake()
    spool.listen(0)
    with monkeypatch.context() as killed:
        killed.setattr(shared[1], "ring", lambda object_id: True)
        object_id = accept(intake, envelope, recipients=[pacs])
    spool.listen(0)
    assert spool.take("pacs", 0) is None
    open_intake()
    spool.listen(0)
    assert spool.take("pacs", 0).entry.object_id == object_id
    spool.close()


def test_what_is_abandoned_leaves_nothing(open_intake, envelope, settings, shared):
    arrival = open_intake().begin(envelope)
    arrival.write(DATA)
    for _ in range(2):
        arrival.abandon()
        assert files(settings) == []
        assert (shared[0].objects(), shared[0].bytes()) == (0, 0)


def test_to_abandon_what_is_accepted_is_nothing(open_intake, envelope, settings, shared):
    arrival = open_intake().begin(envelope)
    arrival.write(DATA)
    arrival.commit(())
    arrival.abandon()
    assert len(files(settings)) == 2
    assert (shared[0].objects(), shared[0].bytes()) == (1, len(DATA))


def test_a_receiver_removes_what_the_one_before_it_left(open_intake, envelope, settings, shared):
    intake = open_intake()
    kept = accept(intake, envelope)
    arrival = intake.begin(envelope)
    arrival.write(DATA)
    os.close(arrival._file)  # as the end of the process does
    intake = open_intake()
    assert files(settings) == [f"{kept}.dcm", f"{kept}.job"]
    assert shared[0].bytes() == len(DATA)
    assert accept(intake, envelope) > kept


def test_a_forwarder_that_starts_leaves_what_arrives_alone(
    open_intake, envelope, settings, shared, pacs
):
    arrival = open_intake().begin(envelope)
    arrival.write(DATA)
    spool = Spool(settings, 0, *shared)
    arrival.write(DATA)
    arrival.commit([pacs])
    spool.listen(0)
    assert bytes(spool.read(spool.take("pacs", 0).entry)) == DATA + DATA
    spool.close()


def test_a_forwarder_removes_what_the_one_before_it_had_not_removed_to_the_end(
    open_intake, envelope, settings, shared
):
    object_id = accept(open_intake(), envelope)
    (settings.path / "0" / f"{object_id}.job").unlink()
    Spool(settings, 0, *shared).close()
    assert files(settings) == []


def test_receiving_and_starting_forwarders_do_not_disturb_each_other(
    open_intake, envelope, settings, shared, pacs
):
    intake = open_intake()
    accepted = []

    def receive():
        for _ in range(50):
            accepted.append(accept(intake, envelope, recipients=[pacs]))

    threads = [threading.Thread(target=receive) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        Spool(settings, 0, *shared).close()
    spool = Spool(settings, 0, *shared)
    assert len(accepted) == 150
    for _ in accepted:
        assert bytes(spool.read(spool.take("pacs", 0).entry)) == DATA
    assert len(files(settings)) == 2 * len(accepted)
    spool.close()


def test_identifiers_go_on_when_the_clock_goes_back(settings, shared, envelope):
    now = [2_000_000_000.0]
    intake = Intake(settings, 0, *shared, clock=lambda: now[0])
    first = accept(intake, envelope)
    intake.close()
    now[0] = 1.0
    intake = Intake(settings, 0, *shared, clock=lambda: now[0])
    second = accept(intake, envelope)
    assert second > first
    intake.close()


# Limits


def test_an_object_that_grows_past_the_limit_is_refused_in_its_middle(open_intake, envelope):
    arrival = open_intake(max_object_bytes=3 * MIB).begin(envelope)
    for _ in range(3):
        arrival.write(bytes(MIB))
    with pytest.raises(SpoolFullError, match=r"spool\.limits\.max_object_bytes"):
        arrival.write(b"\0")
    arrival.abandon()


def test_the_limit_on_bytes_is_that_of_all_workers_together(open_intake, envelope, shared):
    first, second = (open_intake(number, max_bytes=4 * MIB) for number in range(2))
    accept(first, envelope, bytes(3 * MIB))
    arrival = second.begin(envelope)
    with pytest.raises(SpoolFullError, match=r"spool\.limits\.max_bytes is 4194304"):
        arrival.write(bytes(MIB + 1))
    arrival.abandon()
    accept(second, envelope, bytes(MIB))
    with pytest.raises(SpoolFullError):
        first.begin(envelope)
    assert shared[0].bytes() == 4 * MIB


def test_the_limit_on_objects_is_that_of_all_workers_together(open_intake, envelope):
    first, second = (open_intake(number, max_objects=3) for number in range(2))
    for intake in (first, second, first):
        accept(intake, envelope)
    for intake in (first, second):
        with pytest.raises(SpoolFullError, match=r"holds 3 objects, spool\.limits\.max_objects"):
            intake.begin(envelope)


def test_objects_that_are_arriving_count(open_intake, envelope):
    intake = open_intake(max_bytes=2 * MIB)
    one, other = intake.begin(envelope), intake.begin(envelope)
    one.write(bytes(MIB))
    with pytest.raises(SpoolFullError):
        other.write(bytes(MIB + 1))
    other.abandon()
    one.write(bytes(MIB))
    one.commit(())


def test_many_threads_keep_within_the_limits(open_intake, envelope, shared, settings):
    intake = open_intake(max_objects=50, max_bytes=10 * MIB)
    refused = []

    def receive():
        for _ in range(20):
            try:
                accept(intake, envelope, bytes(1000))
            except SpoolFullError:
                refused.append(1)

    threads = [threading.Thread(target=receive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = len(files(settings)) // 2
    assert accepted + len(refused) == 160
    # As many may slip through as there are receivers and threads between the look and the count.
    assert 50 <= accepted < 58
    assert shared[0].objects() == accepted
    assert shared[0].bytes() == 1000 * accepted


def test_a_full_disk_is_refused_and_leaves_nothing(open_intake, envelope, settings, shared):
    intake = open_intake()
    arrival = intake.begin(envelope)
    with files_no_longer_than(400), pytest.raises(SpoolError, match="cannot write the spool"):
        arrival.write(bytes(1000))
    arrival.abandon()
    assert files(settings) == []
    assert shared[0].bytes() == 0
    accept(intake, envelope)


def test_a_full_disk_at_the_journal_is_refused_and_leaves_nothing(
    open_intake, envelope, settings, pacs
):
    intake = open_intake()
    many = [replace(pacs, destination=f"pacs{number}") for number in range(20)]
    arrival = intake.begin(envelope)
    arrival.write(DATA)
    with files_no_longer_than(400), pytest.raises(SpoolError, match="cannot write the spool"):
        arrival.commit(many)
    arrival.abandon()
    assert files(settings) == []
    accept(intake, envelope)


def test_a_spool_that_is_gone_refuses_until_it_is_back(open_intake, envelope, settings, caplog):
    intake = open_intake()
    accept(intake, envelope)
    shutil.rmtree(settings.path)
    for _ in range(2):
        with pytest.raises(SpoolError, match=str(settings.path)):
            intake.begin(envelope)
    assert caplog.text.count("refusing objects with 0xA700") == 1
    settings.path.mkdir()
    object_id = accept(intake, envelope)
    assert files(settings) == [f"{object_id}.dcm", f"{object_id}.job"]


# Between the two sides


def test_the_forwarder_finds_what_could_not_be_rung(open_intake, envelope, settings, shared, pacs):
    doorbell = shared[1]
    intake, spool = open_intake(), Spool(settings, 0, *shared)
    while doorbell.ring("0000000000000000-000000"):
        pass
    ids = [accept(intake, envelope, recipients=[pacs]) for _ in range(3)]
    while len(spool) < len(ids):
        spool.listen(0)
    assert [spool.take("pacs", 0).entry.object_id for _ in ids] == ids
    spool.close()


def test_a_forwarder_that_starts_late_has_everything_once(
    open_intake, envelope, settings, shared, pacs
):
    intake = open_intake()
    ids = [accept(intake, envelope, recipients=[pacs]) for _ in range(3)]
    spool = Spool(settings, 0, *shared)
    spool.listen(0)
    assert [spool.take("pacs", 0).entry.object_id for _ in ids] == ids
    assert spool.take("pacs", 0) is None
    assert shared[0].objects() == 3
    spool.close()
