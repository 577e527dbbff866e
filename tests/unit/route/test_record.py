import errno
import mmap
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from atlas_node.errors import LogError
from atlas_node.log import LogStore, database
from atlas_node.model import AnnotatedObject, DeliveryStatus, ElementStatus, Identity, Policy
from atlas_node.route import record
from atlas_node.route.record import Recorder
from atlas_node.spool import Recipient
from tests.streams import element
from tests.waiting import LONG, wait_until

PACS = Recipient("pacs", Policy.DECODE)


@pytest.fixture
def store(tmp_path):
    opened = LogStore.open(f"sqlite:///{tmp_path}/log.db")
    yield opened
    opened.close()


class FailingStore:
    """A log that refuses: while it is `down` everything, and always the `poison` objects."""

    def __init__(self, store, down=False):
        self.store = store
        self.down = down
        self.poison: set[str] = set()
        self.refused = threading.Event()

    def known(self, object_ids):
        return self.store.known(object_ids)

    def record(self, objects, deliveries):
        if self.down or self.poison & {it.object_id for it in objects}:
            self.refused.set()
            raise LogError("the disk of the log is full")
        self.store.record(objects, deliveries)


@pytest.fixture
def recorder(spool, annotator, monkeypatch):
    monkeypatch.setattr(record, "_FIRST_DELAY", 0.01)
    running = []

    def start(store, wanted=annotator):
        running.append(Recorder(spool, store, lambda: wanted, Policy.DECODE))
        running[-1].start()
        return running[-1]

    yield start
    for it in running:
        it.stop(LONG)


def wait_until_empty(spool):
    wait_until(lambda: not len(spool))


def deliver(spool, status=DeliveryStatus.SENT):
    delivery = spool.take("pacs", LONG)
    spool.settle(delivery, replace(delivery.record, status=status, tries=1, at=2e9))


def test_the_log_gets_what_was_decoded_and_where_it_went(spool, store, recorder, envelope, ct):
    recorder(store)
    object_id = spool.accept(envelope, ct, [PACS])
    deliver(spool)
    wait_until_empty(spool)
    logged = store.object(object_id)
    assert logged is not None
    assert logged.object.identity.manufacturer == "SIEMENS"
    [element] = [it for it in logged.object.elements if it.status is ElementStatus.DECODED]
    assert (element.path, element.vr, element.value) == ("(0019,100a)", "US", [36])
    assert [it.status for it in logged.deliveries] == [DeliveryStatus.SENT]


class NoAnnotator:
    """Fails whoever asks it."""

    def annotate(self, *asked):
        raise AssertionError("annotated once more")


def test_what_a_courier_has_annotated_is_not_annotated_again(
    spool, store, annotator, recorder, envelope, ct
):
    object_id = spool.accept(envelope, ct, [PACS])
    delivery = spool.take("pacs", LONG)
    annotation = annotator.annotate(ct, envelope.transfer_syntax_uid, Policy.DECODE)
    sent = replace(delivery.record, status=DeliveryStatus.SENT, tries=1, at=2e9)
    spool.settle(delivery, sent, annotation=annotation)

    recorder(store, NoAnnotator())
    wait_until_empty(spool)

    assert [it.value for it in store.object(object_id).object.elements] == [[36]]


def test_what_the_log_has_is_not_annotated_again_after_a_start(
    spool, store, recorder, envelope, ct
):
    object_id = spool.accept(envelope, ct, [PACS])
    logged = AnnotatedObject(object_id, envelope, Identity(), len(ct), False, None, {})
    store.record([logged])
    deliver(spool)

    recorder(store, NoAnnotator())
    wait_until_empty(spool)

    assert [it.status for it in store.object(object_id).deliveries] == [DeliveryStatus.SENT]


def test_an_instance_that_comes_with_other_bytes_is_told(spool, store, recorder, envelope, ct):
    recorder(store)
    instance = element(0x00080018, "UI", b"1.2.3.4\0")
    first = ct[: ct.index(b"\x08\x00\x60\x00")] + instance + ct[ct.index(b"\x08\x00\x60\x00") :]
    ids = []
    for data in (first, first, first.replace(b"\x24\x00", b"\x25\x00")):
        ids.append(spool.accept(envelope, data, []))
        wait_until_empty(spool)

    assert [store.object(object_id).again for object_id in ids] == ["", "same", "other"]


def test_an_object_that_cannot_be_annotated_is_logged_with_the_reason(
    spool, store, recorder, envelope
):
    recorder(store)
    object_id = spool.accept(envelope, b"\x08\x00\x60\x00CS\xff\x00MR", [])
    wait_until_empty(spool)
    logged = store.object(object_id)
    assert logged is not None
    assert logged.object.error


def test_damaged_data_is_logged_with_the_reason(spool, store, recorder, envelope, ct, tmp_path):
    object_id = spool.accept(envelope, ct, [])
    (tmp_path / "spool" / "0" / f"{object_id}.dcm").write_bytes(b"torn")
    recorder(store)
    wait_until_empty(spool)
    logged = store.object(object_id)
    assert logged is not None
    assert "has 4 bytes" in (logged.object.error or "")


def test_data_that_cannot_be_read_now_is_read_later(
    spool, store, recorder, envelope, ct, monkeypatch, caplog
):
    """As with no descriptor free: what is said of an object in the log stays there."""
    failed, mmap_ = threading.Event(), mmap.mmap

    def without_descriptors(*arguments, **options):
        if failed.is_set():
            return mmap_(*arguments, **options)
        failed.set()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(mmap, "mmap", without_descriptors)
    recorder(store)
    object_id = spool.accept(envelope, ct, [])
    wait_until_empty(spool)
    assert failed.is_set()
    logged = store.object(object_id)
    assert logged is not None
    assert not logged.object.error
    assert f"{object_id}.dcm: Too many open files" in caplog.text


def test_a_log_that_is_away_holds_up_nothing_and_gets_it_all_later(
    spool, store, recorder, envelope, ct, caplog
):
    failing = FailingStore(store, down=True)
    recorder(failing)
    ids = [spool.accept(envelope, ct, [PACS]) for _ in range(5)]
    for _ in ids:
        deliver(spool)
    assert failing.refused.wait(LONG)
    assert len(spool) == 5
    failing.down = False
    wait_until_empty(spool)
    assert all(store.object(object_id) for object_id in ids)
    assert caplog.text.count("the annotation log is behind") == 1


def test_a_log_that_another_program_holds_gets_it_all_later(
    spool, recorder, envelope, ct, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "held.db"
    with LogStore.open(f"sqlite:///{path}") as store, closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        object_id = spool.accept(envelope, ct, [])
        recorder(store)
        wait_until(lambda: "another process has held it" in caplog.text)
        assert len(spool) == 1
        holder.rollback()
        wait_until_empty(spool)
        assert store.known([object_id])


def test_one_object_that_the_log_refuses_keeps_no_other_out(spool, store, recorder, envelope, ct):
    failing = FailingStore(store)
    ids = [spool.accept(envelope, ct, []) for _ in range(5)]
    failing.poison = {ids[0]}
    recorder(failing)
    wait_until(lambda: len(spool) == 1)
    assert [bool(store.object(object_id)) for object_id in ids] == [False] + [True] * 4


def test_what_is_there_is_recorded_before_it_stops(spool, store, recorder, envelope, ct):
    ids = [spool.accept(envelope, ct, []) for _ in range(200)]
    recorder(store).stop(LONG)
    assert len(spool) == 0
    assert all(store.object(object_id) for object_id in ids)
