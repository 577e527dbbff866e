"""What can come of asking a peer for an association: there is one, or one line says why not."""

import contextlib
import socket
import struct
import threading
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from atlas_node.config import NodeSettings, Timeouts
from atlas_node.dimse import Peer
from atlas_node.dimse.scu import ContextRefusedError, KeptAssociation
from atlas_node.errors import PeerError
from tests.waiting import LONG

CT = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
NODE = NodeSettings(timeouts=Timeouts(acse=2, dimse=LONG, network=LONG, connect=LONG))


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def accept(
    result: int = 0, context_id: int = 1, syntax: str = CT[1], longest: int = 16384
) -> bytes:
    """An A-ASSOCIATE-AC PDU."""
    context = bytes([context_id, 0, result, 0]) + item(0x40, syntax.encode())
    user = item(0x51, struct.pack(">I", longest)) + item(0x52, b"1.2.3")
    names = b"PACS".ljust(16) + b"ATLAS".ljust(16) + bytes(32)
    body = struct.pack(">HH", 1, 0) + names + item(0x10, b"1.2.840.10008.3.1.1.1")
    body += item(0x21, context) + item(0x50, user)
    return struct.pack(">BxI", 2, len(body)) + body


def reject(result: int, source: int, reason: int) -> bytes:
    return struct.pack(">BxIxBBB", 3, 4, result, source, reason)


@pytest.fixture
def answering():
    """Start a listener that answers each association request with some bytes, then is silent."""
    listeners, associations, ended = [], [], threading.Event()

    def start(*answers: bytes, close: bool = False) -> KeptAssociation:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as sock:
                sock.recv(65536)
                for answer in answers:
                    sock.sendall(answer)
                    time.sleep(0.02)
                ended.wait(0 if close else LONG)

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        peer = Peer("pacs", "PACS", "127.0.0.1", port, "ATLAS")
        associations.append(KeptAssociation(peer, NODE))
        return associations[-1]

    yield start
    for association in associations:
        association.close()
    ended.set()
    for listener in listeners:
        listener.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "no answer to the association request"),
        ([accept()[:30]], "no answer to the association request"),
        ([reject(1, 1, 7)], "rejected the association: Called AE title not recognised"),
        ([reject(2, 3, 2)], "rejected the association: Local limit exceeded"),
        ([reject(9, 9, 9)], ""),
        ([struct.pack(">BxII", 7, 4, 0)], "aborted the association request"),
        ([struct.pack(">BxII", 5, 4, 0)], ""),
        ([struct.pack(">BxI", 2, 2**32 - 1)], "no answer to the association request"),
        ([struct.pack(">BxI", 2, 0)], ""),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], ""),
        ([accept(longest=7)], "takes PDUs of 7 bytes"),
        ([accept(), struct.pack(">BxII", 7, 4, 0)], "aborted|ended|no association"),
        ([accept(context_id=77)], ""),
    ],
)
def test_an_answer_that_gives_no_association(answering, answers, why):
    association = answering(*answers)
    with pytest.raises(PeerError, match=f"PACS at 127.0.0.1:.*{why}"):
        association.store(CT, "1.2.3", [b"\0\0"])
    assert not association.is_open


def test_a_peer_that_accepts_another_transfer_syntax_than_was_proposed(answering):
    with pytest.raises(ContextRefusedError, match="refused the presentation context"):
        answering(accept(syntax="1.2.840.10008.1.2")).store(CT, "1.2.3", [b"\0\0"])


def test_a_peer_that_closes_at_once(answering):
    with pytest.raises(PeerError, match="closed the connection at the association request"):
        answering(close=True).store(CT, "1.2.3", [b"\0\0"])


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (1, "rejected by the user"),
        (2, "rejected without a reason"),
        (3, "it does not know the SOP class"),
        (4, "it does not take the transfer syntax"),
    ],
)
def test_a_context_that_is_refused_alone(answering, result, why):
    with pytest.raises(ContextRefusedError, match=why):
        answering(accept(result)).store(CT, "1.2.3", [b"\0\0"])


def test_a_peer_that_trickles_its_answer_is_not_waited_for(answering):
    whole = accept()
    association = answering(*(whole[number : number + 1] for number in range(len(whole))))
    with pytest.raises(PeerError):
        association.store(CT, "1.2.3", [b"\0\0"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 180), st.integers(0, 255)), min_size=1, max_size=4))
def test_whatever_an_acceptance_holds_is_an_association_or_one_error(answering, changes):
    changed = bytearray(accept())
    for at, byte in changes:
        changed[at % len(changed)] = byte
    association = answering(bytes(changed), close=True)
    with pytest.raises(PeerError):
        association.store(CT, "1.2.3", [b"\0\0"])
