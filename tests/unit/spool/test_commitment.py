from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from atlas_node.errors import SpoolError, SpoolFullError
from atlas_node.spool import CommitmentStore, commitment
from atlas_node.spool.transaction import (
    EncodedDataSet,
    Enquiry,
    Transaction,
    new_transaction_uid,
    transaction_id,
)
from tests.waiting import LONG


def transaction(number: int = 0, **more: object) -> Transaction:
    uid = f"1.2.{number}"
    values: dict = {
        "transaction_id": transaction_id("CT1", uid),
        "received_at": 1000.0 + number,
        "calling_ae": "CT1",
        "called_ae": "ATLAS",
        "peer": "192.0.2.1",
        "transaction_uid": uid,
        "request": EncodedDataSet.of("1.2.840.10008.1.2", b"data"),
        "enquiries": (Enquiry("pacs", ("1.2.3",)),),
    }
    return Transaction(**(values | more))


@pytest.fixture
def store(tmp_path: Path) -> CommitmentStore:
    return CommitmentStore(tmp_path)


def test_a_spool_without_transactions_has_none(store):
    assert store.transactions() == []
    assert store.get("0" * 12) is None
    assert store.find("1.2.3") is None


def test_what_was_added_is_there_for_another_process(store, tmp_path):
    added = [transaction(number) for number in (2, 1)]
    for it in added:
        assert store.add(it) is it
    other = CommitmentStore(tmp_path)
    assert other.transactions() == added[::-1]
    assert other.get(added[0].transaction_id) == added[0]


def test_a_transaction_is_added_once(store):
    first = transaction()
    store.add(first)
    assert store.add(transaction(received_at=2000.0)) == first
    assert store.transactions() == [first]


def test_changes_of_another_process_are_seen(store, tmp_path):
    first, other = transaction(), CommitmentStore(tmp_path)
    store.add(first)
    assert other.transactions() == [first]
    store.update(first.transaction_id, lambda it: replace(it, detail="changed"))
    assert [it.detail for it in other.transactions()] == ["changed"]
    store.update(first.transaction_id, lambda _: None)
    assert other.transactions() == []
    assert store.update(first.transaction_id, lambda it: it) is None


def test_a_uid_of_ours_leads_to_its_transaction_alone(store):
    first = transaction()
    ours = new_transaction_uid(first.transaction_id)
    store.add(first)
    assert store.find(ours) is None  # not asked under it yet
    store.update(
        first.transaction_id,
        lambda it: it.with_enquiry(
            "pacs", lambda enquiry: replace(enquiry, transaction_uids=(ours,)), 0.0
        ),
    )
    assert store.find(ours).transaction_uid == first.transaction_uid
    assert store.find(new_transaction_uid(first.transaction_id)) is None


def test_more_than_can_be_kept_is_refused(store, monkeypatch):
    monkeypatch.setattr(commitment, "MOST_TRANSACTIONS", 2)
    for number in range(2):
        store.add(transaction(number))
    with pytest.raises(SpoolFullError, match="holds 2 storage commitment transactions"):
        store.add(transaction(3))
    assert store.add(transaction(1)) == transaction(1)


def test_more_bytes_than_can_be_kept_are_refused(store, monkeypatch):
    monkeypatch.setattr(commitment, "MOST_BYTES", 1500)
    store.add(transaction(1))
    with pytest.raises(SpoolFullError, match="at most 10000 and 1500 are kept"):
        store.add(transaction(2, request=EncodedDataSet.of("", os.urandom(1000))))


def test_only_one_may_have_a_claim(store, tmp_path):
    first = transaction()
    store.add(first)
    with store.claim(first.transaction_id) as mine:
        assert mine
        with CommitmentStore(tmp_path).claim(first.transaction_id) as other:
            assert not other
    with store.claim(first.transaction_id) as again:
        assert again
        store.update(first.transaction_id, lambda _: None)
    with store.claim(first.transaction_id) as gone:
        assert not gone
    assert [it.name for it in store.folder.iterdir()] == ["lock"]


def test_a_claim_goes_with_its_process(store, tmp_path):
    first = transaction()
    store.add(first)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=claim_for_ever, args=(tmp_path, first.transaction_id, theirs))
    process.start()
    assert ours.poll(LONG)
    with store.claim(first.transaction_id) as mine:
        assert not mine
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with store.claim(first.transaction_id) as mine:
        assert mine


def claim_for_ever(spool, identifier, pipe):
    with CommitmentStore(spool).claim(identifier):
        pipe.send("claimed")
        time.sleep(600)


def test_a_sweep_removes_what_a_killed_process_left(store):
    store.add(transaction())
    kept = transaction().transaction_id
    (store.folder / f"{kept}.claim").touch()
    (store.folder / "000000000000.claim").touch()
    (store.folder / "000000000000.json.new").write_bytes(b'{"version": 1, "i')
    store.sweep()
    assert {it.name for it in store.folder.iterdir()} == {"lock", f"{kept}.json", f"{kept}.claim"}


def test_a_file_that_cannot_be_read_is_set_aside_and_harms_no_other(store, caplog):
    store.add(transaction())
    (store.folder / "000000000000.json").write_bytes(b"\0\0\0")
    assert store.transactions() == [transaction()]
    assert "000000000000.json is left alone" in caplog.text
    store.sweep()
    assert (store.folder / "000000000000.damaged").read_bytes() == b"\0\0\0"


def test_every_state_of_a_write_that_was_cut_short_is_the_one_before(store, tmp_path):
    first = transaction()
    store.add(first)
    path = store.folder / f"{first.transaction_id}.json"
    after = path.read_bytes().replace(b"CT1", b"CT2")
    for cut in range(0, len(after), 37):
        path.with_name(path.name + ".new").write_bytes(after[:cut])
        other = CommitmentStore(tmp_path)
        assert other.transactions() == [first]
    store.update(first.transaction_id, lambda it: replace(it, detail="x"))
    assert [it.detail for it in store.transactions()] == ["x"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "commitment").write_bytes(b"a file in its place")
    with pytest.raises(SpoolError, match="cannot write the spool"):
        CommitmentStore(tmp_path).add(transaction())
    with pytest.raises(SpoolError, match="cannot write the spool"):
        CommitmentStore(tmp_path).transactions()
