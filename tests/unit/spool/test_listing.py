from dataclasses import replace

from atlas_node.model import DeliveryStatus
from atlas_node.spool import read_queue, read_queued_object
from tests.spools import FedSpool

DATA = b"\x08\x00\x60\x00CS\x02\x00MR"


def test_a_queue_is_read_while_the_spool_is_in_use(settings, envelope, pacs):
    spools = [FedSpool(settings, number, 2) for number in range(2)]
    ids = [spool.accept(envelope, DATA, [pacs]) for spool in (*spools, *spools)]
    delivery = spools[0].take("pacs", 0)
    spools[0].settle(delivery, replace(delivery.record, status=DeliveryStatus.FAILED, detail="no"))
    queued = list(read_queue(settings.path))
    assert [it.entry.object_id for it in queued] == sorted(ids)
    assert [it.deliveries["pacs"].status for it in queued] == ["failed", "pending"] + 2 * [
        "pending"
    ]
    for spool in spools:
        spool.close()


def test_one_object_is_found_by_its_identifier(open_spool, settings, envelope, pacs):
    object_id = open_spool().accept(envelope, DATA, [pacs])
    found = read_queued_object(settings.path, object_id)
    assert found is not None
    assert found.entry.envelope == envelope
    assert read_queued_object(settings.path, "../../etc/passwd") is None


def test_a_spool_that_was_never_used_is_empty(tmp_path):
    assert list(read_queue(tmp_path / "nowhere")) == []


def test_an_object_that_is_just_being_written_is_left_out(open_spool, settings, envelope, pacs):
    object_id = open_spool().accept(envelope, DATA, [pacs])
    journal = settings.path / "0" / f"{object_id}.job"
    journal.write_bytes(journal.read_bytes()[:-1])
    assert list(read_queue(settings.path)) == []


def test_a_journal_that_cannot_be_read_is_left_out_and_said(
    open_spool, settings, envelope, pacs, caplog
):
    spool = open_spool()
    bad, good = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    journal = settings.path / "0" / f"{bad}.job"
    journal.unlink()
    journal.mkdir()
    assert [it.entry.object_id for it in read_queue(settings.path)] == [good]
    assert f"{journal} is left out: Is a directory" in caplog.text
