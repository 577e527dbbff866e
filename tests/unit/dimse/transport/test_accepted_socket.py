import socket
import threading
import time
from types import SimpleNamespace

import pytest

from atlas_node.dimse.transport.accepted_socket import PDU_ALLOWANCE, AcceptedSocket
from tests.waiting import LONG

SILENCE = 0.2


class Ends:
    """An accepted socket and the peer's end of it."""

    def __init__(self, silence: float = LONG) -> None:
        ours, self.peer = socket.socketpair()
        dul = SimpleNamespace(event_queue=SimpleNamespace(put=lambda event: None))
        assoc = SimpleNamespace(dul=dul, acceptor=SimpleNamespace(maximum_length=16384))
        self.ours = AcceptedSocket(assoc, ours, silence)

    def read(self, count: int) -> bytes:
        into = bytearray(count)
        self.ours.read(memoryview(into))
        return bytes(into)


@pytest.fixture
def ends():
    opened = Ends()
    yield opened
    opened.peer.close()
    opened.ours.close()


@pytest.fixture
def impatient():
    """Ends of which ours bears little silence."""
    opened = Ends(SILENCE)
    yield opened
    opened.peer.close()
    opened.ours.close()


def test_a_read_ends_when_everything_is_there(ends):
    def trickle() -> None:
        for byte in b"abcdef":
            time.sleep(0.02)
            ends.peer.send(bytes([byte]))

    thread = threading.Thread(target=trickle)
    thread.start()
    assert ends.read(4) == b"abcd"
    assert ends.read(2) == b"ef"
    thread.join()


def test_a_peer_that_has_gone_is_an_end(ends):
    ends.peer.send(b"ab")
    ends.peer.close()
    with pytest.raises(EOFError):
        ends.read(3)


@pytest.mark.parametrize("said", [b"", b"ab"])
def test_silence_is_borne_for_so_long(impatient, said):
    impatient.peer.send(said)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        impatient.read(3)
    assert SILENCE * 0.9 < time.monotonic() - begun < LONG


def test_a_peer_that_takes_nothing_is_borne_for_so_long(impatient):
    with pytest.raises(TimeoutError):
        impatient.ours.send_all(bytes(1 << 24))


def test_nothing_is_sent_on_a_connection_that_is_closed(ends):
    ends.ours.close()
    with pytest.raises(OSError, match="the connection is closed"):
        ends.ours.send_all(b"late")


def test_what_was_read_can_be_given_back(ends):
    ends.peer.send(b"abcdef")
    assert ends.read(3) == b"abc"
    ends.ours.unread(b"abc")
    assert ends.ours.recv(3) == b"abc"
    assert ends.ours.recv(3) == b"def"


def test_pynetdicom_gets_fewer_bytes_when_the_peer_has_gone(ends):
    ends.peer.send(b"abc")
    ends.peer.close()
    assert len(ends.ours.recv(6)) < 6


def test_a_pdu_longer_than_any_that_is_taken_is_not_read(ends):
    with pytest.raises(OSError, match="a PDU of 1064961 bytes is longer than any that we take"):
        ends.ours.recv(16384 + PDU_ALLOWANCE + 1)


def test_a_read_of_another_thread_can_be_ended_and_an_answer_still_be_sent(ends):
    ended = []

    def read() -> None:
        try:
            ends.read(1)
        except EOFError:
            ended.append("end")

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)
    ends.ours.stop_reading()
    thread.join(LONG)
    assert ended == ["end"]
    ends.ours.send_all(b"abort")
    assert ends.peer.recv(5) == b"abort"


def test_what_a_peer_still_sends_is_thrown_away_until_it_closes(ends):
    def send() -> None:
        ends.peer.sendall(bytes(1 << 20))
        ends.peer.close()

    thread = threading.Thread(target=send)
    thread.start()
    begun = time.monotonic()
    ends.ours.wait_for_close(2 * LONG)
    assert time.monotonic() - begun < LONG
    thread.join()


def test_a_peer_that_does_not_close_is_not_waited_for_long(ends):
    begun = time.monotonic()
    ends.ours.wait_for_close(0.1)
    assert time.monotonic() - begun < LONG
