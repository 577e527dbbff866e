import contextlib
import errno
import mmap
import os
import threading
import time
from dataclasses import replace
from functools import partial
from unittest.mock import Mock

import pytest

from atlas_node.errors import (
    DamagedObjectError,
    SpoolError,
    SpoolFullError,
    UnreadableObjectError,
)
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool import Doorbell, Intake, Occupancy, Spool, read_queued_object
from atlas_node.spool import finished as finished_module
from atlas_node.spool import spool as module
from atlas_node.spool.annotations import HeldAnnotations
from atlas_node.spool.partition import Partition
from tests.spools import FedSpool
from tests.waiting import LONG

DATA = b"\x08\x00\x60\x00CS\x02\x00MR"


def settle(spool, delivery, status, *, next_try_at=None, hold_place=False, detail=""):
    record = replace(
        delivery.record,
        status=status,
        tries=delivery.record.tries + 1,
        at=time.time(),
        detail=detail,
        next_try_at=next_try_at,
    )
    spool.settle(delivery, record, hold_place=hold_place)


def record_all(spool):
    changes = spool.unrecorded(100, 0)
    spool.recorded(changes)
    return changes


def files(settings):
    return sorted(path.suffix for path in (settings.path / "0").iterdir() if path.suffix)


def test_an_object_leaves_when_it_is_sent_everywhere_and_logged(
    open_spool, envelope, settings, pacs, archive
):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs, archive])
    for name in ("pacs", "archive"):
        delivery = spool.take(name, 0)
        assert delivery.entry.object_id == object_id
        assert bytes(spool.read(delivery.entry)) == DATA
        settle(spool, delivery, DeliveryStatus.SENT)
        assert len(spool) == 1
    [change] = record_all(spool)
    assert change.new
    assert {it.status for it in change.deliveries} == {DeliveryStatus.SENT}
    assert len(spool) == 0
    assert files(settings) == []


def test_an_object_stays_until_the_log_has_heard_of_its_last_delivery(open_spool, envelope, pacs):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    changes = spool.unrecorded(10, 0)
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    spool.recorded(changes)  # what the log was told is older than the delivery
    assert len(spool) == 1
    [change] = record_all(spool)
    assert not change.new
    assert len(spool) == 0


def test_a_dead_delivery_keeps_the_object(open_spool, envelope, settings, pacs):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD, detail="status 0xA900")
    record_all(spool)
    assert len(spool) == 1
    spool = open_spool()
    assert spool.take("pacs", 0) is None
    [change] = record_all(spool)
    assert change.deliveries[0].detail == "status 0xA900"
    assert files(settings) == [".dcm", ".job"]


def test_an_object_for_the_log_alone_leaves_with_the_log(open_spool, envelope):
    spool = open_spool()
    spool.accept(envelope, DATA, [])
    record_all(spool)
    assert len(spool) == 0


def test_objects_come_in_the_order_of_their_arrival(open_spool, envelope, pacs):
    spool = open_spool()
    ids = [spool.accept(envelope, DATA, [pacs]) for _ in range(5)]
    assert ids == sorted(ids)
    assert [spool.take("pacs", 0).entry.object_id for _ in ids] == ids


def test_after_a_restart_everything_undelivered_is_due_in_the_same_order(
    open_spool, envelope, pacs, archive
):
    spool = open_spool()
    ids = [spool.accept(envelope, DATA, [pacs, archive]) for _ in range(3)]
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    spool = open_spool()
    assert [spool.take("pacs", 0).entry.object_id for _ in range(2)] == ids[1:]
    assert spool.take("pacs", 0) is None
    assert [spool.take("archive", 0).entry.object_id for _ in ids] == ids
    assert spool.accept(envelope, DATA, [pacs]) > ids[-1]


def test_a_failed_delivery_comes_back_at_its_time_and_lets_others_pass(open_spool, envelope, pacs):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 0.3)
    assert spool.take("pacs", 0).entry.object_id == second
    assert not spool.due("pacs")
    again = spool.take("pacs", 10)
    assert (again.entry.object_id, again.record.tries) == (first, 1)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_failed_delivery_comes_in_its_time_when_the_clock_is_set(settings, envelope, pacs, days):
    off = [0.0]
    spool = FedSpool(settings, clock=lambda: time.time() + off[0])
    object_id = spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 0.5)
    off[0] = days * 86400
    assert not spool.due("pacs")
    [standing] = spool.standing().values()
    assert 0 < standing.next_try_at - (time.time() + off[0]) <= 0.5
    assert spool.take("pacs", 10).entry.object_id == object_id
    spool.close()


def test_a_delivery_that_holds_its_place_comes_before_later_ones(open_spool, envelope, pacs):
    spool = open_spool()
    first, _ = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    delivery = spool.take("pacs", 0)
    settle(spool, delivery, DeliveryStatus.FAILED, next_try_at=time.time() + 9, hold_place=True)
    assert spool.take("pacs", 0).entry.object_id == first


def test_a_waiting_destination_is_woken_by_an_object(open_spool, envelope, pacs):
    spool = open_spool()
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(spool.take("pacs", 2 * LONG)))
    waiting.start()
    object_id = spool.accept(envelope, DATA, [pacs])
    waiting.join(LONG)
    assert taken[0].entry.object_id == object_id


@pytest.mark.parametrize("wait", ["take", "unrecorded"])
def test_a_stop_ends_a_wait_at_once_whenever_it_comes(open_spool, wait):
    """Also one that comes when the thread has looked at the flag, and is about to wait."""
    spool, stop, looked = open_spool(), threading.Event(), threading.Event()

    def stopping():
        stopped = stop.is_set()
        looked.set()
        time.sleep(0.05)  # the other thread has all the time to set it and to call `wake`
        return stopped

    def work():
        waits = {
            "take": lambda: spool.take("pacs", 2 * LONG, (), stopping),
            "unrecorded": lambda: spool.unrecorded(1, 2 * LONG, 0.0, stopping),
        }
        assert not waits[wait]()

    thread = threading.Thread(target=work)
    thread.start()
    assert looked.wait(LONG)
    stop.set()
    spool.wake()
    thread.join(LONG)
    assert not thread.is_alive()


def test_who_is_to_stop_gets_nothing_more(open_spool, envelope, pacs):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    assert spool.take("pacs", 30, (), lambda: True) is None
    assert spool.take("pacs", 0) is not None


def test_what_is_negotiated_ahead_is_what_comes_next(open_spool, envelope, pacs):
    spool = open_spool()
    mr = replace(envelope, sop_class_uid="1.2.840.10008.5.1.4.1.1.4")
    for it in (envelope, mr, envelope):
        spool.accept(it, DATA, [pacs])
    assert set(spool.syntaxes_ahead("pacs")) == {
        (envelope.sop_class_uid, envelope.transfer_syntax_uid),
        (mr.sop_class_uid, mr.transfer_syntax_uid),
    }
    assert spool.syntaxes_ahead("archive") == []


def test_the_same_instance_again_is_a_new_object(open_spool, envelope, pacs):
    spool = open_spool()
    assert spool.accept(envelope, DATA, [pacs]) != spool.accept(envelope, DATA + b"  ", [pacs])
    assert len(spool) == 2


def test_a_uid_from_the_network_never_becomes_a_path(open_spool, envelope, settings, pacs):
    spool = open_spool()
    evil = replace(envelope, sop_instance_uid="../../../../tmp/evil", calling_ae="/etc/passwd")
    object_id = spool.accept(evil, DATA, [pacs])
    names = sorted(path.name for path in settings.path.rglob("*") if path.suffix)
    assert names == [f"{object_id}.dcm", f"{object_id}.job"]


def test_a_damaged_object_is_dead_and_said(open_spool, envelope, settings, pacs, caplog):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs])
    (settings.path / "0" / f"{object_id}.dcm").write_bytes(b"")
    spool = open_spool()
    [change] = spool.unrecorded(1, 0)
    assert change.deliveries[0].status is DeliveryStatus.DEAD
    assert "has 0 of" in change.deliveries[0].detail
    assert f"object {object_id} is damaged" in caplog.text


@pytest.mark.parametrize(
    ("limit", "value", "accepted"),
    [
        ("max_objects", 2, 2),
        ("max_bytes", 3 * len(DATA), 3),
        ("max_object_bytes", len(DATA) - 1, 0),
        ("min_free_bytes", 2**60, 0),
    ],
)
def test_a_limit_refuses_and_names_itself(open_spool, envelope, pacs, limit, value, accepted):
    spool = open_spool(**{limit: value})
    for _ in range(accepted):
        spool.accept(envelope, DATA, [pacs])
    with pytest.raises(SpoolFullError, match=f"spool.limits.{limit}"):
        spool.accept(envelope, DATA, [pacs])
    assert len(spool) == accepted


def test_room_is_made_by_what_leaves(open_spool, envelope):
    spool = open_spool(max_objects=1)
    for _ in range(3):
        spool.accept(envelope, DATA, [])
        record_all(spool)


def test_a_full_spool_says_so_once_for_many_objects(open_spool, envelope, pacs, caplog):
    spool = open_spool(max_objects=1)
    spool.accept(envelope, DATA, [pacs])
    for _ in range(5):
        with pytest.raises(SpoolFullError):
            spool.accept(envelope, DATA, [pacs])
    assert caplog.text.count("0xA700") == 1


def test_what_the_log_does_not_take_goes_behind_the_others(open_spool, envelope, pacs):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    [change] = spool.unrecorded(1, 0)
    spool.postpone(change)
    assert [it.entry.object_id for it in spool.unrecorded(2, 0)] == [second, first]


def test_many_threads_lose_and_double_nothing(open_spool, envelope, settings, pacs, archive):
    spool = open_spool()
    count, senders = 40, 4
    accepted: list[str] = []
    delivered: list[tuple[str, str]] = []

    def receive():
        for _ in range(count):
            accepted.append(spool.accept(envelope, DATA, [pacs, archive]))

    def deliver(name):
        while len([it for it in delivered if it[0] == name]) < count * senders:
            delivery = spool.take(name, 1)
            if delivery:
                delivered.append((name, delivery.entry.object_id))
                settle(spool, delivery, DeliveryStatus.SENT)

    threads = [threading.Thread(target=receive) for _ in range(senders)]
    threads += [threading.Thread(target=deliver, args=(name,)) for name in ("pacs", "archive")]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or spool.unrecorded(1, 0):
        record_all(spool)
    assert len(set(accepted)) == count * senders
    assert sorted(delivered) == sorted(
        (name, object_id) for name in ("pacs", "archive") for object_id in accepted
    )
    assert len(spool) == 0
    assert files(settings) == []


def test_deliveries_waiting_are_counted_by_destination(open_spool, envelope, pacs, archive):
    spool = open_spool()
    for recipients in ([pacs], [pacs, archive]):
        spool.accept(envelope, DATA, recipients)
    assert spool.waiting() == {"pacs": 2, "archive": 1}


def test_a_delivery_starts_pending(open_spool, envelope, pacs):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    assert spool.take("pacs", 0).record == DeliveryRecord(
        "pacs", DeliveryStatus.PENDING, at=envelope.received_at
    )


def test_a_delivery_held_back_comes_when_the_one_before_it_is_final(open_spool, envelope, pacs):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    held = spool.take("pacs", 0)
    assert spool.hold_back(held, behind=first)
    assert not spool.due("pacs")
    assert spool.waiting() == {"pacs": 2}
    spool.retry(first, "pacs")
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    again = spool.take("pacs", 0)
    assert (again.entry.object_id, again.record.tries) == (second, 0)


def test_the_journal_says_once_what_a_delivery_is_held_back_for(
    open_spool, envelope, pacs, settings
):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    before, held = spool.take("pacs", 0), spool.take("pacs", 0)
    assert spool.hold_back(held, behind=first)
    record = read_queued_object(settings.path, second).deliveries["pacs"]
    assert (record.status, record.tries) == (DeliveryStatus.PENDING, 0)
    assert record.detail == f"waits for {first}, of the same series"
    settle(spool, before, DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    spool = open_spool()
    spool.take("pacs", 0)
    assert spool.hold_back(spool.take("pacs", 0), behind=first)
    assert len((settings.path / "0" / f"{second}.job").read_bytes().splitlines()) == 2


@pytest.mark.parametrize("settled", [DeliveryStatus.FAILED, DeliveryStatus.DEAD])
def test_what_is_due_again_no_longer_says_what_it_waited_for(
    open_spool, envelope, pacs, settings, settled
):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    before, held = spool.take("pacs", 0), spool.take("pacs", 0)
    assert spool.hold_back(held, behind=first)
    settle(spool, before, settled, next_try_at=time.time() + 1000)
    spool.let_pass("pacs", [first])
    record = read_queued_object(settings.path, second).deliveries["pacs"]
    assert (record.status, record.detail) == (DeliveryStatus.PENDING, "")
    assert spool.take("pacs", 0).record == record


def test_what_failed_and_was_held_back_keeps_the_reason_of_its_failure(open_spool, envelope, pacs):
    spool = open_spool()
    first, _ = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    spool.take("pacs", 0)
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, detail="no room", next_try_at=0.0)
    assert spool.hold_back(spool.take("pacs", 0), behind=first)
    spool.let_pass("pacs", [first])
    assert spool.take("pacs", 0).record.detail == "no room"


def test_a_delivery_is_held_back_though_its_journal_cannot_be_written(
    open_spool, envelope, pacs, monkeypatch, caplog
):
    spool = open_spool()
    first, _ = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    spool.take("pacs", 0)
    held = spool.take("pacs", 0)
    monkeypatch.setattr(spool._files, "append", Mock(side_effect=SpoolError("the disk is full")))
    assert spool.hold_back(held, behind=first)
    assert not spool.due("pacs")
    assert "the disk is full" in caplog.text


def test_a_delivery_held_back_comes_when_the_one_before_it_lets_it_pass(open_spool, envelope, pacs):
    spool = open_spool()
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    before, held = spool.take("pacs", 0), spool.take("pacs", 0)
    assert spool.hold_back(held, behind=first)
    settle(spool, before, DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    spool.let_pass("pacs", [first])
    assert spool.take("pacs", 0).entry.object_id == second
    assert spool.take("pacs", 0) is None


def test_nothing_is_held_back_behind_what_is_done(open_spool, envelope, pacs):
    spool = open_spool()
    first, _ = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    delivery = spool.take("pacs", 0)
    assert not spool.hold_back(delivery, behind=first)
    record_all(spool)
    assert not spool.hold_back(delivery, behind=first)
    assert not spool.hold_back(delivery, behind="0-0")


def test_what_is_held_back_is_due_after_a_restart(open_spool, envelope, pacs):
    spool = open_spool()
    ids = [spool.accept(envelope, DATA, [pacs]) for _ in range(2)]
    settle(spool, spool.take("pacs", 0), DeliveryStatus.FAILED, next_try_at=time.time() + 1000)
    assert spool.hold_back(spool.take("pacs", 0), behind=ids[0])
    spool = open_spool()
    assert [spool.take("pacs", 0).entry.object_id for _ in ids] == ids


def test_an_annotation_goes_from_the_courier_to_the_recorder_once(open_spool, envelope, pacs):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    delivery = spool.take("pacs", 0)
    record = replace(delivery.record, status=DeliveryStatus.DEAD)
    spool.settle(delivery, record, annotation="what was sent")
    [change] = record_all(spool)
    assert change.annotation == "what was sent"
    object_id = delivery.entry.object_id
    assert spool.retry(object_id, "pacs") == ""
    [change] = record_all(spool)
    assert (change.new, change.annotation) == (False, None)


def test_annotations_are_kept_within_bounds(open_spool, envelope, pacs, monkeypatch):
    monkeypatch.setattr(module, "HeldAnnotations", partial(HeldAnnotations, 2 * len(DATA)))
    spool = open_spool()
    for _ in range(2):
        for _ in range(3):
            spool.accept(envelope, DATA, [pacs])
            delivery = spool.take("pacs", 0)
            record = replace(delivery.record, status=DeliveryStatus.SENT)
            spool.settle(delivery, record, annotation="what was sent")
        changes = record_all(spool)
        assert [it.annotation for it in changes] == ["what was sent", "what was sent", None]


def test_missing_data_is_damage_and_a_disk_that_fails_is_not(open_spool, envelope, settings, pacs):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs])
    entry = spool.entry(object_id)
    data = settings.path / "0" / f"{object_id}.dcm"
    data.unlink()
    with pytest.raises(DamagedObjectError):
        spool.read(entry)
    data.symlink_to(data.name)  # what cannot be opened, for another reason
    with pytest.raises(UnreadableObjectError):
        spool.read(entry)


@pytest.mark.parametrize(
    ("code", "error"), [(errno.ENOMEM, UnreadableObjectError), (errno.EMFILE, SpoolError)]
)
def test_an_object_that_finds_no_room_is_alone_to_blame_and_a_lack_of_files_is_not_its_fault(
    open_spool, envelope, pacs, monkeypatch, code, error
):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    entry = spool.take("pacs", 0).entry
    monkeypatch.setattr(mmap, "mmap", Mock(side_effect=OSError(code, os.strerror(code))))
    with pytest.raises(SpoolError, match=os.strerror(code)) as raised:
        spool.read(entry)
    assert type(raised.value) is error


def test_no_object_is_to_blame_for_a_folder_that_cannot_be_read(
    open_spool, settings, envelope, pacs
):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    entry = spool.take("pacs", 0).entry
    folder = settings.path / "0"
    with contextlib.ExitStack() as stack:
        folder.chmod(0)
        stack.callback(folder.chmod, 0o700)
        if os.geteuid() == 0:
            os.seteuid(65534)  # for root there is no such folder
            stack.callback(os.seteuid, 0)
        with pytest.raises(SpoolError, match="Permission denied") as raised:
            spool.read(entry)
    assert type(raised.value) is SpoolError


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EIO, UnreadableObjectError),
        (errno.ENODATA, UnreadableObjectError),
        (errno.EINVAL, None),  # what a file system says that has no sendfile
    ],
)
def test_what_the_disk_does_not_give_back_is_an_error_and_no_signal(
    open_spool, envelope, pacs, monkeypatch, code, error
):
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    entry = spool.take("pacs", 0).entry
    monkeypatch.setattr(os, "sendfile", Mock(side_effect=[100, OSError(code, os.strerror(code))]))
    if error is None:
        assert spool.read(entry) == DATA
        return
    with pytest.raises(error, match=rf"{entry.object_id}\.dcm from byte 100 on"):
        spool.read(entry)


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error_and_no_signal(
    open_spool, envelope, pacs, settings, monkeypatch
):
    spool = open_spool()
    spool.accept(envelope, bytes(100_000), [pacs])
    entry = spool.take("pacs", 0).entry
    sendfile = os.sendfile

    def cut_first(out, file, offset, count):
        os.truncate(settings.path / "0" / f"{entry.object_id}.dcm", 50_000)
        return sendfile(out, file, offset, count)

    monkeypatch.setattr(os, "sendfile", cut_first)
    with pytest.raises(DamagedObjectError, match="has 50000 bytes, expected"):
        spool.read(entry)


def test_an_object_that_leaves_while_the_folder_is_looked_through_is_gone(
    open_spool, envelope, settings, pacs, monkeypatch
):
    """The listener has read a journal; before it goes on, the recorder removes the object."""
    spool = open_spool()
    ids = [spool.accept(envelope, DATA, [pacs]) for _ in range(2)]
    for _ in ids:
        settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    changes = spool.unrecorded(10, 0)
    read, leaving, gone = threading.Event(), threading.Event(), threading.Event()
    load, finish = spool._files.load, spool._finished.finish

    def load_slowly(object_id):
        queued = load(object_id)
        if object_id == ids[1]:
            read.set()
            assert gone.wait(LONG)
        return queued

    def finish_slowly(entry, now):
        leaving.set()
        assert read.wait(LONG)
        finish(entry, now)

    monkeypatch.setattr(spool._files, "load", load_slowly)
    monkeypatch.setattr(spool._finished, "finish", finish_slowly)
    recorder = threading.Thread(target=lambda: (spool.recorded(changes), gone.set()))
    recorder.start()
    assert leaving.wait(LONG)
    spool.occupancy.miss(0)
    spool.listen(0)
    recorder.join()
    assert len(spool) == 0
    assert spool.unrecorded(10, 0) == []
    assert (spool.occupancy.objects(), spool.occupancy.bytes()) == (0, 0)


def test_an_object_that_is_rung_twice_at_once_is_kept_once(open_spool, envelope, pacs):
    spool = open_spool()
    spool.listen(0)  # a start looks through the folder
    arrival = spool.intake.begin(envelope)
    arrival.write(DATA)
    spool.doorbell.ring(arrival.commit([pacs]))
    spool.listen(0)
    assert spool.standing()["pacs"].waiting == 1


def test_what_cannot_be_removed_is_removed_later_and_counted_once(
    open_spool, envelope, settings, pacs, monkeypatch
):
    monkeypatch.setattr(finished_module, "_LOOK_EVERY", 0.0)
    spool = open_spool()
    spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.SENT)
    with monkeypatch.context() as broken:
        broken.setattr(spool._files, "remove", Mock(side_effect=OSError(errno.EROFS, "read-only")))
        record_all(spool)
        spool.occupancy.miss(0)
        spool.listen(0)
        assert len(files(settings)) == 2
        assert (len(spool), spool.occupancy.objects()) == (0, 0)
    spool.listen(0)
    assert files(settings) == []
    assert spool.occupancy.objects() == 0


class FailingDisk:
    """Does not give back the journals of some objects."""

    def __init__(self, monkeypatch):
        self.bad = set()
        self._open = os.open
        monkeypatch.setattr(os, "open", self.open)

    def open(self, path, *arguments, **options):
        if str(path).removesuffix(".job") in self.bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._open(path, *arguments, **options)


@pytest.fixture
def disk(monkeypatch):
    return FailingDisk(monkeypatch)


def test_a_journal_that_cannot_be_read_keeps_no_other_from_its_place(
    open_spool, envelope, pacs, settings, disk, monkeypatch, caplog
):
    spool = open_spool()
    first, bad, last = (spool.accept(envelope, DATA, [pacs]) for _ in range(3))
    disk.bad = {bad}
    spool = open_spool()  # the receiver's side, too: it takes nothing for torn
    assert [spool.take("pacs", 0).entry.object_id for _ in range(2)] == [first, last]
    assert spool.take("pacs", 0) is None
    said = f"{settings.path}/0/{bad}.job is left alone: Input/output error"
    assert caplog.text.count(said) == 2  # once by each side
    disk.bad = set()
    monkeypatch.setattr(spool._arrivals, "_look_again_at", 0.0)
    spool.listen(0)
    assert spool.take("pacs", 0).entry.object_id == bad
    assert len(files(settings)) == 6
    assert spool.occupancy.of_partition(0) == (3, 3 * len(DATA))


def test_an_object_that_arrives_and_cannot_be_read_keeps_no_other_from_its_place(
    open_spool, envelope, pacs, disk, caplog
):
    spool = open_spool()
    accept = partial(FedSpool.accept, spool, envelope, DATA, [pacs])
    first = accept()
    arrivals = [spool.intake.begin(envelope) for _ in range(3)]
    for arrival in arrivals:
        arrival.write(DATA)
        arrival.commit([pacs])
    disk.bad = {arrivals[0].object_id}
    for _ in range(3):
        spool.listen(0)
        spool.occupancy.miss(0)  # all journals are looked through
    taken = [spool.take("pacs", 0).entry.object_id for _ in range(3)]
    assert taken == [first, arrivals[1].object_id, arrivals[2].object_id]
    assert caplog.text.count("is left alone: Input/output error") == 1


def test_what_arrives_while_a_forwarder_starts_is_counted_once(
    settings, envelope, pacs, monkeypatch
):
    occupancy, doorbell = Occupancy(1), Doorbell()
    intake = Intake(settings, 0, occupancy, doorbell)
    names, sweep, late = Partition.names, Partition.sweep, []

    def accept():
        arrival = intake.begin(envelope)
        arrival.write(DATA)
        return arrival.commit([pacs])

    def and_one_more(self):
        found = names(self)
        if len(late) < 2:
            late.append(accept())
        return found

    def and_some_more(self, object_ids):
        for swept in sweep(self, object_ids):
            accept()
            yield swept

    with contextlib.ExitStack() as stack:
        for it in (occupancy, doorbell, intake):
            stack.callback(it.close)
        for _ in range(3):
            accept()
        monkeypatch.setattr(Partition, "names", and_one_more)
        monkeypatch.setattr(Partition, "sweep", and_some_more)
        spool = Spool(settings, 0, occupancy, doorbell)
        stack.callback(spool.close)
        spool.listen(0)
        assert (len(spool), occupancy.of_partition(0)) == (10, (10, 10 * len(DATA)))
