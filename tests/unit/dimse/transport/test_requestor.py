import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pynetdicom import evt
from pynetdicom.presentation import build_context

from atlas_node.config import Timeouts
from atlas_node.dimse.peer import Caller, NoContextError, Peer
from atlas_node.errors import PeerError
from tests.commitment import (
    PUSH_MODEL,
    Archive,
    information,
    references,
    request,
)
from tests.fault.pacs import VERIFICATION, Pacs
from tests.unit.dimse.test_peer import accept
from tests.waiting import LONG, wait_until


@pytest.fixture
def pacs():
    with Pacs() as running:
        yield running


@pytest.fixture
def caller(pacs, node):
    return Caller(Peer("pacs", "PACS", "127.0.0.1", pacs.port, "ATLAS"), node)


@pytest.fixture
def hasty_threads():
    """Let threads interrupt each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_pynetdicoms_own_messages_lose_no_response(caller, hasty_threads):
    assoc = caller.associate([build_context(VERIFICATION)])
    assert [assoc.send_c_echo().Status for _ in range(50)] == [0x0000] * 50
    assoc.release()
    assert assoc.is_released


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_where_an_answer_is_not_understood_no_thread_and_no_connection_is_left(node):
    before = set(threading.enumerate())
    hasty = node.model_copy(update={"timeouts": Timeouts(acse=0.5)})
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as peer:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(accept(syntax="1.2.ä"))
                connection.settimeout(LONG)
                while connection.recv(4096):
                    pass

        answered = peer.submit(answer)
        caller = Caller(Peer("pacs", "PACS", *listener.getsockname(), "ATLAS"), hasty)
        with pytest.raises(PeerError, match="no answer"):
            caller.associate([build_context(VERIFICATION)])
        answered.result()
    assert set(threading.enumerate()) <= before


def test_a_peer_that_takes_no_context_says_which_it_rejects(caller, pacs):
    with pytest.raises(NoContextError, match="accepts no presentation context") as raised:
        caller.associate([build_context(VERIFICATION, "1.2.840.10008.1.2.4.50")])
    assert [it.result for it in raised.value.rejected] == [4]


def test_a_release_waits_for_a_report_that_is_being_answered(node):
    reporting = threading.Event()

    def slowly(event):
        reporting.set()
        time.sleep(0.3)
        return 0x0000, None

    with Archive() as archive:
        asked = information("1.2.3", references(1))
        caller = Caller(Peer("pacs", "PACS", "127.0.0.1", archive.port, "ATLAS"), node)
        assoc = caller.associate(
            [build_context(PUSH_MODEL)], evt_handlers=[(evt.EVT_N_EVENT_REPORT, slowly)]
        )
        assert request(assoc, asked) == 0x0000
        assert reporting.wait(LONG)
        assoc.release()
        wait_until(lambda: archive.answers)
    assert assoc.is_released
    assert archive.answers == [0x0000]
    assert not assoc.dul.is_alive()
