"""Objects that are delivered and logged, and stay for a while."""

import pytest

from atlas_node.model import DeliveryStatus
from atlas_node.spool import finished, read_queue
from tests.unit.spool.test_spool import DATA, files, record_all, settle


@pytest.fixture
def now(monkeypatch):
    """The time of the spool's clock, in a list so that a test can change it."""
    monkeypatch.setattr(finished, "_LOOK_EVERY", 0.0)
    return [1_800_000_000.0]


@pytest.fixture
def clock(now):
    return lambda: now[0]


def finish(spool, envelope, recipients, data=DATA):
    object_id = spool.accept(envelope, data, recipients)
    for recipient in recipients:
        settle(spool, spool.take(recipient.destination, 0), DeliveryStatus.SENT)
    record_all(spool)
    assert len(spool) == 0
    return object_id


def listed(settings):
    return [it.entry.object_id for it in read_queue(settings.path, finished=True)]


def test_a_finished_object_stays_for_its_time(open_spool, envelope, settings, pacs, now):
    spool = open_spool(keep_finished=100.0)
    object_id = finish(spool, envelope, [pacs])
    now[0] += 99
    spool.listen(0)
    assert listed(settings) == [object_id]
    assert list(read_queue(settings.path)) == []
    now[0] += 1
    spool.listen(0)
    assert files(settings) == []


def test_it_is_removed_at_once_where_none_is_kept(open_spool, envelope, settings, pacs):
    finish(open_spool(), envelope, [pacs])
    assert files(settings) == []


def test_its_time_goes_on_over_a_restart(open_spool, envelope, settings, pacs, now):
    object_id = finish(open_spool(keep_finished=100.0), envelope, [pacs])
    now[0] += 50
    spool = open_spool(keep_finished=100.0)
    assert spool.unrecorded(10, 0) == []
    assert spool.take("pacs", 0) is None
    spool.listen(0)
    assert listed(settings) == [object_id]
    now[0] += 50
    spool.listen(0)
    assert files(settings) == []


def test_what_was_kept_leaves_when_none_is_to_be_kept_any_more(
    open_spool, envelope, settings, pacs
):
    finish(open_spool(keep_finished=1000.0), envelope, [pacs])
    open_spool().listen(0)
    assert files(settings) == []


def test_it_can_be_sent_again(open_spool, envelope, settings, pacs, archive):
    spool = open_spool(keep_finished=100.0)
    object_id = finish(spool, envelope, [pacs, archive])
    assert spool.retry(object_id, "archive") == ""
    assert listed(settings) == []
    assert spool.take("pacs", 0) is None
    delivery = spool.take("archive", 0)
    assert (delivery.entry.object_id, delivery.record.tries) == (object_id, 0)
    settle(spool, delivery, DeliveryStatus.SENT)
    record_all(spool)
    assert listed(settings) == [object_id]
    assert spool.occupancy.objects() == 0


def test_it_can_be_sent_again_after_a_restart_in_between(open_spool, envelope, settings, pacs):
    spool = open_spool(keep_finished=100.0)
    object_id = finish(spool, envelope, [pacs])
    assert spool.retry(object_id, "pacs") == ""
    spool = open_spool(keep_finished=100.0)
    assert spool.take("pacs", 0).entry.object_id == object_id


def test_finished_objects_keep_no_new_one_out(open_spool, envelope, settings, pacs):
    size = 1000
    spool = open_spool(keep_finished=100.0, max_bytes=3 * size, max_objects=2)
    ids = [finish(spool, envelope, [pacs], bytes(size)) for _ in range(5)]
    spool.listen(0)
    assert listed(settings) == ids[2:]
    spool.accept(envelope, bytes(size), [pacs])
    spool.listen(0)
    assert listed(settings) == ids[3:]  # the oldest went first


def test_finished_objects_leave_when_the_disk_runs_short(
    open_spool, envelope, settings, pacs, monkeypatch
):
    spool = open_spool(keep_finished=100.0)
    finish(spool, envelope, [pacs])
    assert len(listed(settings)) == 1
    monkeypatch.setattr(finished.os, "statvfs", lambda _: DiskOf(1))
    spool.listen(0)
    assert listed(settings) == []


class DiskOf:
    """What `os.statvfs` says of a disk with so many bytes free."""

    f_frsize = 1

    def __init__(self, free):
        self.f_bavail = free


def test_an_object_in_trouble_is_not_finished(open_spool, envelope, settings, pacs):
    spool = open_spool(keep_finished=100.0)
    object_id = spool.accept(envelope, DATA, [pacs])
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    record_all(spool)
    assert listed(settings) == []
    spool.drop(object_id, "pacs", "dropped by order")
    record_all(spool)
    assert listed(settings) == [object_id]
