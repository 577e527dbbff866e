import contextlib
import struct
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.status import Answer
from atlas_node.dimse.transport.acceptor import Traffic
from atlas_node.dimse.transport.command_set import decode_command_set, number
from atlas_node.dimse.transport.data_transfer import DataTransfer
from atlas_node.dimse.transport.fragments import ProtocolError
from atlas_node.dimse.transport.services import Requestor
from tests.scanner import (
    C_ECHO_RQ,
    CT_IMAGE_STORAGE,
    EXPLICIT,
    NO_DATA_SET,
    VERIFICATION,
    c_store_rq,
    command_set,
)

C_FIND_RQ = 0x0020
BUFFER = 1 << 17


class Operation:
    """Keeps the data set of a C-STORE request."""

    def __init__(self, services: "Services", key: tuple[str, ...]) -> None:
        self.services = services
        self.key = key
        self.data = b""

    def take(self, data: memoryview) -> None:
        self.data += data

    def finish(self) -> Answer:
        self.services.stored.append((*self.key, self.data))
        return self.services.answer

    def abandon(self) -> None:
        self.services.abandoned.append(self.key)


class Services:
    longest_identifier = 0

    def __init__(self) -> None:
        self.answer = Answer(0x0000)
        self.stored: list[tuple[object, ...]] = []
        self.abandoned: list[tuple[str, ...]] = []
        self.requestors: set[Requestor] = set()

    def echo(self, requestor: Requestor) -> Answer:
        self.requestors.add(requestor)
        return self.answer

    def store(self, requestor: Requestor, *key: str) -> Operation:
        self.requestors.add(requestor)
        return Operation(self, key)


class Dimse:
    """In the place of pynetdicom's, which puts other messages together."""

    def __init__(self) -> None:
        self.message: object | None = None
        self.values: list[tuple[int, bytes]] = []
        self.fault: Exception | None = None

    def receive_primitive(self, primitive) -> None:
        if self.fault:
            raise self.fault
        [[context_id, value]] = primitive.presentation_data_value_list
        self.values.append((context_id, value))
        command = b"".join(it[1:] for _, it in self.values if it[0] & 1)
        has_data = number(decode_command_set(command), 0x0800) != NO_DATA_SET
        self.message = None if value[0] == 2 or not has_data else self


class Association:
    """One association with two presentation contexts, fed with PDUs."""

    def __init__(self, longest_sent: int = 16384) -> None:
        request = SimpleNamespace(calling_ae_title="SCANNER ", called_ae_title="ATLAS")
        self.services = Services()
        self.sent = b""
        self.waiting = 0
        self.traffic = Traffic(0.0)
        self.dimse = Dimse()
        self._accepted_cx = {
            1: SimpleNamespace(transfer_syntax=[EXPLICIT]),
            3: SimpleNamespace(transfer_syntax=["1.2.840.10008.1.2.4.90"]),
        }
        self.acceptor = SimpleNamespace(maximum_length=16384)
        self.requestor = SimpleNamespace(
            maximum_length=longest_sent, address="192.0.2.7", primitive=request
        )
        self.transfer = DataTransfer(self, self.services, self.read, self.send)

    def waiting_messages(self) -> int:
        return self.waiting

    def count_report(self, change: int) -> None:
        self.waiting += change

    def receive(self, *bodies: bytes) -> None:
        for body in bodies:
            self.unread = memoryview(body)
            self.transfer.receive(len(body))
            assert not self.unread

    def read(self, into: memoryview) -> None:
        if len(self.unread) < len(into):
            raise EOFError
        into[:] = self.unread[: len(into)]
        self.unread = self.unread[len(into) :]

    def send(self, data: bytes) -> None:
        self.sent += data

    def answers(self) -> list[dict[int, bytes]]:
        """Read the command sets that were sent."""
        found, command, sent = [], b"", self.sent
        while sent:
            length, value, context_id, flags = struct.unpack_from(">xxIIBB", sent)
            assert length == value + 4 <= (self.requestor.maximum_length or length)
            assert flags & 1
            command += sent[12 : 6 + length]
            sent = sent[6 + length :]
            if flags & 2:
                found.append({-1: context_id, **decode_command_set(command)})
                command = b""
        return found


def pdv(flags: int, data: bytes, context_id: int = 1) -> bytes:
    return struct.pack(">IBB", len(data) + 2, context_id, flags) + data


STORE = c_store_rq(CT_IMAGE_STORAGE, "1.2.3", 7)
ECHO = command_set(
    [(0x0002, VERIFICATION), (0x0100, C_ECHO_RQ), (0x0110, 8), (0x0800, NO_DATA_SET)]
)
FIND = command_set([(0x0002, "1.2"), (0x0100, C_FIND_RQ), (0x0110, 9), (0x0700, 0), (0x0800, 1)])


def cut(data: st.DataObject, command: int, message: bytes) -> list[bytes]:
    """Cut a command set or data set into presentation data values anywhere."""
    at = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=5)))
    pieces = [message[a:b] for a, b in zip([0, *at], [*at, len(message)], strict=True)]
    flags = [command] * (len(pieces) - 1) + [command | 2]
    return [pdv(flag, piece) for flag, piece in zip(flags, pieces, strict=True)]


def in_pdus(data: st.DataObject, values: list[bytes]) -> list[bytes]:
    """Put presentation data values into PDUs, any number in each."""
    at = sorted(set(data.draw(st.lists(st.integers(1, len(values) - 1), max_size=5))))
    cuts = zip([0, *at], [*at, len(values)], strict=True) if len(values) > 1 else [(0, 1)]
    return [b"".join(values[a:b]) for a, b in cuts]


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3), st.data())
def test_however_messages_are_cut_they_are_the_same(objects, data):
    assoc = Association()
    values = []
    for content in objects:
        values += cut(data, 1, STORE) + cut(data, 0, content)
    assoc.receive(*in_pdus(data, values))
    assert assoc.services.stored == [(CT_IMAGE_STORAGE, "1.2.3", EXPLICIT, it) for it in objects]
    assert len(assoc.answers()) == len(objects)
    assert assoc.traffic.objects == len(objects)
    assert not assoc.transfer.is_busy


def test_what_comes_in_is_counted_and_only_what_was_stored_as_an_object():
    assoc = Association()
    whole = pdv(3, STORE) + pdv(2, b"data")
    assoc.receive(whole, pdv(3, ECHO))
    assoc.services.answer = Answer(0xA700, "the spool is full")
    assoc.receive(whole)
    assert assoc.traffic.objects == 1
    assert assoc.traffic.bytes == 2 * len(whole) + len(pdv(3, ECHO))


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_are_messages_or_one_error(bodies):
    assoc = Association()
    with contextlib.suppress(ProtocolError):
        assoc.receive(*bodies)
    assoc.transfer.abandon("the end")
    assert not assoc.transfer.is_busy


def test_a_response_names_the_request():
    assoc = Association()
    assoc.receive(pdv(3, STORE, 3), pdv(2, b"data", 3))
    [answer] = assoc.answers()
    assert answer == {
        -1: 3,
        0x0002: CT_IMAGE_STORAGE.encode() + b"\0",
        0x0100: b"\x01\x80",
        0x0120: b"\x07\x00",
        0x0800: b"\x01\x01",
        0x0900: b"\x00\x00",
        0x1000: b"1.2.3\0",
    }
    assert assoc.services.stored[0][2] == "1.2.840.10008.1.2.4.90"
    assert assoc.services.requestors == {Requestor("SCANNER", "ATLAS", "192.0.2.7")}


def test_a_refusal_says_why():
    assoc = Association()
    assoc.services.answer = Answer(0xA700, "the spool is full")
    assoc.receive(pdv(3, STORE), pdv(2, b"data"))
    [answer] = assoc.answers()
    assert (answer[0x0900], answer[0x0902]) == (b"\x00\xa7", b"the spool is full ")


@pytest.mark.parametrize("longest", [0, 8, 50, 131072])
def test_a_response_is_no_longer_than_the_peer_takes(longest):
    assoc = Association(longest)
    assoc.receive(pdv(3, ECHO))
    [answer] = assoc.answers()
    assert (answer[0x0100], answer[0x0120]) == (b"\x30\x80", b"\x08\x00")


def test_a_request_without_a_data_set_is_answered_at_once():
    assoc = Association()
    no_data = command_set(
        [(0x0002, CT_IMAGE_STORAGE), (0x0100, 1), (0x0110, 7), (0x0800, NO_DATA_SET),
         (0x1000, "1.2.3")]
    )  # fmt: skip
    assoc.receive(pdv(3, no_data))
    assert assoc.services.stored == [(CT_IMAGE_STORAGE, "1.2.3", EXPLICIT, b"")]
    assert len(assoc.answers()) == 1


def test_an_object_larger_than_the_buffer_comes_in_pieces():
    assoc = Association()
    content = bytes(range(256)) * 4096
    assoc.receive(pdv(3, STORE), pdv(0, content[:900_000]), pdv(2, content[900_000:]))
    assert assoc.services.stored[0][3] == content
    assert len(assoc.transfer._buffer) == BUFFER


def test_other_messages_are_passed_on():
    assoc = Association()
    assoc.receive(pdv(1, FIND[:9]) + pdv(3, FIND[9:]) + pdv(0, b"iden"), pdv(2, b"tifier"))
    assert assoc.dimse.values == [(1, b"\3" + FIND), (1, b"\0iden"), (1, b"\0tifier"), (1, b"\2")]
    assert assoc.sent == b""
    assoc.receive(pdv(3, ECHO))
    assert len(assoc.answers()) == 1


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        ([pdv(0, b"data")], "a data set without a command set before it"),
        ([pdv(3, STORE), pdv(1, STORE)], "a command set in the middle of a data set"),
        ([pdv(1, STORE[:9]), pdv(3, STORE[9:], 3)], "a command set in two presentation contexts"),
        ([pdv(3, STORE), pdv(2, b"x", 3)], "a data set in another presentation context than its"),
        ([pdv(3, STORE, 5)], "presentation context 5, which was not accepted"),
        ([pdv(3, b"")], r"\(0000,0100\) has 0 bytes, expected 2"),
        ([pdv(3, b"junk")], "the command set ends within a header"),
        ([pdv(3, command_set([(0x0100, 1), (0x0110, 7)]))], r"\(0000,0800\) has 0 bytes"),
        ([pdv(3, command_set([(0x0100, 1), (0x0800, 1)]))], r"\(0000,0110\) has 0 bytes"),
        ([pdv(1, bytes(60_000)), pdv(1, bytes(6000))], "a command set of more than 65536 bytes"),
        ([pdv(0, bytes(2_000_000))], "a P-DATA-TF PDU of 2000006 bytes, at most 1064960"),
        ([pdv(3, FIND), *[pdv(0, bytes(1 << 20))] * 17], "longer than 16777216 bytes"),
    ],
)
def test_what_cannot_be_a_message_is_refused_and_nothing_is_kept(bodies, message):
    assoc = Association()
    with pytest.raises(ProtocolError, match=message):
        assoc.receive(*bodies)
    assert assoc.transfer.is_busy
    assert assoc.transfer.abandon("why") == (
        "ended in the middle of a message, of which nothing is kept: why"
    )
    assert assoc.services.stored == []
    assert assoc.transfer.abandon("why") == ""


def test_messages_that_nobody_has_served_yet_are_bounded():
    assoc = Association()
    report = command_set([(0x0002, "1.2"), (0x0100, 0x0100), (0x0110, 9), (0x0800, NO_DATA_SET)])
    for _ in range(32):
        assoc.receive(pdv(3, report))
        assoc.dimse.values.clear()
    with pytest.raises(ProtocolError, match="32 messages were sent without waiting for answers"):
        assoc.receive(pdv(3, report))


def test_what_pynetdicom_cannot_read_is_refused():
    assoc = Association()
    assoc.dimse.fault = KeyError(0x7777)
    with pytest.raises(ProtocolError, match=r"its message is none of PS3\.7"):
        assoc.receive(pdv(3, FIND))


def test_an_object_cut_short_is_abandoned():
    assoc = Association()
    assoc.receive(pdv(3, STORE), pdv(0, b"half"))
    assert "in the middle of a message" in assoc.transfer.abandon("the connection was closed")
    assert assoc.services.abandoned == [(CT_IMAGE_STORAGE, "1.2.3", EXPLICIT)]


def test_a_requestor_is_named_without_what_a_log_must_not_hold():
    assert str(Requestor("CT\n1", "ATLAS", "192.0.2.7")) == r"'CT\n1' (192.0.2.7)"
