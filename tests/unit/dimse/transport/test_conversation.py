"""Messages of both sides on an association of ours, and peers that do not keep to the rules."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    C_CANCEL_RQ,
    C_FIND_RQ,
    C_STORE_RQ,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    NO_DATA_SET,
    RESPONSE,
    STATUS,
    decode_command_set,
    encode_command_set,
    number,
    uid,
    us,
)
from atlas_node.dimse.transport.conversation import Conversation, Message
from atlas_node.dimse.transport.established import AssociationLostError, Patience
from atlas_node.dimse.transport.sending import p_data
from tests.scanner import ABORT, RELEASE_RP, RELEASE_RQ, pdu
from tests.waiting import LONG

PATIENT = Patience(response=LONG, silence=LONG, release=0.5)
IMPATIENT = Patience(response=2.0, silence=2.0, release=0.5)
PDU = 4096


class Upstream:
    """The peer's end of a connection."""

    def __init__(self, patience: Patience = PATIENT) -> None:
        self.sock, ours = socket.socketpair()
        self.conversation = Conversation(
            ours, "ARCHIVE", longest_sent=PDU, longest_received=PDU, patience=patience,
            longest_identifier=10_000,
        )  # fmt: skip

    def send(
        self, elements: dict[int, bytes], data: bytes | None = None, context_id: int = 1
    ) -> None:
        kind = us(NO_DATA_SET if data is None else 0)
        encoded = encode_command_set({**elements, DATA_SET_TYPE: kind})
        pieces = None if data is None else [data]
        for batch in p_data(context_id, encoded, pieces, PDU):
            self.sock.sendall(b"".join(batch))

    def respond(self, status: int, data: bytes | None = None, message_id: int = 1) -> None:
        self.send(
            {
                COMMAND_FIELD: us(C_FIND_RQ | RESPONSE),
                MESSAGE_ID_RESPONDED_TO: us(message_id),
                STATUS: us(status),
            },
            data,
        )

    def store(self, data: bytes) -> None:
        self.send({COMMAND_FIELD: us(C_STORE_RQ), MESSAGE_ID: us(9)}, data)

    def heard_release(self) -> None:
        assert self.sock.recv(10, socket.MSG_WAITALL) == pdu(RELEASE_RQ, bytes(4))

    def heard(self) -> dict[int, bytes]:
        """The next command set, without a data set after it."""
        header = self.sock.recv(6, socket.MSG_WAITALL)
        (length,) = struct.unpack(">2xI", header)
        body = self.sock.recv(length, socket.MSG_WAITALL)
        return decode_command_set(body[6:])


class Kept:
    def __init__(self) -> None:
        self.data = b""
        self.abandoned = False

    def take(self, data: memoryview) -> None:
        self.data += data

    def abandon(self) -> None:
        self.abandoned = True


@contextmanager
def asked(upstream: Upstream) -> Iterator[Upstream]:
    upstream.conversation.request(
        1, {COMMAND_FIELD: us(C_FIND_RQ), AFFECTED_SOP_CLASS_UID: uid("1.2.3")}
    )
    assert number(upstream.heard(), MESSAGE_ID) == 1
    yield upstream
    upstream.sock.close()
    upstream.conversation.abort()


@pytest.fixture
def upstream():
    with asked(Upstream()) as upstream:
        yield upstream


@pytest.fixture
def hurried():
    """An upstream that must not be silent for long."""
    with asked(Upstream(IMPATIENT)) as upstream:
        yield upstream


def test_responses_come_one_after_the_other_with_their_identifiers(upstream):
    for value in range(20):
        upstream.respond(0xFF00, bytes([value]) * 5000)
    upstream.respond(0x0000)
    for value in range(20):
        message = upstream.conversation.receive()
        assert number(message.command, STATUS) == 0xFF00
        assert message.identifier == bytes([value]) * 5000
    final = upstream.conversation.receive()
    assert (number(final.command, STATUS), final.data_set) == (0x0000, None)


RESPONSES = st.tuples(
    st.sampled_from([0xFF00, 0xFF01, 0xFE00]),
    st.none() | st.binary(max_size=60),
    st.sampled_from([1, 3]),
    st.sampled_from([30, PDU]),
)
"""Status, identifier, presentation context, and the longest PDU that it is cut into."""


@given(st.lists(RESPONSES, max_size=12), st.lists(st.integers(1, 200), max_size=12))
def test_messages_are_the_same_however_they_are_cut(responses, cuts):
    stream, expected = b"", []
    for status, data, context_id, longest in responses:
        kind = us(NO_DATA_SET if data is None else 0)
        elements = {MESSAGE_ID_RESPONDED_TO: us(1), DATA_SET_TYPE: kind, STATUS: us(status)}
        elements[COMMAND_FIELD] = us(C_FIND_RQ | RESPONSE)
        pieces = None if data is None else [data]
        for batch in p_data(context_id, encode_command_set(elements), pieces, longest):
            stream += b"".join(batch)
        expected.append(Message(context_id, elements, data))
    upstream, found = Upstream(), []
    with upstream.sock:
        for cut in [*cuts, len(stream)]:
            if part := stream[:cut]:
                upstream.sock.sendall(part)
            stream = stream[cut:]
            upstream.conversation.is_open()  # reads what is there
            while upstream.conversation.has_arrived:
                found.append(upstream.conversation.receive())
    upstream.conversation.abort()
    assert found == expected


def test_an_identifier_that_is_too_long_is_seen_in_a_run_of_others(upstream):
    conversation = Conversation(
        upstream.conversation._socket, "ARCHIVE", longest_sent=PDU, longest_received=PDU,
        patience=PATIENT, longest_identifier=100,
    )  # fmt: skip
    upstream.respond(0xFF00, bytes(100))
    upstream.respond(0xFF00, bytes(102))
    with pytest.raises(AssociationLostError, match="more than 100 bytes"):
        conversation.receive(seconds=1)
    assert not conversation.has_arrived


def test_nothing_is_kept_of_what_comes_while_the_association_is_released(upstream):
    upstream.respond(0xFF00, b"first")
    assert upstream.conversation.receive().identifier == b"first"

    def pour() -> None:
        upstream.heard_release()
        for _ in range(100):
            upstream.respond(0xFF00, b"later")
        upstream.sock.sendall(pdu(RELEASE_RP, bytes(4)))

    thread = threading.Thread(target=pour)
    thread.start()
    upstream.conversation.release()
    thread.join()
    assert not upstream.conversation.has_arrived


def test_objects_go_to_a_sink_and_responses_past_it(upstream):
    kept = Kept()
    upstream.store(b"object" * 5000)
    upstream.respond(0x0000)
    message = upstream.conversation.receive(lambda context_id, command: kept)
    assert message.data_set is kept
    assert kept.data == b"object" * 5000
    assert upstream.conversation.receive().data_set is None


def test_a_cancel_names_the_request(upstream):
    upstream.conversation.cancel(1, 1)
    said = upstream.heard()
    assert number(said, COMMAND_FIELD) == C_CANCEL_RQ
    assert number(said, MESSAGE_ID_RESPONDED_TO) == 1


def test_a_bell_ends_the_wait(upstream):
    bell = os.eventfd(0, os.EFD_NONBLOCK)
    threading.Timer(0.1, os.eventfd_write, (bell, 1)).start()
    begun = time.monotonic()
    assert upstream.conversation.receive(bell=bell) is None
    assert time.monotonic() - begun < LONG
    os.close(bell)


def test_a_wait_may_be_short(upstream):
    assert upstream.conversation.receive(seconds=0.05) is None
    upstream.respond(0x0000)
    assert upstream.conversation.receive(seconds=0.5) is not None


def test_silence_ends_the_association(hurried):
    with pytest.raises(AssociationLostError, match="said nothing"):
        hurried.conversation.receive()
    assert not hurried.conversation.is_open()


def test_the_time_in_which_nobody_listened_is_not_the_peers_silence(hurried):
    hurried.respond(0xFF00)
    hurried.respond(0xFF00)
    hurried.conversation.receive()
    time.sleep(1.1 * IMPATIENT.response)
    hurried.conversation.receive()
    threading.Timer(0.1, hurried.respond, (0x0000,)).start()
    assert number(hurried.conversation.receive().command, STATUS) == 0x0000


def test_an_object_that_trickles_in_is_waited_for(hurried):
    """It takes longer in all than the upstream may be silent."""
    encoded = encode_command_set(
        {COMMAND_FIELD: us(C_STORE_RQ), MESSAGE_ID: us(9), DATA_SET_TYPE: us(0)}
    )
    pdus = b"".join(b"".join(batch) for batch in p_data(1, encoded, [b"slow" * 150], PDU))

    def trickle() -> None:
        for at in range(0, len(pdus), 25):
            time.sleep(0.1)
            hurried.sock.sendall(pdus[at : at + 25])

    assert len(pdus) / 25 * 0.1 > IMPATIENT.silence
    thread = threading.Thread(target=trickle)
    thread.start()
    kept = Kept()
    hurried.conversation.receive(lambda context_id, command: kept)
    thread.join()
    assert kept.data == b"slow" * 150


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda it: it.sock.sendall(pdu(ABORT, bytes(4))), "aborted the association"),
        (lambda it: it.sock.sendall(pdu(RELEASE_RQ, bytes(4))), "released the association"),
        (lambda it: it.sock.close(), "closed the connection"),
        (lambda it: it.sock.sendall(b"\x09\0\0\0\0\1\0"), "sent a PDU of type 0x09"),
        (lambda it: it.store(b"unasked"), "an object that was not asked for"),
        (lambda it: it.respond(0xFF00, bytes(10_001)), "more than 10000 bytes"),
        (
            lambda it: it.sock.sendall(pdu(4, struct.pack(">IBB", 4, 1, 2) + b"xx")),
            "a data set without a command set",
        ),
        (
            lambda it: it.sock.sendall(pdu(4, struct.pack(">IBB", 4, 1, 3) + b"xx")),
            "sent no message",
        ),
    ],
)  # fmt: skip
def test_a_peer_that_ends_it_or_talks_nonsense(upstream, end, why):
    end(upstream)
    with pytest.raises(AssociationLostError, match=why):
        upstream.conversation.receive()
    with pytest.raises(AssociationLostError):
        upstream.conversation.request(1, {COMMAND_FIELD: us(C_FIND_RQ)})


def test_the_object_that_was_coming_in_is_abandoned(upstream):
    kept = Kept()
    encoded = encode_command_set(
        {COMMAND_FIELD: us(C_STORE_RQ), MESSAGE_ID: us(9), DATA_SET_TYPE: us(0)}
    )
    pdus = b"".join(b"".join(batch) for batch in p_data(1, encoded, [b"half" * 5000], PDU))
    upstream.sock.sendall(pdus[: len(pdus) // 2])
    upstream.sock.close()
    with pytest.raises(AssociationLostError):
        upstream.conversation.receive(lambda context_id, command: kept)
    assert kept.data
    assert kept.abandoned
