"""What peers can do: each exchange with them ends in time, with an answer or with the reason."""

import contextlib
import resource
import select
import socket
import struct
import threading
import time

import pytest

from atlas_node.dimse.transport import established
from atlas_node.dimse.transport.command_set import (
    decode_command_set,
    encode_command_set,
    number,
    us,
)
from atlas_node.dimse.transport.established import (
    AssociationLostError,
    EstablishedAssociation,
    Patience,
)
from tests.waiting import LONG, wait_until

PATIENT = Patience(response=LONG, silence=LONG, release=LONG)
IMPATIENT = Patience(response=0.5, silence=0.5, release=0.5)
REQUEST = {0x0100: us(0x0001)}
RELEASE_RQ, RELEASE_RP, ABORT = (struct.pack(">BxII", kind, 4, 0) for kind in (5, 6, 7))


def value(fragment: bytes, flags: int = 3, context_id: int = 1) -> bytes:
    return struct.pack(">IBB", len(fragment) + 2, context_id, flags) + fragment


def p_data(*values: bytes) -> bytes:
    body = b"".join(values)
    return struct.pack(">BxI", 4, len(body)) + body


def response(status: int = 0, message_id: int = 1) -> bytes:
    elements = {0x0100: us(0x8001), 0x0120: us(message_id), 0x0800: us(0x0101), 0x0900: us(status)}
    return p_data(value(encode_command_set(elements)))


class Peer:
    """The other end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.data_sets: list[bytes] = []
        self._thread: threading.Thread | None = None

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def read_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self.read(6))
        return kind, self.read(length)

    def read_request(self) -> int:
        """Read a request with its data set; return its message ID."""
        _, body = self.read_pdu()
        command = decode_command_set(body[6:])
        data = b""
        while number(command, 0x0800) != 0x0101:
            _, body = self.read_pdu()
            data += body[6:]
            if body[5] & 2:
                self.data_sets.append(data)
                break
        return number(command, 0x0110)

    def plays(self, script) -> None:
        """Run a function of this peer in a thread of its own."""

        def run():
            with contextlib.suppress(OSError, EOFError):
                script(self)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self._thread:
            self._thread.join(LONG)
        self.socket.close()


@contextlib.contextmanager
def associated(patience: Patience):
    """An association and its peer, over TCP so that a connection can be reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        peer = Peer(listener.accept()[0])
    association = EstablishedAssociation(
        ours,
        "PACS",
        longest_sent=16384,
        longest_received=16384,
        patience=patience,
    )
    yield association, peer
    association.abort()
    peer.close()


@pytest.fixture
def pair(monkeypatch):
    monkeypatch.setattr(established, "_CLOSING", 0.1)
    with associated(PATIENT) as both:
        yield both


@pytest.fixture
def hurried(monkeypatch):
    """A pair of which the peer must not be silent for long."""
    monkeypatch.setattr(established, "_CLOSING", 0.1)
    monkeypatch.setattr(established, "_AFTER_AN_ANSWER", 0.2)
    with associated(IMPATIENT) as both:
        yield both


def reset(sock: socket.socket) -> None:
    """Close so that the other side gets a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def answers(*statuses: int):
    def script(peer):
        for status in statuses:
            peer.socket.sendall(response(status, peer.read_request()))
        while True:
            kind, _ = peer.read_pdu()
            if kind == 5:
                peer.socket.sendall(RELEASE_RP)

    return script


def test_requests_are_answered_one_after_the_other(pair):
    association, peer = pair
    peer.plays(answers(0x0000, 0xA900, 0x0000))
    pieces = [b"abc", memoryview(bytes(300_000)), b"d"]
    statuses = [number(association.exchange(1, REQUEST, pieces).elements, 0x0900) for _ in "12"]
    assert statuses == [0x0000, 0xA900]
    assert not association.exchange(1, REQUEST).early
    assert peer.data_sets == [b"".join(pieces)] * 2
    assert association.is_open()
    association.release()
    assert not association.is_open()


def test_a_response_in_many_small_parts(pair):
    association, peer = pair

    def script(peer):
        peer.read_request()
        for byte in response(0xB000):
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.0005)

    peer.plays(script)
    assert number(association.exchange(1, REQUEST).elements, 0x0900) == 0xB000


def then(*actions):
    """A peer that reads a request and then does each of `actions`."""

    def script(peer):
        peer.read_request()
        for action in actions:
            if isinstance(action, bytes):
                peer.socket.sendall(action)
            else:
                action(peer.socket)

    return script


def half_close(sock):
    sock.shutdown(socket.SHUT_WR)


LOST = [
    (then(ABORT), "aborted the association in the middle"),
    (then(RELEASE_RQ), "released the association in the middle"),
    (then(socket.socket.close), "closed the connection in the middle"),
    (then(half_close), "closed the connection in the middle"),
    (then(reset), "the connection broke in the middle"),
    (then(response()[:20], socket.socket.close), "closed the connection in the middle"),
    (then(response()[:20], half_close), "closed the connection in the middle"),
    (then(response(message_id=2)), "answered with another message"),
    (then(response().replace(us(0x8001), us(0x8030))), "answered with another message"),
    (then(p_data(value(b"\x08\0\x60\0", 2))), "with a data set"),
    (then(p_data(value(b"", 3, context_id=9))), "in presentation context 9"),
    (then(struct.pack(">BxI", 4, 2**31)), "announced a PDU of 2147483648 bytes"),
    (then(struct.pack(">BxI", 4, 20) + bytes(20)), "presentation data value of 0 bytes"),
    (then(RELEASE_RP), "sent a PDU of type 0x06 out of turn"),
    (then(b"HTTP/1.1 400 Bad Request\r\n"), "sent a PDU of type 0x48"),
    (then(bytes(6)), "sent a PDU of type 0x00"),
]


@pytest.mark.parametrize(("script", "why"), LOST, ids=[why for _, why in LOST])
def test_an_exchange_that_cannot_end_well_ends_with_the_reason(pair, script, why):
    association, peer = pair
    peer.plays(script)
    with pytest.raises(AssociationLostError, match=f"PACS: .*{why}"):
        association.exchange(1, REQUEST, [b"data"])
    assert not association.is_open()


@pytest.mark.parametrize("said", [b"", response()[:20]])
def test_an_answer_that_does_not_come_as_a_whole_is_not_waited_for(hurried, said):
    association, peer = hurried
    peer.plays(then(said))
    with pytest.raises(AssociationLostError, match=r"PACS: no answer in 0\.5 s"):
        association.exchange(1, REQUEST, [b"data"])
    assert not association.is_open()


def test_a_peer_that_sends_nothing_to_the_point_for_ever_is_given_up(hurried):
    association, peer = hurried

    def script(peer):
        peer.read_request()
        while True:
            peer.socket.sendall(p_data(value(b"", 1)))

    peer.plays(script)
    with pytest.raises(AssociationLostError, match="no answer"):
        association.exchange(1, REQUEST)


@pytest.mark.parametrize(
    ("last_words", "why"),
    [
        (ABORT, "aborted the association"),
        (RELEASE_RQ, "released the association"),
        (b"", "broke in the middle|closed the connection"),
    ],
)
def test_a_peer_that_ends_it_while_we_send_more_than_it_takes(pair, last_words, why):
    association, peer = pair

    def script(peer):
        peer.read_pdu()
        peer.socket.sendall(last_words)
        if not last_words:
            peer.socket.close()

    peer.plays(script)
    begun = time.monotonic()
    with pytest.raises(AssociationLostError, match=why):
        association.exchange(1, REQUEST, [bytes(50_000_000)])
    assert time.monotonic() - begun < LONG


def test_a_peer_that_takes_nothing_more_is_given_up(hurried):
    association, peer = hurried
    peer.plays(lambda peer: peer.read_pdu())
    with pytest.raises(AssociationLostError, match=r"took nothing for 0.5 s"):
        association.exchange(1, REQUEST, [bytes(50_000_000)])


def test_a_peer_that_trickles_while_it_takes_nothing_is_given_up(hurried):
    association, peer = hurried

    def script(peer):
        peer.read_pdu()
        while True:
            peer.socket.sendall(p_data(value(b"", 1)))
            time.sleep(0.05)

    peer.plays(script)
    with pytest.raises(AssociationLostError, match=r"took nothing for 0.5 s"):
        association.exchange(1, REQUEST, [bytes(50_000_000)])


def test_a_slow_peer_gets_all_of_it():
    def script(peer):
        for _ in range(9):
            time.sleep(0.25)  # far less than the silence that is borne, but more of it in sum
            for _ in range(5):
                peer.socket.recv(100_000)
        while not peer.socket.recv(1 << 20).endswith(b"**"):
            pass
        peer.socket.sendall(response())

    with associated(Patience(response=LONG, silence=2.0, release=LONG)) as (association, peer):
        peer.plays(script)
        answer = association.exchange(1, REQUEST, [bytes(20_000_000), b"**"])
        assert number(answer.elements, 0x0900) == 0


def test_a_failure_that_comes_early_is_the_answer(pair):
    association, peer = pair

    def script(peer):
        peer.read_pdu()
        peer.socket.sendall(response(0xA700))
        while peer.socket.recv(1 << 20):
            pass

    peer.plays(script)
    answer = association.exchange(1, REQUEST, [bytes(50_000_000)])
    assert (number(answer.elements, 0x0900), answer.early) == (0xA700, True)
    assert association.is_open()


def test_a_peer_that_takes_nothing_more_after_its_early_answer_is_left(hurried):
    association, peer = hurried

    def script(peer):
        peer.read_pdu()
        peer.socket.sendall(response(0xA700))

    peer.plays(script)
    answer = association.exchange(1, REQUEST, [bytes(50_000_000)])
    assert (number(answer.elements, 0x0900), answer.early) == (0xA700, True)
    assert not association.is_open()


def test_an_answer_is_early_also_where_sending_never_has_to_wait(pair):
    association, peer = pair
    peer.socket.sendall(response())
    assert select.select([association._socket], [], [], LONG)[0]
    assert association.exchange(1, REQUEST, [b"data"]).early


def test_a_failure_that_comes_early_counts_though_the_peer_hangs_up(pair):
    association, peer = pair

    def script(peer):
        peer.read_pdu()
        peer.socket.sendall(response(0xA700))
        time.sleep(0.2)
        peer.socket.close()

    peer.plays(script)
    answer = association.exchange(1, REQUEST, [bytes(50_000_000)])
    assert (number(answer.elements, 0x0900), answer.early) == (0xA700, True)
    assert not association.is_open()


@pytest.mark.parametrize(
    "behind",
    [response(), RELEASE_RQ, ABORT, b"nonsense"],
    ids=["another", "release", "abort", "nonsense"],
)
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_what_comes_behind_an_answer_ends_the_association_and_not_the_exchange(pair, behind, pause):
    association, peer = pair
    answered = threading.Event()

    def script(peer):
        peer.read_request()
        if pause:
            peer.socket.sendall(response())
            answered.wait(LONG)
            peer.socket.sendall(behind)
        else:
            peer.socket.sendall(response() + behind)
        said.set()

    said = threading.Event()
    peer.plays(script)
    answer = association.exchange(1, REQUEST, [b"data"])
    answered.set()
    assert (number(answer.elements, 0x0900), answer.early) == (0, False)
    assert said.wait(LONG)
    wait_until(lambda: not association.is_open())


def test_a_peer_that_asks_for_release_is_answered(pair):
    association, peer = pair
    said = []
    peer.socket.sendall(RELEASE_RQ)
    peer.plays(lambda peer: (said.append(peer.read_pdu()), peer.socket.close()))
    wait_until(lambda: not association.is_open())
    peer.close()
    assert said == [(6, bytes(4))]


def test_an_idle_peer_that_closed_is_noticed(pair):
    association, peer = pair
    assert association.is_open()
    peer.socket.close()
    wait_until(lambda: not association.is_open())


def test_an_abort_tells_who_and_why(pair):
    association, peer = pair
    said = []
    peer.plays(
        lambda peer: (
            peer.read_request(),
            peer.socket.sendall(response(message_id=9)),
            said.append(peer.read_pdu()),
        )
    )
    with pytest.raises(AssociationLostError):
        association.exchange(1, REQUEST)
    peer.close()
    assert said == [(7, bytes([0, 0, 2, 6]))]


@pytest.mark.parametrize(
    "script",
    [
        lambda peer: (peer.read_pdu(), peer.socket.sendall(RELEASE_RP)),
        lambda peer: (peer.read_pdu(), peer.socket.sendall(ABORT)),
        lambda peer: (peer.read_pdu(), peer.socket.close()),
        lambda peer: (peer.read_pdu(), peer.socket.sendall(b"nonsense")),
        lambda peer: (peer.read_pdu(), peer.socket.sendall(p_data(value(b"late", 2)) * 3)),
        lambda peer: peer.read_pdu(),
        lambda peer: [peer.socket.sendall(p_data(value(b"", 1))) for _ in iter(int, 1)],
    ],
    ids=["answers", "aborts", "closes", "nonsense", "late data", "says nothing", "floods"],
)
def test_a_release_ends_whatever_the_peer_does(hurried, script):
    association, peer = hurried
    peer.plays(script)
    association.release()
    assert not association.is_open()


def test_two_releases_at_once_are_both_answered(pair):
    association, peer = pair
    said = []

    def script(peer):
        said.append(peer.read_pdu()[0])
        peer.socket.sendall(RELEASE_RQ)
        said.append(peer.read_pdu()[0])
        peer.socket.sendall(RELEASE_RP)

    peer.plays(script)
    association.release()
    peer.close()
    assert said == [5, 6]


def test_a_fault_of_ours_in_the_middle_of_a_message_ends_the_association(pair):
    association, peer = pair
    peer.plays(lambda peer: peer.read_request())
    with pytest.raises(TypeError):
        association.exchange(1, REQUEST, [bytes(50_000), "no bytes"])
    assert not association.is_open()
    peer.close()
    assert peer.data_sets == []


def test_waiting_for_a_peer_costs_no_time_of_the_processor(hurried):
    association, peer = hurried
    peer.plays(then())
    before = resource.getrusage(resource.RUSAGE_THREAD)
    with pytest.raises(AssociationLostError, match="no answer"):
        association.exchange(1, REQUEST)
    after = resource.getrusage(resource.RUSAGE_THREAD)
    assert after.ru_nvcsw - before.ru_nvcsw < 100
