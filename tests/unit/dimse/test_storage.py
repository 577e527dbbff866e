import logging
from types import SimpleNamespace

import pytest

from atlas_node.activity import Tally
from atlas_node.dimse.status import Answer
from atlas_node.dimse.storage import RefusedStore, StoreOperation
from atlas_node.dimse.transport.services import Requestor
from atlas_node.errors import SpoolError, SpoolFullError

REQUESTOR = Requestor("SCANNER", "ATLAS", "192.0.2.7")


class Arrival:
    def __init__(self, faults: dict[str, Exception]) -> None:
        self.faults = faults
        self.data = b""
        self.abandoned = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data) -> None:
        if "write" in self.faults and self.data:
            raise self.faults["write"]
        self.data += data

    def abandon(self) -> None:
        self.abandoned += 1
        if "abandon" in self.faults:
            raise self.faults["abandon"]


class Receiver:
    """Takes objects; fails where the test says so."""

    def __init__(self, **faults: Exception) -> None:
        self.faults = faults
        self.arrival = Arrival(faults)
        self.accepted = []

    def begin(self, envelope) -> Arrival:
        if "begin" in self.faults:
            raise self.faults["begin"]
        return self.arrival

    def accept(self, arrival) -> str:
        if "accept" in self.faults:
            raise self.faults["accept"]
        self.accepted.append(arrival.data)
        return "id"


def store(receiver: Receiver, *pieces: bytes) -> Answer:
    operation = StoreOperation(receiver, REQUESTOR, SimpleNamespace(), Tally())
    for piece in pieces:
        operation.take(memoryview(piece))
    return operation.finish()


def test_an_object_is_accepted_whole():
    receiver = Receiver()
    assert store(receiver, b"da", b"", b"ta") == Answer(0x0000)
    assert receiver.accepted == [b"data"]
    assert receiver.arrival.abandoned == 0


@pytest.mark.parametrize("where", ["begin", "write", "accept"])
@pytest.mark.parametrize(
    ("error", "answer", "level"),
    [
        (SpoolFullError("full"), Answer(0xA700, "the spool is full"), None),
        (SpoolError("disk"), Answer(0xA700, "the spool cannot be written"), None),
        (RuntimeError("fault"), Answer(0x0110, "internal error"), logging.ERROR),
    ],
)
def test_whatever_keeps_an_object_from_being_accepted_is_a_status(
    where, error, answer, level, caplog
):
    receiver = Receiver(**{where: error})
    assert store(receiver, b"da", b"ta", b"!") == answer
    assert receiver.accepted == []
    assert receiver.arrival.abandoned == (where != "begin")
    # Of its own errors the spool has said so, once for many objects.
    assert [it.levelno for it in caplog.records] == ([level] if level else [])


def test_what_became_of_requests_is_counted():
    tally = Tally()
    for receiver in Receiver(), Receiver(), Receiver(accept=SpoolFullError("full")):
        operation = StoreOperation(receiver, REQUESTOR, SimpleNamespace(), tally)
        operation.take(memoryview(b"data"))
        operation.finish()
    counts = tally.counts()
    assert counts.totals == {
        ("objects_received", ()): 2,
        ("bytes_received", ()): 8,
        ("objects_refused", ("0xA700",)): 1,
    }
    assert sum(counts.distributions["receive_seconds", ()].counts) == 2


def test_an_empty_data_set_is_refused(caplog):
    receiver = Receiver()
    assert store(receiver, b"") == Answer(0xC000, "no data set")
    assert (receiver.accepted, receiver.arrival.abandoned) == ([], 1)
    assert "C-STORE without a data set from 'SCANNER' (192.0.2.7) refused" in caplog.text


def test_what_cannot_be_removed_is_said_and_the_answer_stays(caplog):
    receiver = Receiver(accept=SpoolError("disk"), abandon=OSError("disk"))
    assert store(receiver, b"data").status == 0xA700
    assert "cannot be removed" in caplog.text


def test_an_object_whose_end_does_not_come_is_removed():
    receiver = Receiver()
    operation = StoreOperation(receiver, REQUESTOR, SimpleNamespace(), Tally())
    operation.take(memoryview(b"da"))
    operation.abandon()
    operation.abandon()
    assert receiver.arrival.abandoned == 1


def test_a_refused_request_is_read_to_its_end():
    tally = Tally()
    refused = RefusedStore(Answer(0x0124, "this AE may not store here"), tally)
    refused.take(memoryview(b"data"))
    assert refused.finish() == Answer(0x0124, "this AE may not store here")
    assert tally.counts().totals == {("objects_refused", ("0x0124",)): 1}
    refused.abandon()
