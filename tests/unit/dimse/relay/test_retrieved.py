"""One object on its way from an upstream to who asked for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas_node.config import Limits, SpoolSettings
from atlas_node.dimse.relay.retrieved import RetrievedObject
from atlas_node.dimse.status import Answer
from atlas_node.errors import PeerError
from atlas_node.model import Envelope
from tests.spools import FedSpool

ENVELOPE = Envelope(
    received_at=1.0,
    calling_ae="ARCHIVE",
    called_ae="STATION",
    peer="192.0.2.1",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uid="1.2.3",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
)


@pytest.fixture
def spool(tmp_path: Path):
    opened = FedSpool(SpoolSettings(path=tmp_path, limits=Limits(min_free_bytes=1)))
    yield opened
    opened.close()


def files(tmp_path: Path) -> list[str]:
    return sorted(it.suffix for it in tmp_path.rglob("*.*") if it.suffix in (".dcm", ".job"))


def retrieve(spool: FedSpool, answer: Answer | Exception, *parts: bytes) -> tuple[Answer, bytes]:
    seen = b""

    def forward(envelope: Envelope, data: memoryview) -> Answer:
        nonlocal seen
        seen = bytes(data)
        if isinstance(answer, Exception):
            raise answer
        return answer

    retrieved = RetrievedObject(spool.intake, ENVELOPE, forward)
    for part in parts:
        retrieved.take(memoryview(part))
    retrieved.arrive()
    try:
        retrieved.hand_on()
        found = retrieved.answer()
    finally:
        retrieved.abandon()
    assert found is not None
    return found, seen


class Slow:
    """A receiver that answers when it is asked for the second time."""

    def __init__(self) -> None:
        self.asked = 0

    def answer(self) -> Answer | None:
        self.asked += 1
        return Answer(0x0000) if self.asked == 2 else None


def test_the_answer_may_come_later(spool, tmp_path):
    slow = Slow()
    retrieved = RetrievedObject(spool.intake, ENVELOPE, lambda envelope, data: slow)
    retrieved.take(memoryview(b"data"))
    assert retrieved.arrive() == Answer(0x0000), "what the upstream is told"
    retrieved.hand_on()
    assert retrieved.answer() is None
    assert files(tmp_path) == [".dcm"]
    assert retrieved.answer() == Answer(0x0000)
    assert files(tmp_path) == [".dcm", ".job"]


def test_it_is_handed_on_whole_and_left_for_the_log(spool, tmp_path):
    assert retrieve(spool, Answer(0x0000), b"ab", b"cd") == (Answer(0x0000), b"abcd")
    assert files(tmp_path) == [".dcm", ".job"]


def test_a_warning_counts_as_stored(spool, tmp_path):
    assert retrieve(spool, Answer(0xB000), b"ab")[0] == Answer(0xB000)
    assert files(tmp_path) == [".dcm", ".job"]


def test_the_disk_is_not_waited_for_since_the_upstream_has_it_still(tmp_path, monkeypatch):
    settings = SpoolSettings(path=tmp_path, limits=Limits(min_free_bytes=1), durability="fsync")
    spool = FedSpool(settings)
    synced: list[str] = []
    for name in "fsync", "fdatasync":
        monkeypatch.setattr(os, name, lambda file, name=name: synced.append(name))
    retrieve(spool, Answer(0x0000), b"ab")
    assert not synced
    arrival = spool.intake.begin(ENVELOPE)
    arrival.write(b"ab")
    arrival.commit(())
    assert synced, "an object that a scanner sends is synced"
    spool.close()


def test_of_a_refused_one_nothing_stays(spool, tmp_path):
    assert retrieve(spool, Answer(0xC000, "no"), b"ab")[0] == Answer(0xC000, "no")
    assert files(tmp_path) == []


def test_of_one_that_cannot_be_handed_on_nothing_stays(spool, tmp_path):
    with pytest.raises(PeerError):
        retrieve(spool, PeerError("gone"), b"ab")
    assert files(tmp_path) == []


def test_a_fault_of_ours_is_a_failure_of_this_object(spool, tmp_path):
    assert retrieve(spool, ZeroDivisionError(), b"ab")[0].status == 0x0110
    assert files(tmp_path) == []


def test_one_without_a_data_set_is_refused(spool, tmp_path):
    assert retrieve(spool, Answer(0x0000))[0].status == 0xC000
    assert files(tmp_path) == []


def test_one_that_is_abandoned_leaves_nothing(spool, tmp_path):
    retrieved = RetrievedObject(spool.intake, ENVELOPE, lambda envelope, data: Answer(0x0000))
    retrieved.take(memoryview(b"half"))
    retrieved.abandon()
    retrieved.abandon()
    assert files(tmp_path) == []


@pytest.mark.parametrize("uid", ["", "1" * 65])
def test_one_whose_uid_is_none_is_refused(spool, uid):
    envelope = Envelope(1.0, "A", "B", "192.0.2.1", ENVELOPE.sop_class_uid, uid, "1.2")
    retrieved = RetrievedObject(spool.intake, envelope, lambda envelope, data: Answer(0x0000))
    retrieved.take(memoryview(b"data"))
    assert retrieved.arrive().status == 0xC000
    assert retrieved.is_refusal_told
